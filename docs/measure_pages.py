"""A page a measure, a file each: what it computes, its known answer, and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from measure_ranges import DRAWS, table_of, told_of
from measure_tables import INSPECTED
from table_pages import TABLES, Page

from ngpt_inspect.figures import FIGURES
from ngpt_inspect.measures import Known, Measure

PAGES = Path(__file__).parent / "measures"
IMAGES = Path(__file__).parent / "images" / "measures"
MOST = 16
"""Values that are written one by one, where all are the same."""
READING = {
    "usual": "usual",
    "alarming": "alarming",
    "random": "of a random matrix, or of uniform points on the sphere",
    "caution": "caution",
}
"""Field of a `Measure` -> how the page calls it."""
SAID = (*READING, "name", "title", "summary", "quantities", "source", "known")
"""Fields of a `Page` that a `Measure` has too."""
AT_HAND = "In the models at hand, over layers, heads and rows{}:"
DRAWN = f"; beside them {DRAWS} random matrices of each shape (independent normal entries)"


def contents() -> str:
    """Return a line for each measure: a link to its page, and what it gives."""
    return "\n".join(f"- [{each.title}](measures/{each.name}.md): {each.summary}" for each in PAGED)


def menu() -> str:
    """Return the lines of the site's menu, as YAML, up to where the next comment begins."""
    margin = "\n          "
    lines = (f"{margin}- {each.title}: measures/{each.name}.md" for each in PAGED)
    return "".join([*lines, margin, "# "])


def _of_measure(each: Measure) -> Page:
    drawn = [name for name, figure in FIGURES.items() if each.name in figure.needs]
    return Page(
        opening=f"`ngpt-inspect {each.command}`, `ni.measure(..., {each.name!r})`",
        told=told_of(each),
        drawn=drawn or ["trajectories"],
        **{name: getattr(each, name) for name in SAID},
    )


def _page(page: Page) -> Iterator[str]:
    yield f"# {page.title}"
    yield f"{page.opening}: {page.summary}."
    yield "\n".join(f"- `{name}`: {formula}" for name, formula in page.quantities.items())
    yield f"Source: {page.source}."
    if (IMAGES / f"{page.name}.png").exists():
        yield f"![{page.title} of trained models](../images/measures/{page.name}.png)"
    lines = [f"- {said}: {getattr(page, name)}." for name, said in READING.items()]
    told = [line for line in lines if not line.endswith(": .")]
    if told:
        yield "How to read it:\n\n" + "\n".join(told)
    if at_hand := table_of(page.told):
        yield f"{AT_HAND.format(DRAWN if '| random ' in at_hand else '')}\n\n{at_hand}"
    if page.known:
        yield "Known answers:\n\n" + "\n".join(f"- {_answer(known)}" for known in page.known)
    yield f"Drawn by {', '.join(f'`{name}`' for name in page.drawn)}."


def _answer(known: Known) -> str:
    """Say what weight gives what: ``W_q ((3, 0), (0, 1)), 2 heads: condition_number 3, 1``."""
    beside = "".join(f", {role} = {_numbers(each)}" for role, each in known.beside.items())
    beside += f", in a {known.family}" if known.beside else ""
    heads = f", {known.heads} head{'s' * (known.heads > 1)}" if known.heads else ""
    options = "".join(f", {name}={value!r}" for name, value in known.options.items())
    values = "; ".join(f"`{name}` {_numbers(found)}" for name, found in known.values.items())
    return f"{known.role} = {_numbers(known.weight)}{beside}{heads}{options}: {values}"


def _numbers(value: object) -> str:
    if isinstance(value, tuple):
        if len(value) > MOST and len(set(value)) == 1:
            return f"{_numbers(value[0])}, {len(value)} times"
        return f"({', '.join(map(_numbers, value))})"
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _made(page: Page) -> Callable[[], str]:
    return lambda: "\n\n".join(_page(page))


PAGED = [*map(_of_measure, INSPECTED), *TABLES]
MAKERS = {
    "contents of measures": contents,
    "menu of measures": menu,
    **{f"page of {page.name}": _made(page) for page in PAGED},
}
FILES = {
    PAGES / f"{page.name}.md": f"<!-- made: page of {page.name} --><!-- end -->\n" for page in PAGED
}
"""Page -> what it holds before it is made."""
