"""The experts of each layer: how alike they are, how long their rows in the router."""

from functools import partial

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.drawing.by_layer import draw_quantities
from ngpt_inspect.vocabulary import Role

TITLES = {
    "expert_similarity": "cosine of experts",
    "expert_overlap": "overlap of leading directions",
    "router_norm": "norm of router rows",
    "dead_experts": "dead experts",
}

FIGURE = Figure(
    name="experts",
    title="Experts",
    summary="Cosine and overlap of the experts of each layer, norms of the router's rows, and dead "
    "experts, by normalized layer index: median in a band from smallest to largest; dotted: of "
    "random weights.",
    needs=("experts",),
    draw=partial(
        draw_quantities,
        role=Role.W_ROUTER,
        titles=TITLES,
        single=["dead_experts"],
        random={"expert_overlap": "expert_overlap_random"},
    ),
    formula="cosine of all matrices of two experts as one vector; mean squared cosine of the "
    "principal angles of their leading directions; ‖row‖₂ of the router.",
    source="Lo et al., arXiv 2406.18219, section 4.1 (not a figure of arXiv 2410.01131)",
)
