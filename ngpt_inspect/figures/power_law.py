"""The exponent of the tail of each matrix's spectrum, by layer."""

from functools import partial

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.drawing.by_layer import draw_matrices
from ngpt_inspect.vocabulary import Kind, roles_of

FIGURE = Figure(
    name="power_law",
    title="Power law of the spectrum",
    summary="Exponent α of the tail of the eigenvalues of every matrix, by normalized layer index. "
    "Dotted: 2 and 6, between which large trained matrices usually are; small random ones are too.",
    needs=("power_law",),
    draw=partial(draw_matrices, quantity="power_law_alpha", title="α", of="", levels=(2, 6)),
    formula="α = 1 + n / Σ ln(λ / λ_min) over the n eigenvalues λ = σ² from λ_min on, which is "
    "where the tail is nearest to the law.",
    source="Clauset, Shalizi and Newman, arXiv 0706.1062, equation 3.1 (not a figure of the paper)",
    roles=tuple(map(str, roles_of(Kind.MATRIX))),
)
