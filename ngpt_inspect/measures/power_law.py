"""The tail of a matrix's spectrum as a power law, as WeightWatcher fits it.

Where WeightWatcher 0.7.7 chooses, this does as it does: eigenvalues are squared singular values of
the whole float64 matrix, those up to 1e-5 are left out whatever the scale of the others, every
eigenvalue is tried as xmin, the empirical distribution is taken from below each value, and of fewer
than 20 alpha is corrected for its bias and a tail has 8 or more. So alpha, xmin and D agree with
its table. What differs: matrices are those of the model, where it sees tensors (a fused
W_q W_k W_v is three, an expert of a stack is one, a transposed or quantised tensor is what it
stands for), and one without a fit is a row that says why, where WeightWatcher leaves it out or
writes -1.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.measures._measure import Cost, Followed, Known, Measure, Setting, Summary, Values
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of
from ngpt_inspect.weights import Weight

LEAST = 1e-5
"""Eigenvalues up to this are left out: WeightWatcher's EVALS_THRESH."""


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield alpha, xmin and D of the whole matrix, and how many eigenvalues the tail has."""
    from ngpt_inspect.numerics.power_law import FEWEST, power_law
    from ngpt_inspect.numerics.spectra import singular_values

    if weight.heads_only:
        yield MEASURE.skipped("as a whole the model never has this matrix")
        return
    squares = singular_values(weight.values(device)).square().cpu().numpy()
    if not math.isfinite(squares[0]):
        yield MEASURE.skipped(f"{weight.source}: squares of its singular values are beyond float64")
        return
    least = options["above"]
    kept = squares[squares > least]
    left_out = f"{len(squares) - len(kept)} of {len(squares)} eigenvalues are not above {least:g}"
    found = power_law(kept)
    if found is None:
        few = f"{len(kept)} eigenvalues, and a tail takes {FEWEST} or more"
        why = few if len(kept) < FEWEST else "all eigenvalues are equal"
        why += f"; {left_out}" * (len(kept) < len(squares))
        yield MEASURE.skipped(f"{weight.source}: {why}")
        return
    yield Values(
        measure="power_law_alpha",
        value=found.alpha,
        reason=left_out if len(kept) < len(squares) else "",
    )
    yield Values(measure="power_law_xmin", value=found.xmin)
    yield Values(measure="power_law_distance", value=found.distance)
    yield Values(measure="power_law_alpha_error", value=found.standard_error)
    yield Values(measure="power_law_tail", value=float(found.tail))


MEASURE = Measure(
    name="power_law",
    title="Power law of the spectrum",
    summary="alpha, xmin and D of the tail of the eigenvalues, equal to WeightWatcher's",
    roles=roles_of(Kind.EMBEDDING, Kind.MATRIX),
    compute=compute,
    cost=Cost(products=0.045, spectra=0.1, heads=40),
    quantities={
        "power_law_alpha": "α = 1 + n / Σ ln(λ / λ_min) over the n eigenvalues λ = σ² of WᵀW that "
        "are at least λ_min (where fewer than 20 are above 1e-5, n − 1 for n, and n is 8 or more)",
        "power_law_xmin": "λ_min, the eigenvalue from which on the law is nearest to the tail",
        "power_law_distance": "D = max |i/n − 1 + (λ_i / λ_min)^(1 − α)|, i = 0 .. n − 1 in order: "
        "the Kolmogorov-Smirnov distance of the tail from the law",
        "power_law_alpha_error": "(α − 1) / √n, the standard error of α",
        "power_law_tail": "n",
    },
    headline=Series("power_law_alpha"),
    shown=(Series("power_law_alpha"),),
    options=(
        Setting(name="above", default=LEAST, help="Eigenvalues up to this are left out.", least=0),
    ),
    pooled={"power_law_alpha": (Summary.HEADS,)},
    source="Clauset, Shalizi and Newman, arXiv 0706.1062, equations 3.1 and 3.9, section 3.3; "
    "choices of WeightWatcher 0.7.7 (https://github.com/CalculatedContent/WeightWatcher)",
    followed={
        "power_law_alpha": Followed(
            series=Series("power_law_alpha"), over=Series("power_law_alpha", "median"), label="α"
        ),
    },
    known=(
        Known(
            role=Role.W_U,
            # Eigenvalues 4^j, j = 0 .. 7: Σ ln(λ / λ_min) = 28 ln 4, so λ^(1 − α) = exp(−j / 4).
            weight=tuple(tuple(2.0**j * (i == j) for i in range(8)) for j in range(8)),
            values={
                "power_law_alpha": 1 + 1 / (4 * math.log(4)),
                "power_law_xmin": 1,
                "power_law_distance": 1 - math.exp(-3 / 4) - 3 / 8,
                "power_law_alpha_error": 1 / (4 * math.log(4) * 8**0.5),
                "power_law_tail": 8,
            },
        ),
    ),
    usual="α of 2 to 6 (arXiv 2002.06716, large models); of 1.4 to 8 in small ones",
    alarming="α below 2 in a large matrix: a few directions hold nearly all; a large D: the tail "
    "is no power law, and α then says nothing",
    random="normal entries have no power law, yet a fit, and its α grows with the matrix: of "
    "64 × 64 2.3 to 9 (5 to 95 %), median 4.0, of 64 × 256 5.5, of 64 × 1024 and 768 × 768 9, of "
    "768 × 2048 16; D of 0.11 to 0.2",
    caution="matrices of some hundred rows or less cannot be told from random ones by α: compare "
    "with random ones of the shape (below), or look at the spectrum (`singular_values`). The tail "
    "chosen can jump from one step to the next; 1e-5 is an absolute size, so matrices of small "
    "values lose eigenvalues that others keep",
)
