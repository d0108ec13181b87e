"""Condition numbers after giving the vectors of a matrix length 1 (Figure 10)."""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._conditioning import conditionings, rows_of
from ngpt_inspect.measures._heads import unknown_heads
from ngpt_inspect.measures._measure import Cost, Followed, Known, Measure, Summary, Values
from ngpt_inspect.vocabulary import Kind, MatrixAxis, Role, Series, roles_of
from ngpt_inspect.weights import Weight, over_norms

PREFIX = "normalized_"


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield kappa and both ends of the spectrum of the normalised matrix, per head and whole.

    The vectors made unit are those nGPT keeps unit, of length d_model: rows, but columns of
    W_o and W_oMLP. Heads are cut from the normalised matrix; each vector lies in one head. Of
    a matrix whose vectors are unit already this is its condition number as it is.
    """
    from ngpt_inspect.numerics.directions import unit_rows
    from ngpt_inspect.numerics.finite import require_finite
    from ngpt_inspect.numerics.resolution import rounding_errors

    values = weight.values(device)
    require_finite(values)
    yield from unknown_heads(weight, f"{PREFIX}condition_number")
    axis = weight.facts.unit_axis or MatrixAxis.ROWS
    flip = axis is MatrixAxis.COLUMNS
    unit, zero = unit_rows(values.T if flip else values)
    errors = weight.errors(device)
    if errors is None:
        errors = rounding_errors(values)
    errors = over_norms(errors, values, axis)
    found = conditionings(weight, unit.T if flip else unit, errors, changed=True)
    for heads, stack in found:
        # Heads are blocks of these vectors, in all roles that have heads.
        for head, each, lost in zip(heads, stack, zero.reshape(len(heads), -1), strict=True):
            remark = _remark(int(lost.sum()), len(lost), "columns" if flip else "rows")
            yield from rows_of(each, head, weight, prefix=PREFIX, remark=remark)


def _remark(n_zero: int, n: int, vectors: str) -> str:
    return f"{n_zero} of {n} {vectors} are zero and stay zero" if n_zero else ""


MEASURE = Measure(
    name="normalized_condition_numbers",
    title="Condition numbers after normalising",
    summary="sigma_max / sigma_min after giving the vectors of each matrix length 1, as nGPT does",
    roles=roles_of(Kind.MATRIX),
    compute=compute,
    cost=Cost(values=70, products=0.045, spectra=0.03, heads=40),
    quantities={
        f"{PREFIX}condition_number": "κ of the matrix with its vectors of length d_model divided "
        "by their norm: rows, but columns of W_o and W_oMLP; a vector of zeros stays as it is",
        f"{PREFIX}sigma_max": "largest singular value of that matrix",
        f"{PREFIX}sigma_min": "smallest singular value of that matrix",
    },
    headline=Series(f"{PREFIX}condition_number"),
    shown=(Series(f"{PREFIX}condition_number", "median"),),
    summaries={f"{PREFIX}condition_number": (Summary.HEADS,)},
    pooled={f"{PREFIX}condition_number": (Summary.HEADS,)},
    source="arXiv 2410.01131, Figure 10 (dotted) and section 2.6, step 2",
    followed={
        f"{PREFIX}condition_number": Followed(
            series=Series(f"{PREFIX}condition_number", "median"),
            label="κ normalised, median",
            log=True,
        ),
    },
    known=(
        Known(
            role=Role.W_Q,
            weight=((3, 4, 0, 0), (0, 2, 0, 0), (0, 0, 5, 0), (0, 0, 0, 7)),
            heads=2,
            values={
                f"{PREFIX}condition_number": (3, 1, 3),
                f"{PREFIX}sigma_max": (1.8**0.5, 1, 1.8**0.5),
                f"{PREFIX}sigma_min": (0.2**0.5, 1, 0.2**0.5),
            },
        ),
        Known(
            role=Role.W_O_MLP,
            weight=((3, 0), (4, 2)),
            values={f"{PREFIX}condition_number": 3},
        ),
    ),
    usual="equal to `condition_number` in an nGPT, whose vectors are unit already; in a GPT below"
    " it, though still above an nGPT's (arXiv 2410.01131, Figure 10)",
    alarming="as far above an nGPT's as before: then directions are lost, not only lengths uneven",
    random="as of `condition_number`: independent rows of one length are nearly unit already",
    caution="the gauge of `condition_number`",
)
