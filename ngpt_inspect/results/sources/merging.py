"""One table of the rows of several sources: nothing twice, no two runs of one name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.results.schema.columns import IDENTITY, RUN, names
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.frames import stacked


def merged(chosen: Results, pieces: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all sources in order, as `chosen` declares its columns.

    A row that two sources share whole (a run that served two experiments) is kept once. Runs
    that have a name in common and are not the same get the name of their source put before.
    """
    identified = RUN in chosen.columns
    parts = _named_apart(pieces) if identified else pieces.values()
    table = stacked(chosen.columns, parts)
    return table.drop_duplicates(ignore_index=True) if identified else table


def _named_apart(pieces: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    owners: dict[tuple[object, ...], str] = {}
    taken: dict[str, tuple[object, ...]] = {}
    out = []
    for source, piece in pieces.items():
        identities = piece[names(IDENTITY)].drop_duplicates()
        new = {}
        for identity in identities.itertuples(index=False, name=None):
            run = str(identity[0])
            known = taken.setdefault(run, identity)
            if known != identity and owners[known] != source:
                new[run] = f"{_short(source)}/{run}"
            owners.setdefault(identity, source)
        out.append(piece.assign(run=piece["run"].map(lambda run, new=new: new.get(run, run))))
    return out


def _short(source: str) -> str:
    path = Path(source)
    return path.stem if path.suffix else path.parent.name
