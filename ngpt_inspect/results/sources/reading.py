"""Tables of training results by name, from whatever sources there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.naming import named
from ngpt_inspect.results._registry import RESULTS
from ngpt_inspect.results.schema.columns import names
from ngpt_inspect.results.schema.contract import Results
from ngpt_inspect.results.schema.csv_file import provenance, read_rows, to_table
from ngpt_inspect.results.sources.merging import merged
from ngpt_inspect.results.sources.places import (
    Place,
    csv_files,
    listed,
    run_folders,
    table_of,
    without_weights,
)
from ngpt_inspect.version import __version__


def results_named(name: str) -> Results:
    """Return a table of training results by its name, with underscores or hyphens.

    Raises
    ------
    WrongOption
        There is none; the message lists them.
    """
    return named(name, RESULTS, "table of results")


def training_results(name: str, sources: Place | Sequence[Place]) -> pd.DataFrame:
    """Read, or compute from what is read, one table of training results.

    Parameters
    ----------
    name
        A name from `RESULTS`.
    sources
        One or several: the folder of a training run (or a checkpoint in it), a CSV file that an
        experiment wrote, a folder of such files. What holds nothing of this table adds no rows.

    Returns
    -------
    pandas.DataFrame
        Wide and tidy, columns as `RESULTS` declares. ``attrs``: `tool`, `results` (the name),
        `sources` (what was read, with digest and settings) and `remarks` (what was inferred,
        left out or could not be compared).

    Raises
    ------
    WrongOption
        No such table.
    UnreadableFile
        A file is missing, or a column of it is missing, unknown or wrong.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> table = ni.training_results("training_steps", ["runs/gpt", "runs/ngpt"])
    >>> table[["family", "step", "validation_loss"]].values.tolist()[:2]
    [['GPT', 100, 4.0], ['GPT', 200, 3.0]]
    """
    chosen = results_named(name)
    if chosen.compute is None:
        return _read(chosen, listed(sources))
    base = training_results(chosen.of, sources)
    facts = base.attrs
    base.attrs = {}  # pandas copies them deeply with every selection
    table = chosen.compute(base)[names(chosen.columns)]
    remarks = [*facts["remarks"], *table.attrs.get("remarks", [])]
    table.attrs = facts | {"results": chosen.name, "remarks": list(dict.fromkeys(remarks))}
    return table


def _read(chosen: Results, sources: list[Place]) -> pd.DataFrame:
    pieces: dict[str, pd.DataFrame] = {}
    facts: list[dict[str, Any]] = []
    young = without_weights(sources) if chosen.of_run else []
    remarks = [
        f"{path.name}: metrics without a checkpoint that says how it was trained, left out."
        for path in (() if chosen.young else young)
    ]
    for path in csv_files(sources):
        rows = read_rows(path)
        if table_of(path, rows[0]) is not chosen:
            continue
        pieces[str(path)] = to_table(path, chosen, rows)
        facts.append(provenance(path, len(rows) - 1))
    folders = [*run_folders(sources), *(young if chosen.young else ())] if chosen.of_run else []
    for folder in folders:
        assert chosen.of_run is not None
        table = chosen.of_run(folder)
        pieces[str(folder)] = table[names(chosen.columns)]
        facts.append({"source": str(folder), "rows": len(table), "settings": None})
        remarks += table.attrs["remarks"]
    table = merged(chosen, pieces)
    table.attrs = {
        "tool": f"ngpt-inspect {__version__}",
        "results": chosen.name,
        "sources": facts,
        "remarks": remarks,
    }
    return table
