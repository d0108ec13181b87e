"""Whether the checkpoint is still on the hypersphere (section 2.6, step 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Measure, Summary, Values
from ngpt_inspect.vocabulary import Axis, Kind, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield how far row and column norms lie from 1, and whether the role's own axis is unit."""
    from ngpt_inspect.numerics.directions import norm_tolerance, unit_axis
    from ngpt_inspect.numerics.finite import require_finite

    values = weight.values(device)
    require_finite(values)
    found = unit_axis(values)
    deviation = {Axis.ROWS: found.row_max, Axis.COLUMNS: found.column_max}
    expected = weight.role.facts.unit_axis or Axis.ROWS
    rounding = weight.tensor.rounding()
    tolerance = {
        Axis.ROWS: norm_tolerance(values, rounding),
        Axis.COLUMNS: norm_tolerance(values, rounding, axis=0),
    }
    allowed = tolerance[expected]
    unit = [str(axis) for axis in Axis if deviation[axis] <= tolerance[axis]]
    reason = f"unit: {' and '.join(unit) or 'neither rows nor columns'}"
    yield Values(measure="unit_deviation", value=deviation[expected], reason=reason)
    yield Values(measure="unit_norm", value=float(deviation[expected] <= allowed), reason=reason)
    yield Values(measure="row_deviation", value=deviation[Axis.ROWS])
    yield Values(measure="column_deviation", value=deviation[Axis.COLUMNS])
    yield Values(measure="tolerance", value=allowed)


MEASURE = Measure(
    name="unit_norm",
    title="Unit norm",
    summary="how far the vectors that nGPT normalises are from length 1; both axes",
    roles=roles_of(Kind.EMBEDDING, Kind.MATRIX),
    compute=compute,
    quantities={
        "unit_deviation": "max |‖v‖₂ − 1| over the vectors of length d_model: rows, but columns "
        "of W_o and W_oMLP",
        "unit_norm": "1 where unit_deviation is within the tolerance, else 0",
        "row_deviation": "max |‖row‖₂ − 1|",
        "column_deviation": "max |‖column‖₂ − 1|",
        "tolerance": "what rounding to the stored dtype can do to the length of these vectors: six "
        "deviations, from the spacing of the dtype at every entry; at most ε/2, at least 1e-5; "
        "6 r/√d + r² for the relative rounding error r of a quantisation",
    },
    headline="unit_deviation",
    shown=("unit_deviation",),
    summaries={"unit_deviation": (Summary.POOLED_HEADS,)},
    source="arXiv 2410.01131, section 2.6, step 2",
)
