"""The rows of a table as figures ask for them: by checkpoint, role and quantity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from ngpt_inspect.figures.canvas.theme import shades_and_dashes
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.table import Table
from ngpt_inspect.vocabulary import OUTSIDE_LAYERS, QK_SCALES, Role, Series, Status

NO_STEP = -1
PLACE = ["checkpoint", "step", "role"]
"""Columns that tell apart what is drawn with a style of its own, role by role."""
NUMBERS = ["layer", "expert", "head", "index"]
SAID = ["measure", "status", "reason"]

Key = tuple[Any, ...]
"""Checkpoint, step, role, measure and statistic."""
Record = dict[str, Any]
"""A row as figures of single values read it: `NUMBERS` (whole or None), `value` and `SAID`."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """One checkpoint, or one step of a run, and how every figure draws it."""

    checkpoint: str
    step: int
    """`NO_STEP` where the checkpoint does not say."""
    label: str
    """For legends: ``ngpt``, or ``ngpt @ step 200`` where a run is there with several steps."""
    family: str
    color: str
    dash: str
    n_layers: int

    @property
    def key(self) -> str:
        """Ties the traces of one checkpoint to its legend entry."""
        return f"{self.checkpoint} {self.step}"


class CutTable:
    """A table cut by checkpoint, role and quantity.

    Parameters
    ----------
    table
        Rows of docs/table.md, with their summary rows. Its `attrs` name the checkpoints in the
        order, with the family, that fixes their colours: the same in every figure.
    drawn
        What the figure draws; other rows are not touched.
    layer
        The one layer to draw; all by default.
    pooled
        Draw the statistics over all layers of a role; by default those of each weight.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        drawn: Iterable[Series],
        *,
        layer: int | None = None,
        pooled: bool = False,
    ) -> None:
        facts, table = table.attrs, Table.of(table).rows
        self.styles = styles(table, facts.get("checkpoints", []))
        self.layer = layer
        self.settings: Mapping[str, Any] = facts.get("settings", {})
        if layer is not None:
            table = table[(table["layer"] == layer).fillna(False).astype(bool)]
        skipped = table["status"] == Status.SKIPPED
        self._skips = dict(list(_tidied(table[skipped]).groupby(PLACE, observed=True)))
        asked: set[tuple[Any, Any]] = set(drawn)
        within = table["statistic"].isna() | table["layer"].notna() ^ pooled
        within |= table["role"].isin([str(role) for role in OUTSIDE_LAYERS])
        wanted = table["measure"].isin([measure for measure, _ in asked])
        rows = _tidied(table[~skipped & within & wanted])
        self._sampled = rows["reason"].where(rows["status"] == Status.SAMPLED)
        self._rows = rows
        places: Any = rows.groupby([*PLACE, "measure", "statistic"], observed=True).indices
        self._at: dict[Key, np.ndarray] = {
            key: at for key, at in places.items() if (key[3], key[4] or None) in asked
        }

    def get(self, style: Style, role: Role, series: Series) -> pd.DataFrame:
        """Return the rows of one series, by layer and index; empty where there are none."""
        return self._rows.iloc[self._at.get(_key(style, role, series), [])]

    def records(self, style: Style, role: Role, series: Series) -> list[Record]:
        """Return the same rows one by one: of few, quicker than a frame of them."""
        return [self._records[at] for at in self._at.get(_key(style, role, series), [])]

    @cached_property
    def _records(self) -> list[Record]:
        return records_of(self._rows)

    def one(self, style: Style, role: Role, series: Series, head: int | None) -> pd.DataFrame:
        """Return the rows of one head, or of the whole matrix."""
        rows = self.get(style, role, series)
        return rows[rows["head"].isna()] if head is None else rows[rows["head"].eq(head)]

    def skips(self, style: Style, role: Role) -> pd.DataFrame:
        """Return the rows that say why something of this role was not measured."""
        return self._skips.get((style.checkpoint, style.step, str(role)), self._rows.iloc[:0])

    def sampled(self, style: Style, role: Role) -> list[str]:
        """Return the reasons given with what was estimated from a sample."""
        if self._sampled.isna().all():
            return []
        mine = (style.checkpoint, style.step, str(role))
        reasons = [
            reason
            for key, at in self._at.items()
            if key[:3] == mine
            for reason in self._sampled.iloc[at].dropna().unique()
        ]
        return list(dict.fromkeys(reasons))

    def present(self, roles: Iterable[Role]) -> list[Role]:
        """Return those of these roles that any checkpoint has rows of."""
        found = {key[2] for key in self._at}
        return [role for role in roles if str(role) in found]

    def sought(self, roles: Iterable[Role]) -> list[Role]:
        """Return those of these roles that a reader looks for: of `QK_SCALES` the ways taken."""
        taken = self.present(QK_SCALES) or [Role.S_QK]
        return [role for role in roles if role not in QK_SCALES or role in taken]

    def has(self, style: Style, role: Role) -> bool:
        """Whether this checkpoint has any drawn rows of this role."""
        mine = (style.checkpoint, style.step, str(role))
        return any(key[:3] == mine for key in self._at)


