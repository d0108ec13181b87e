"""What the pages of changes and of activations say: tables of their own, no measure of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from measure_ranges import OF_HEADS, OF_STATES

from ngpt_inspect.comparing import CHANGES
from ngpt_inspect.comparing import QUANTITIES as OF_CHANGES
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.measures import Known
from ngpt_inspect.traces import COLUMNS, PATH


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a page says."""

    name: str
    title: str
    summary: str
    opening: str
    """How it is asked for."""
    quantities: Mapping[str, str]
    told: Sequence[str]
    """Quantities that are compared over models."""
    source: str
    drawn: Sequence[str]
    """Figures that draw it."""
    usual: str
    alarming: str
    random: str
    caution: str
    known: Sequence[Known] = ()


def _drawing(results: str) -> list[str]:
    return [name for name, figure in FIGURES.items() if figure.results == results]


FORMULAS = {
    "norm": "‖h‖ of the state h as the model has it",
    "largest_over_median": "max |h_i| / median |h_i| over the coordinates: massive activations",
    "kurtosis": "m₄ / m₂² of the coordinates, central moments: 3 if normal",
    "angle_moved": "2 atan2(‖u − v‖, ‖u + v‖) in degrees, u and v the directions of the state "
    "before the block and after it; the angles below likewise",
    "attention_entropy": "−Σ a ln a of the weights a that a query of a head gives, in nats; mean "
    "over the queries from the second token on",
}
"""What the columns of the table leave to the text beside it."""
TABLES = (
    Page(
        name=CHANGES,
        drawn=_drawing(CHANGES),
        title="Changes between checkpoints",
        summary="what became of every weight: angles, sizes, directions",
        opening="`ngpt-inspect changes BEFORE AFTER`, `ni.changes(before, after)`",
        quantities=OF_CHANGES,
        told=(*OF_CHANGES, "median row_angle"),
        source="[the table](../table.md#what-changed-between-checkpoints); angles between "
        "subspaces: Björck and Golub, doi 10.1090/S0025-5718-1973-0348991-3, theorem 1; effective "
        "rank: Roy and Vetterli 2007",
        usual="between steps of a run angles that fall with the learning rate, and an "
        "`angle_per_rate` that the layers of a role share (normalised weights and weight decay "
        "bring that about); a fine-tune turns a base by 0.1 to 5 degrees. A `change_rank_share` "
        "of 0.5 to 1 in a run that trains all weights, r / min(m, n) of an adapter of rank r; "
        "overlaps of 1.7 to 4 times their random value in the median",
        alarming="a layer whose angle is a tenth of the others' hardly trains; an angle near 90 "
        "says that the two are not of one origin; overlaps near 1: the change only grows or "
        "shrinks what was there",
        random="two independent matrices: an angle of 90 ± 57 / √(m n) degrees, a "
        "`relative_change` of √2 where they are of one size; a change of independent normal "
        "entries: a `change_rank_share` of 0.80 where square, 0.97 of 64 × 256, overlaps of "
        "`left_overlap_random` and `right_overlap_random`",
        caution="an angle is of the weight, not of what the model computes: rotations and scales "
        "that two matrices can exchange (`condition_numbers`, `circuits`) turn both and change "
        "nothing. A small angle between steps far apart can hide a long way there and back. What "
        "rounding may have made is `below_resolution`",
    ),
    Page(
        name=PATH,
        drawn=_drawing(PATH),
        title="Activations",
        summary="hidden states of a prompt, block by block, and what the heads look at",
        opening="`ngpt-inspect path TRACE`, `ni.path(trace)`, of files that `ngpt-inspect trace` "
        "or `reference_model.trace` wrote ([traces](../traces.md))",
        quantities={name: COLUMNS[name][1] for name in (*OF_STATES, *OF_HEADS)} | FORMULAS,
        told=(*OF_STATES, *OF_HEADS),
        source="steps on the sphere: arXiv 2410.01131, section 2.2.2, equations 10 and 11; massive "
        "activations: arXiv 2402.17762, section 2; attention sinks: arXiv 2309.17453, section 3.1; "
        "alignment: arXiv 2005.10242, equation 1",
        usual="an nGPT: norms of 1; a GPT: norms that grow with depth. Each block goes a tenth to "
        "a half of the way to its suggestion, which lies nearly at a right angle (50 to 115 "
        "degrees). `largest_over_median` of 3 to 16 here, in large models hundreds to thousands "
        "(arXiv 2402.17762). `angle_to_next` is least after the last block, in these small models "
        "still 75 to 81 degrees in the mean. Heads give the first of 8 tokens 0.07 to 0.6",
        alarming="a `largest_over_median` in the hundreds where low precision or quantisation is "
        "to come; `angle_moved` near 0 in a layer: its blocks do nothing; `attention_to_first` "
        "near 1 in most heads, or an entropy near 0: a head that looks at one place whatever the "
        "prompt",
        random="independent directions of d coordinates: angles of 90 ± 57 / √d degrees, an "
        "alignment of 2; normal coordinates: a kurtosis of 3 and a `largest_over_median` of 3.8 at "
        "d = 64, 5.0 at 1,024; weights that are all equal: an entropy of ln i of the i-th query "
        "and 1 / i for the first token, before the mean over queries",
        caution="of one prompt: means of a few tokens; compare models on the same one. The first "
        "token is its own sink, and states of a GPT count as directions only, as its norms see "
        "them. `share_of_way` divides angles: it says little where the suggestion is near",
    ),
)
