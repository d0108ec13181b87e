"""Measured tables by key: the last used in memory, all on disk, both bounded."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

import pandas as pd

from ngpt_inspect.house import house
from ngpt_inspect.table import Table
from ngpt_inspect.tables.printing import TidyTable

MEMORY = 500_000_000
"""Bytes of tables in memory."""
DISK = 2_000_000_000
"""Bytes of files on disk."""
VARIABLE = "NGPT_INSPECT_CACHE"

log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Return where results are kept: ``$NGPT_INSPECT_CACHE``, the house's, the user's cache."""
    given = os.environ.get(VARIABLE) or house().cache
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ngpt-inspect"


class Store:
    """Tables that stay: the next start of the dashboard finds them again.

    A table that is taken out is shared by all who take it: nobody may change it. Files appear
    whole or not at all; one that cannot be read counts as absent, and a folder that cannot be
    written to leaves what is in memory.

    Parameters
    ----------
    folder
        Made when it is not there.
    memory, disk
        Bytes. What was used longest ago goes first; the last table always stays.
    """

    def __init__(self, folder: Path, *, memory: int = MEMORY, disk: int = DISK) -> None:
        self.folder, self.memory, self.disk = folder, memory, disk
        self._tables: OrderedDict[str, tuple[pd.DataFrame, int]] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()
        self._writable = True

    def get(self, key: str) -> pd.DataFrame | None:
        """Return the table kept under a key, or None."""
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key][0]
        table = self._read(key)
        if table is not None:
            self._remember(key, table)
        return table

    def put(self, key: str, table: pd.DataFrame) -> None:
        """Keep a table."""
        self._remember(key, table)
        try:
            self._write(key, table)
            self._forget_files()
        except OSError as error:
            if self._writable:
                log.warning("results are not kept on disk: %s (%s)", self.folder, error)
            self._writable = False

    def _remember(self, key: str, table: pd.DataFrame) -> None:
        size = int(Table.of(table).rows.memory_usage(deep=True).sum())
        with self._lock:
            if key in self._tables:
                self._held -= self._tables.pop(key)[1]
            self._tables[key] = (table, size)
            self._held += size
            while self._held > self.memory and len(self._tables) > 1:
                _, (_, freed) = self._tables.popitem(last=False)
                self._held -= freed

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.parquet"

    def _read(self, key: str) -> pd.DataFrame | None:
        """Return a table as it was put in: it shows itself in the same way."""
        path = self._path(key)
        try:
            read = pd.read_parquet(path)
            table = TidyTable(read)
            table.attrs = read.attrs
            os.utime(path)  # marks it as used: the files go in this order
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged file raises many types
            log.warning("%s cannot be read and is measured again (%s)", path, error)
            return None
        return table

    def _write(self, key: str, table: pd.DataFrame) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        os.close(handle)
        try:
            table.to_parquet(name, index=False)
            Path(name).replace(self._path(key))
        finally:
            Path(name).unlink(missing_ok=True)

    def _forget_files(self) -> None:
        """Delete the files used longest ago until the rest are small enough together."""
        files = []
        for path in self.folder.glob("*.parquet"):
            try:
                stat = path.stat()
            except FileNotFoundError:  # another server deletes as well
                continue
            files.append((stat.st_mtime_ns, stat.st_size, path))
        files.sort(key=lambda each: each[0])
        held = sum(size for _, size, _ in files)
        for _, size, path in files[:-1]:
            if held <= self.disk:
                return
            path.unlink(missing_ok=True)
            held -= size
