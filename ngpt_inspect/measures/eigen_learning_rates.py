"""Eigen learning rates: how far each block moves the hidden state, per coordinate (Figure 6).

Most models take |alpha|. Where one does not, a sign is free: the row of W_o or W_oMLP that writes
the coordinate can take it (appendix A.2). So means are of |alpha| everywhere.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Followed, Known, Measure, Summary, Values, numbered
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the effective rate of every coordinate."""
    from ngpt_inspect.numerics.arrays import require_finite

    values = weight.array()
    require_finite(values)
    yield numbered("eigen_learning_rate", values.flatten())


MEASURE = Measure(
    name="eigen_learning_rates",
    title="Eigen learning rates",
    summary="|alpha_A| and |alpha_M|: the step of each block along each coordinate",
    roles=roles_of(Kind.EIGEN_LEARNING_RATE),
    compute=compute,
    needs_torch=False,
    quantities={
        "eigen_learning_rate": "|α| effective = |stored · α_init / α_scale|, per coordinate",
    },
    headline=Series("eigen_learning_rate"),
    shown=(Series("eigen_learning_rate", "abs_mean"),),
    summaries={
        "eigen_learning_rate": (
            Summary.MEAN,
            Summary.MAGNITUDE,
            Summary.QUANTILES,
            Summary.DENSITY,
        ),
    },
    pooled={
        "eigen_learning_rate": (
            Summary.MEAN,
            Summary.MAGNITUDE,
            Summary.HISTOGRAM,
            Summary.DENSITY,
        )
    },
    source="arXiv 2410.01131, equations 10-11, section 2.5, Figures 6 and 14",
    followed={
        "eigen_learning_rate": Followed(
            series=Series("eigen_learning_rate", "abs_mean"), label="|α|, mean", shared=False
        ),
    },
    known=(
        Known(
            role=Role.ALPHA_A,
            weight=(0.25, 0.5, 0.0),
            values={"eigen_learning_rate": (0.25, 0.5, 0)},
        ),
    ),
    usual="means of 0.2 to 0.4 (arXiv 2410.01131, Figure 6)",
    alarming="a mean above 1 (each block replaces the state), coordinates above 1, or all still at "
    "their start",
    random="none: they start at 0.05",
)
