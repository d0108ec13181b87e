"""Numbers of docs/performance.md, from what the scripts in `benchmarks/` measured and kept."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
from markdown_table import table

MEASURED = Path(__file__).parents[1] / "benchmarks" / "measured.csv"
TOLD = Path(__file__).with_name("performance_ratios.csv")
"""Which ratios are told, in words, and what is aimed at."""
SIZES = ("0.1B", "0.4B", "1.5B", "7B")
PAIR, LARGE = "gpt, ngpt", "134M"
STEPS = ("heading", "figure", "at rest")
WAITS = {
    "a changed control": "0.3 s",
    "a click on a cell": "0.5 s",
    "a click on a cell looked at before": "0.5 s",
    "a page seen before": "0.5 s",
}
"""What is done on a page, and the aim."""


@cache
def measured() -> pd.DataFrame:
    """Return everything that was kept."""
    return pd.read_csv(MEASURED, keep_default_na=False)


def found(script: str, case: str, work: str, against: str = "", unit: str = "") -> pd.Series:
    """Return the row of one number.

    Raises
    ------
    KeyError
        It was not measured.
    """
    rows = measured()
    named = {"script": script, "case": case, "work": work, "against": against}
    named |= {"unit": unit} if unit else {}
    for column, name in named.items():
        rows = rows[rows[column] == name]
    if len(rows) != 1:
        raise KeyError(f"{len(rows)} rows of {', '.join(named.values())} in {MEASURED.name}")
    return rows.iloc[0]


def ratios() -> str:
    """Return the ratios that are told, each with its range, its rounds and its aim."""
    lines = []
    for _, told in pd.read_csv(TOLD, keep_default_na=False).iterrows():
        row = found(*told[["script", "case", "work", "against"]], "x")
        script = f"`{told['script']}.py`"
        lines.append((told["said"], script, _spread(row), str(row["rounds"]), told["aim"]))
    return table(("time of ... over ...", "script", "ratio", "rounds", "aim"), lines)


def floors() -> str:
    """Return what every measure takes over its floor."""
    rows = measured().query("script == 'cost'")
    lines = []
    for _, row in rows[rows["unit"] == "x"].sort_values("work").iterrows():
        seconds = (
            found("cost", row["case"], f"{of}{row['work']}", unit="CPU s")["median"]
            for of in ("", "floor of ")
        )
        told = (f"{each:.3g}" for each in seconds)
        lines.append((row["work"], row["against"], *told, _spread(row), str(row["rounds"])))
    head = ("measure", "floor", "CPU s", "CPU s of the floor", "ratio", "rounds")
    return table(head, lines)


def memory() -> str:
    """Return seconds, peak and bound by size of the model."""
    rows = measured().query("script == 'memory'")
    commands = dict.fromkeys(rows.loc[rows["unit"] == "CPU s", "work"])
    lines = [(each, *(_memory(each, size) for size in SIZES)) for each in commands]
    return table(("command", *SIZES), lines)


def _memory(command: str, size: str) -> str:
    case = f"{size}, layers 0"
    try:
        seconds = found("memory", case, command, unit="CPU s")["median"]
    except KeyError:
        return ""
    peak, bound = (
        found("memory", case, each, unit="MB")["median"]
        for each in (command, f"bound of {command}")
    )
    over = "**" if peak > bound else ""
    return f"{seconds:.1f} s, {over}{peak:,.0f} MB{over} ({bound:,.0f})"


def busy() -> str:
    """Return how much longer each measure takes beside busy loops, in products."""
    rows = measured().query("script == 'busy'")
    lines = []
    for work in dict.fromkeys(rows["work"]):
        mine = rows[rows["work"] == work].set_index("against")
        against = ("the product, alone", "the product, beside loops", "itself alone, in products")
        lines.append((work, *(_spread(mine.loc[each]) for each in against)))
    return table(("measure", "products alone", "products beside the loops", "ratio"), lines)


def dashboard() -> str:
    """Return seconds of pages, cold and warm, of the demo pair and of a large model."""
    lines = []
    for page in ("overview", "embeddings", "matrices"):
        for state in ("cold", "warm"):
            cells = []
            for case in (PAIR, LARGE):
                rows = (found("dashboard", case, f"{page}, {state}: {step}") for step in STEPS)
                cells += [f"{row['median']:.1f}" for row in rows]
            lines.append((f"{page.capitalize()}, {state}", *cells))
    head = [f"{step}{of}" for of in ("", ", 134M") for step in STEPS]
    return table(("seconds to", *head), lines)


def waits() -> str:
    """Return seconds from an act to a page at rest."""
    lines = []
    for work, aim in WAITS.items():
        cells = (_spread(found("dashboard", case, work), 2) for case in (PAIR, LARGE))
        lines.append((work, *cells, aim))
    return table(("seconds of", "demo pair", "134M", "aim"), lines)


def load_of_dashboard() -> str:
    """Return the load at which pages were timed."""
    loads = {float(row) for row in measured().query("script == 'dashboard'")["load"] if row != ""}
    low, high = min(loads), max(loads)
    return f"{low:.1f}" if low == high else f"{low:.1f} to {high:.1f}"


def answer() -> str:
    """Return the seconds until a new server answers."""
    return _spread(found("dashboard", PAIR, "from the command to an answer"), 2) + " s"


def start_up() -> str:
    """Return the seconds of commands and of the imports they build on."""
    rows = measured().query("script == 'start_up'")
    return table(
        ("process", "CPU s"), ((f"`{row['work']}`", _spread(row, 2)) for _, row in rows.iterrows())
    )


def progress() -> str:
    """Return what a bar foretells over what it takes."""
    rows = measured().query("script == 'prediction'")
    points = list(dict.fromkeys(rows["against"]))
    cells = rows.pivot(index="work", columns="against", values="median")
    lines = (
        (
            work,
            *(
                "" if pd.isna(cells.loc[work, at]) else f"{cells.loc[work, at]:.2f}"
                for at in points
            ),
        )
        for work in dict.fromkeys(rows["work"])
    )
    return table(("measured", *(at.removeprefix("real, ") for at in points)), lines)


def rounding() -> str:
    """Return the judgements of κ by the dtype it is stored in, before and now."""
    rows = measured().query("script == 'storage_rounding'").set_index(["case", "work"])["median"]
    whats = ("false alarms", "missed", "bounds too small")
    lines = (
        (
            name,
            f"{rows[name, 'judgements']:.0f}",
            *(f"{rows[name, f'{w}, before']:.0f} → {rows[name, f'{w}, now']:.0f}" for w in whats),
        )
        for name in dict.fromkeys(rows.index.get_level_values("case"))
    )
    return table(("stored as", "judgements", *(f"{w}, before → now" for w in whats)), lines)


def _spread(row: pd.Series, digits: int = 3) -> str:
    """Write a median, and between which values it lies where there are several rounds."""
    low, middle, high = (f"{row[each]:.{digits}g}" for each in ("low", "median", "high"))
    return middle if low == high else f"{middle} ({low} to {high})"


MAKERS = {
    "performance ratios": ratios,
    "performance floors": floors,
    "performance memory": memory,
    "performance busy": busy,
    "performance dashboard": dashboard,
    "performance waits": waits,
    "performance load": load_of_dashboard,
    "performance answer": answer,
    "performance start up": start_up,
    "performance progress": progress,
    "performance rounding": rounding,
}
