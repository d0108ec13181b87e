"""The one table of a run that is followed: what is in it is measured, and is not measured again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.tables.export import encode, write_bytes
from ngpt_inspect.tables.reading import read_table
from ngpt_inspect.tables.rows import frame_of, rows_at

SUFFIX = ".ngpt-inspect.parquet"


def table_of(folder: Path) -> Path:
    """Return where the table of a run lies by default: beside its folder."""
    whole = folder.absolute()
    return whole.with_name(whole.name + SUFFIX)


class Ledger:
    """A table in a Parquet file that grows by a checkpoint at a time, each written whole.

    Which checkpoints are in it, by their fingerprints, by which measures, what the rules said of
    them and which trackers know of them stands in its `attrs`.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".parquet":
            raise WrongOption(
                "the table is a Parquet file", where=str(path), next_step="end its name in .parquet"
            )
        self.path = path
        self.table: pd.DataFrame = read_table(path) if path.is_file() else frame_of([])

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What is known of each checkpoint in the table."""
        found: list[dict[str, Any]] = self.table.attrs.setdefault("checkpoints", [])
        return found

    def knows(self, fingerprint: str, measures: Sequence[str]) -> bool:
        """Tell whether a checkpoint was measured with all of these measures."""
        return any(
            each["fingerprint"] == fingerprint and set(measures) <= set(each.get("measured", []))
            for each in self.entries
        )

    def append(
        self,
        rows: pd.DataFrame,
        measures: Sequence[str],
        broken: Sequence[Mapping[str, str]],
    ) -> None:
        """Add a checkpoint, in the place of what was measured of it before, and write the table.

        Raises
        ------
        InspectError
            It cannot be written.
        """
        (entry,) = rows.attrs["checkpoints"]
        entry = {**entry, "measured": list(measures), "broken": [dict(each) for each in broken]}
        entry["logged"] = []
        others = [e for e in self.entries if e["fingerprint"] != entry["fingerprint"]]
        kept = self.table
        for old in (each for each in self.entries if each not in others):
            kept = kept.drop(rows_at(kept, old["label"], old["step"]).index)
        table = pd.concat([kept, rows.astype(kept.dtypes.to_dict())], ignore_index=True)
        told = {name: value for name, value in rows.attrs.items() if name != "remarks"}
        table.attrs = {**told, "checkpoints": [*others, entry]}
        self._write(table)

    def logged(self, entry: Mapping[str, Any], destinations: Sequence[str]) -> None:
        """Note to which trackers a checkpoint was logged, and write the table."""
        table = self.table
        for each in self.entries:
            if each["fingerprint"] == entry["fingerprint"]:
                each["logged"] = sorted({*each.get("logged", []), *destinations})
        self._write(table)

    def unlogged(self, destination: str) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
        """Yield the checkpoints that a tracker does not know of, with their rows."""
        for entry in list(self.entries):
            if destination not in entry.get("logged", []):
                yield entry, rows_at(self.table, entry["label"], entry["step"])

    def _write(self, table: pd.DataFrame) -> None:
        write_bytes(self.path, encode(table, "parquet"))
        self.table = table

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from writing the table meanwhile.

        Raises
        ------
        InspectError
            Somebody does already.
        """
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            yield
            return
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise InspectError(
                f"cannot be written ({error.strerror})",
                where=str(self.path),
                next_step="name another place with --table",
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise InspectError(
                "another watch writes this table",
                where=str(self.path),
                next_step="end it, or name another with --table",
            ) from None
        try:
            yield
        finally:
            os.close(handle)
