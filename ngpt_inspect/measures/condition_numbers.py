"""Condition numbers of the attention and MLP matrices, per head and whole (Figure 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ngpt_inspect.measures._heads import stacks, unknown_heads
from ngpt_inspect.measures._measure import Measure, Summary, Values
from ngpt_inspect.vocabulary import Kind, Status, roles_of
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.conditioning import Conditioning

CAUTION = 0.01
"""Storage rounding that can move sigma_min by more than this is said beside the number."""


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield kappa, both ends of the spectrum and the storage resolution, per head and whole."""
    from ngpt_inspect.numerics.conditioning import condition_number, condition_numbers

    yield from unknown_heads(weight, "condition_number")
    for heads, matrices in stacks(weight, device):
        # One matrix alone takes the route that computes only the two ends.
        alone = len(heads) == 1
        found = [condition_number(matrices[0])] if alone else condition_numbers(matrices)
        for head, each in zip(heads, found, strict=True):
            status = Status(each.status)
            yield Values(
                measure="condition_number",
                value=each.kappa,
                head=head,
                status=status,
                reason=_reason(each, status, weight.tensor.dtype),
            )
            yield Values(measure="sigma_max", value=each.sigma_max, head=head)
            yield Values(measure="sigma_min", value=each.sigma_min, head=head)
            yield Values(measure="sigma_resolution", value=each.resolution, head=head)


def _reason(each: Conditioning, status: Status, dtype: str) -> str:
    if status is Status.RANK_DEFICIENT:
        return f"sigma_min {each.sigma_min:.3g} is zero to float64 rounding"
    if status is Status.BELOW_RESOLUTION and each.sigma_min > each.resolution:
        return f"computed with a relative error of up to {each.relative_error:.2g}"
    if status is Status.BELOW_RESOLUTION or each.storage_uncertainty > CAUTION:
        moved = f"rounding to {dtype} can move sigma_min {each.sigma_min:.3g}"
        return f"{moved} by up to {each.resolution:.2g}"
    return ""


MEASURE = Measure(
    name="condition_numbers",
    title="Condition numbers",
    summary="sigma_max / sigma_min of the attention and MLP matrices, per head and whole",
    roles=roles_of(Kind.MATRIX),
    compute=compute,
    quantities={
        "condition_number": "κ = σ_max / σ_min over the min(m, n) singular values, in float64 of "
        "the exact stored values; inf when rank deficient",
        "sigma_max": "largest singular value",
        "sigma_min": "smallest singular value",
        "sigma_resolution": "what rounding to the stored dtype alone can make of a σ_min of zero",
    },
    headline="condition_number",
    shown=("condition_number_median",),
    summaries={"condition_number": (Summary.HEADS,)},
    source="arXiv 2410.01131, Figures 5 and 10: median over heads for attention, whole for MLP",
)