def _key(style: Style, role: Role, series: Series) -> Key:
    return style.checkpoint, style.step, str(role), series.measure, series.statistic or ""


def records_of(rows: pd.DataFrame) -> list[Record]:
    """Return rows one by one."""
    columns = {name: [whole(number) for number in rows[name]] for name in NUMBERS}
    columns |= {name: rows[name].tolist() for name in ["value", *SAID]}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _tidied(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what is drawn, in drawing order, empty texts in the place of nulls.

    Texts as objects: every panel takes some rows, and of Arrow's that takes ten times as long.
    """
    rows = rows[[*PLACE, *NUMBERS, "statistic", "value", *SAID]]
    texts = {
        name: rows[name].astype(object) for name in ("checkpoint", "role", "measure", "status")
    }
    texts |= {name: rows[name].astype(object).fillna("") for name in ("reason", "statistic")}
    rows = rows.assign(step=rows["step"].fillna(NO_STEP).astype(int), **texts)
    return rows.sort_values(["layer", "expert", "index"], kind="stable")


def styles(table: pd.DataFrame, checkpoints: Iterable[Mapping[str, Any]]) -> list[Style]:
    """Return one style a checkpoint and step: as `attrs` lists them, then as they appear.

    What lists a checkpoint may say its `color` and `dash`; else they follow from its place.
    """
    stated = {(facts["label"], _step(facts.get("step"))): facts for facts in checkpoints}
    seen = table[["checkpoint", "step", "architecture"]].drop_duplicates()
    met = {(row.checkpoint, _step(row.step)): row.architecture for row in seen.itertuples()}
    keys = list(dict.fromkeys([*stated, *sorted(met)]))
    names = Counter(name for name, _ in keys)
    families = [
        stated.get(key, {}).get("family") or _guess_family(met.get(key, "")) for key in keys
    ]
    return [
        Style(
            checkpoint=name,
            step=step,
            label=_label(name, step, several=names[name] > 1),
            family=family,
            color=stated.get((name, step), {}).get("color", color),
            dash=stated.get((name, step), {}).get("dash", dash),
            n_layers=_n_layers(table, name, stated.get((name, step), {})),
        )
        for (name, step), family, (color, dash) in zip(
            keys, families, shades_and_dashes(families), strict=True
        )
    ]


def _step(step: Any) -> int:
    number = whole(step)
    return NO_STEP if number is None else number


def _label(name: str, step: int, *, several: bool) -> str:
    """Name the step only where it tells lines apart and the name does not say it already."""
    if several and step != NO_STEP and str(step) not in name:
        name = f"{name} @ step {step}"
    return escape(name)


def _guess_family(architecture: object) -> str:
    """Say which family a table without `attrs` (read back from CSV) is of."""
    return "nGPT" if "ngpt" in str(architecture).lower() else "GPT"


def _n_layers(table: pd.DataFrame, name: str, facts: Mapping[str, Any]) -> int:
    """Return the number of layers, from `attrs` or else from the highest layer seen."""
    stated = (facts.get("shape") or {}).get("n_layers")
    if stated:
        return int(stated)
    highest = whole(table.loc[table["checkpoint"] == name, "layer"].max())
    return 1 if highest is None else highest + 1


def whole(number: Any) -> int | None:
    """Return an integer column's value, or None where it is null, whatever pandas made of it."""
    return None if str(number) in ("None", "nan", "<NA>") else int(number)


def normalized_layer(layer: int, n_layers: int) -> float:
    """Return the paper's 0-1 layer axis, layer / (n_layers - 1); 0 for a single layer."""
    return layer / (n_layers - 1) if n_layers > 1 else 0.0
