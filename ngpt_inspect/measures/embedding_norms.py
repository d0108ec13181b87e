"""Norms of the embeddings, one a token (Figure 4, left)."""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Followed, Known, Measure, Summary, Values, View, numbered
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the norm of every row."""
    from ngpt_inspect.numerics.arrays import require_finite, row_norms

    matrix = weight.array()
    require_finite(matrix)
    yield numbered("embedding_norm", row_norms(matrix))


MEASURE = Measure(
    name="embedding_norms",
    title="Embedding norms",
    summary="L2 norm of every input and output embedding",
    roles=roles_of(Kind.EMBEDDING),
    compute=compute,
    needs_torch=False,
    quantities={"embedding_norm": "‖e‖₂ of each token's row"},
    headline=Series("embedding_norm"),
    shown=tuple(Series("embedding_norm", name) for name in ("mean", "std", "min", "median", "max")),
    view=View.ROLES,
    summaries={
        "embedding_norm": (Summary.MEAN, Summary.SPREAD, Summary.QUANTILES, Summary.HISTOGRAM)
    },
    source="arXiv 2410.01131, Figure 4 (left)",
    followed={
        "embedding_norm": Followed(series=Series("embedding_norm", "mean"), label="norm, mean"),
    },
    known=(
        Known(
            role=Role.E_INPUT,
            weight=((3, 4), (0, -2), (0, 0)),
            values={"embedding_norm": (5, 2, 0)},
        ),
    ),
    usual="an nGPT: 1; a GPT: a factor of 1.6 to 3.5 apart (5 and 95 % of an embedding), frequent "
    "tokens from rare ones; where weight decay reaches input embeddings rare ones end near zero",
    alarming="rows near zero or equal to their start: tokens that were never trained",
    random="√d times the deviation of an entry, with a relative spread of 1 / √(2 d)",
    caution="a GPT's input norms are divided out by the first norm layer",
)
