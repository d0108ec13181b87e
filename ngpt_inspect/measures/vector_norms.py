"""Norms of the rows and of the columns of each matrix (Figures 11 and 12, left)."""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Followed, Known, Measure, Summary, Values, View, numbered
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the norm of every row and of every column of the complete matrix."""
    from ngpt_inspect.numerics.arrays import column_norms, require_finite, row_norms

    matrix = weight.array()
    require_finite(matrix)
    for name, norms in (("row_norm", row_norms), ("column_norm", column_norms)):
        yield numbered(name, norms(matrix))


MEASURE = Measure(
    name="vector_norms",
    title="Vector norms",
    summary="L2 norms of the rows and columns of the attention and MLP matrices",
    roles=roles_of(Kind.MATRIX),
    compute=compute,
    needs_torch=False,
    quantities={
        "row_norm": "‖row‖₂ of the (out, in) matrix, not split into heads",
        "column_norm": "‖column‖₂ of the (out, in) matrix, not split into heads",
    },
    headline=Series("row_norm"),
    shown=tuple(Series(f"{of}_norm", name) for of in ("row", "column") for name in ("mean", "std")),
    view=View.ROLES,
    summaries={
        "row_norm": (Summary.MEAN, Summary.QUANTILES),
        "column_norm": (Summary.MEAN, Summary.QUANTILES),
    },
    pooled={"row_norm": (Summary.MEAN,), "column_norm": (Summary.MEAN,)},
    source="arXiv 2410.01131, Figures 11 and 12 (left)",
    followed={
        f"{of}_norm": Followed(
            series=Series(f"{of}_norm", "mean"), label=f"norm of {of}s, mean", shared=False
        )
        for of in ("row", "column")
    },
    known=(
        Known(
            role=Role.W_U,
            weight=((3, 4), (0, 3)),
            values={"row_norm": (5, 3), "column_norm": (3, 5)},
        ),
    ),
    usual="an nGPT: 1 along the axis of d_model; a GPT: spread over a factor of 2 to 13 (from 5 to "
    "95 %)",
    alarming="a share of rows near zero (dead neurons or directions), single rows many times the "
    "rest",
    random="√d times the deviation of an entry, with a relative spread of 1 / √(2 d)",
    caution="in a GPT norm gains can take over any of it: a gain and the columns that read it are "
    "only defined as a product",
)
