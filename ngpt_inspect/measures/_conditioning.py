"""Condition numbers of a matrix, as it is or changed first, as rows of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING

from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures._heads import spectra_of_heads, stacks
from ngpt_inspect.measures._measure import Values
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    from ngpt_inspect.numerics.conditioning import Conditioning

CAUTION = 0.01
"""Storage rounding that can have moved sigma_min by more than this is said beside the number."""

Heads = list[int | None]
"""Numbers of the heads of a stack; ``[None]`` for the whole matrix."""


def conditionings(
    weight: Weight, matrix: torch.Tensor, errors: torch.Tensor | None, *, changed: bool = False
) -> Iterator[tuple[Heads, Sequence[Conditioning]]]:
    """Yield what is known of the heads of a matrix, then of the whole.

    `errors` are what storage left in the entries of `matrix`; None: what its dtype tells. Spectra
    of a matrix that is not `changed` are shared with other measures of the weight.
    """
    from ngpt_inspect.numerics.conditioning import condition_number, condition_numbers

    shares = repeat(([None], None)) if errors is None else stacks(weight, errors)
    for (heads, matrices), (_, errors_HOI) in zip(stacks(weight, matrix), shares, strict=False):
        if len(heads) == 1:
            # One matrix alone takes the route that computes only the two ends.
            errors_OI = None if errors_HOI is None else errors_HOI[0]
            yield heads, [condition_number(matrices[0], errors_OI=errors_OI)]
        else:
            known = None if changed else spectra_of_heads(weight, heads, matrices)
            yield heads, condition_numbers(matrices, errors_HOI=errors_HOI, known=known)


def rows_of(
    each: Conditioning, head: int | None, weight: Weight, *, prefix: str = "", remark: str = ""
) -> Iterator[Values]:
    """Yield kappa, with its status and all that is to be said of it, and both ends."""
    status = Status(each.status)
    reasons = [reason_of(each, weight.tensor.dtype), remark]
    yield Values(
        measure=f"{prefix}condition_number",
        value=each.kappa,
        head=head,
        status=status,
        reason="; ".join(reason for reason in reasons if reason),
    )
    yield Values(measure=f"{prefix}sigma_max", value=each.sigma_max, head=head)
    yield Values(measure=f"{prefix}sigma_min", value=each.sigma_min, head=head)


def reason_of(each: Conditioning, dtype: str) -> str:
    """Return why a condition number is not plain, or how far storage can have moved it."""
    from ngpt_inspect.numerics.conditioning import TRUSTED

    status = Status(each.status)
    if status is Status.RANK_DEFICIENT:
        return f"sigma_min {each.sigma_min:.3g} is zero to float64 rounding"
    if each.relative_error > TRUSTED:
        return f"computed with a relative error of up to {each.relative_error:.2g}"
    if each.sigma_min <= each.resolution:
        noise = f"rounding to {dtype} makes up to {each.resolution:.2g} of a sigma_min of zero"
        return f"{noise}, and this is {each.sigma_min:.3g}"
    if each.storage_uncertainty > CAUTION:
        moved = f"rounding to {dtype} can have moved sigma_min {each.sigma_min:.3g}"
        return f"{moved} by up to {each.shift:.2g}"
    return ""
