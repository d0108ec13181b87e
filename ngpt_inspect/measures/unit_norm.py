"""Whether the checkpoint is still on the hypersphere (section 2.6, step 2)."""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Cost, Followed, Known, Measure, Summary, Values
from ngpt_inspect.vocabulary import Kind, MatrixAxis, Role, Series, roles_of
from ngpt_inspect.weights import Weight


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield how far row and column norms lie from 1, and whether the role's own axis is unit."""
    from ngpt_inspect.numerics.unit_vectors import unit_vectors

    rows, columns = unit_vectors(weight.array(), weight.spacing, weight.tensor.rounding())
    found = {MatrixAxis.ROWS: rows, MatrixAxis.COLUMNS: columns}
    expected = weight.facts.unit_axis or MatrixAxis.ROWS
    own = found[expected]
    unit = [str(axis) for axis in MatrixAxis if not found[axis].off]
    n_vectors = weight.shape[0 if expected is MatrixAxis.ROWS else 1]
    off = f"; {own.off} of {n_vectors} {expected} are not" if own.off else ""
    reason = f"unit: {' and '.join(unit) or 'neither rows nor columns'}{off}"
    yield Values(measure="unit_deviation", value=own.deviation, reason=reason)
    yield Values(measure="unit_norm", value=float(not own.off), reason=reason)
    yield Values(measure="unit_excess", value=own.excess)
    longer = f"{own.over} of {n_vectors} {expected} are longer than 1" if own.over else ""
    yield Values(measure="within_unit", value=float(not own.over), reason=longer)
    yield Values(measure="row_deviation", value=rows.deviation)
    yield Values(measure="column_deviation", value=columns.deviation)
    yield Values(measure="tolerance", value=own.tolerance)


MEASURE = Measure(
    name="unit_norm",
    title="Unit norm",
    summary="how far the vectors that nGPT normalises are from length 1; both axes",
    roles=roles_of(Kind.EMBEDDING, Kind.MATRIX),
    compute=compute,
    needs_torch=False,
    cost=Cost(values=4),
    quantities={
        "unit_deviation": "max |‖v‖₂ − 1| over the vectors of length d_model: rows, but columns "
        "of W_o and W_oMLP",
        "unit_norm": "1 where every vector is within its tolerance, else 0",
        "unit_excess": "the largest ‖v‖₂ − 1 over the same vectors, 0 where none is longer than 1",
        "within_unit": "1 where no vector is longer than 1 by more than its tolerance, else 0: "
        "what a model holds that limits norms from above only (anGPT, arXiv 2505.22014)",
        "row_deviation": "max |‖row‖₂ − 1|",
        "column_deviation": "max |‖column‖₂ − 1|",
        "tolerance": "of a vector v of spacings s in the stored dtype, both over its length: "
        "1e-5 + m / (1 − w), m = 7.5 √(Σ v²s² / 12) + Σ s² / 8, at most w = √(Σ s²) / 2; 1e-5 "
        "alone of float32 and finer; with a relative rounding error r if quantised: "
        "1e-5 + 2⁻¹¹ + min(7.5 r √(3/d) + 8r², 2r); given for the vector "
        "furthest off, of those that exceed theirs if any",
    },
    headline=Series("unit_deviation"),
    shown=(Series("unit_deviation", "max"),),
    pooled={"unit_deviation": (Summary.HEADS,), "unit_excess": (Summary.HEADS,)},
    source="arXiv 2410.01131, section 2.6, step 2",
    followed={
        "unit_excess": Followed(
            series=Series("unit_excess"),
            over=Series("unit_excess", "max"),
            label="largest excess over 1",
        ),
        "unit_deviation": Followed(
            series=Series("unit_deviation"),
            over=Series("unit_deviation", "max"),
            label="largest |‖v‖ − 1|",
            log=True,
        ),
    },
    known=tuple(
        Known(
            role=role,
            weight=weight,
            dtype="BF16",
            values={
                "unit_deviation": 0.25,
                "unit_norm": 0,
                "unit_excess": 0.25,
                "within_unit": 0,
                of_vectors: 0.25,
                of_others: (1 + 1.125**2) ** 0.5 - 1,
                # Spacings 2⁻⁸ at 0.75 and 2⁻⁷ at 1, of a vector of length 1.25; as a share of the
                # length before rounding, which may have been as much shorter.
                "tolerance": 1e-5 + 5**0.5 / 640 / (1 - 5**0.5 / 640),
            },
        )
        for role, weight, of_vectors, of_others in (
            (Role.W_U, ((0.75, 1), (0, 1.125)), "row_deviation", "column_deviation"),
            (Role.W_O, ((0.75, 0), (1, 1.125)), "column_deviation", "row_deviation"),
        )
    ),
    usual="an nGPT: 1 everywhere, with a deviation below the tolerance of its dtype; an anGPT: "
    "`within_unit` 1; a GPT: 0",
    alarming="0 in an nGPT: it was saved before it was normalised, or changed since (merged, "
    "quantised, cast); from 1 % on the health of a summary calls it trouble",
    random="rows of independent entries of deviation d^-½ lie within about ± 3 / √(2 d) of 1",
)
