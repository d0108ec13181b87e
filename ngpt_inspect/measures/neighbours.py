"""The tokens nearest to a given token."""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.measures._measure import Known, Measure, Setting, Values, View, numbered
from ngpt_inspect.measures._token_ids import token_ids
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield cosine and dot product of each token asked for with its nearest tokens."""
    from ngpt_inspect.numerics.neighbours import neighbours_of

    rows = token_ids(options["token"], "token", weight.shape[0])
    if not rows:
        raise WrongOption("no token is named", next_step="give token ids: 262 or 5,7-9")
    for found in neighbours_of(weight.values(device), rows, options["count"]):
        if not len(found.ids):
            raise InspectError(
                f"token {found.row} has no cosine: its row, or every other, is zero",
                next_step="leave it out",
            )
        for name, column in (("cosine", found.cosines), ("dot", found.dots)):
            yield numbered(f"neighbour_{name}", column, index=found.row, partner=found.ids)


MEASURE = Measure(
    name="neighbours",
    title="Neighbours of a token",
    summary="the tokens of largest cosine with a given one (--token), nearest first",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    quantities={
        "neighbour_cosine": "cos(e_i, e_j) of token i with its partner j, largest first",
        "neighbour_dot": "e_i · e_j of the rows as they are",
    },
    headline=Series("neighbour_cosine"),
    shown=(Series("neighbour_cosine"), Series("neighbour_dot")),
    view=View.PAIRS,
    options=(
        Setting(
            name="token",
            default="0",
            help="Tokens by id or text: 262 or 5,7-9 or def.",
            of_tokens=True,
        ),
        Setting(name="count", default=10, help="How many neighbours.", least=1),
    ),
    source="dot products as in arXiv 2410.01131, Figure 4 (right), of single tokens",
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((3, 4), (-4, 3), (8, 6)),
            values={"neighbour_cosine": (0.96, 0), "neighbour_dot": (48, 0)},
        ),
    ),
    usual="spellings of one word, inflections, numbers of like size",
    alarming="unused or special tokens among the nearest of an ordinary one",
    random="somewhat below √(2 ln V / d), and no meaning",
    caution="a cosine counts only beside those of other tokens: where all rows share a direction "
    "(`mean_cosine`) anything is near. It tells a model's use of a token, not its meaning alone: "
    "input embeddings go by what follows it, output embeddings by what comes before. Rows that "
    "were hardly trained keep the neighbours that their start or decay gave them (`token_health`)",
)
