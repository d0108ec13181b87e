"""Learned scaling factors s_qk, s_u, s_nu, s_z of nGPT; norm gains of a GPT (Figure 6).

Their signs are free: one of s_u, s_nu or s_z can be moved into the row of W_u, W_nu or E_output
that it scales, one of s_qk scales both the query and the key, and one of a gain can be moved into
the columns that read it. So means are of |s|, as in the figure of the paper.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Followed, Known, Measure, Summary, Values, numbered
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield every effective factor; s_qk by head and coordinate."""
    from ngpt_inspect.numerics.arrays import require_finite

    values = weight.array()
    require_finite(values)
    if values.ndim == 1:
        yield numbered("scaling_factor", values)
        return
    for head, factors in enumerate(values):
        yield numbered("scaling_factor", factors, head=head)


MEASURE = Measure(
    name="scaling_factors",
    title="Scaling factors",
    summary="s_qk, s_u, s_nu and s_z as the model uses them; norm gains of a GPT",
    roles=roles_of(Kind.SCALING, Kind.GAIN),
    compute=compute,
    needs_torch=False,
    quantities={
        "scaling_factor": "s effective = stored · s_init / s_scale, per coordinate, without the "
        "√d that equation 21 adds to s_ν; a GPT's norm gains as stored",
    },
    headline=Series("scaling_factor"),
    shown=(Series("scaling_factor", "abs_mean"),),
    summaries={
        "scaling_factor": (
            Summary.MEAN,
            Summary.MAGNITUDE,
            Summary.QUANTILES,
            Summary.DENSITY,
        )
    },
    pooled={
        "scaling_factor": (
            Summary.MEAN,
            Summary.MAGNITUDE,
            Summary.HISTOGRAM,
            Summary.DENSITY,
        )
    },
    source="arXiv 2410.01131, equations 3, 15-16, 20-21, section 2.5, Figures 6 and 14",
    followed={
        "scaling_factor": Followed(
            series=Series("scaling_factor", "abs_mean"), label="|s|, mean", shared=False
        ),
    },
    known=(
        Known(role=Role.S_U, weight=(1.5, -2.0, 0.0), values={"scaling_factor": (1.5, -2, 0)}),
        Known(
            role=Role.S_QK,
            weight=((1, 2), (3, 4)),
            heads=2,
            values={"scaling_factor": (1, 2, 3, 4)},
        ),
    ),
    usual="s_qk, s_u, s_ν between 1 and 2 on average, s_z 20 to 140 (arXiv 2410.01131, Figure 6);"
    " norm gains of a GPT of 0.2 to 5, most near 1",
    alarming="a large share of s_qk near zero: directions of queries and keys that are not used "
    "(`circuits` shows the rank that is left)",
    random="none: s_qk, s_u, s_ν and gains start at 1, s_z too",
    caution="signs are free (a weight beside them can take them); gains only count with the columns"
    " that read them",
)
