"""The largest attention logit of each head, and its temperature, by layer."""

from functools import partial

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.drawing.by_layer import draw_quantities
from ngpt_inspect.vocabulary import Role

TITLES = {"logit_bound": "largest possible logit", "attention_temperature": "temperature"}

FIGURE = Figure(
    name="logit_bounds",
    title="Bounds of attention logits",
    summary="The largest logit a head can give and its temperature by normalized layer index: "
    "median over heads, band over all heads.",
    needs=("logit_bounds",),
    draw=partial(draw_quantities, role=Role.W_Q, titles=TITLES, log=True),
    formula="GPT: d σ_max(W_q diag(g)) σ_max(W_k diag(g)) / √d_k, or with normed queries and keys "
    "√d_k max|g_q| max|g_k|; nGPT: √d_k max s_qk². Temperature: 1 / (scale · rms ‖q‖ · rms ‖k‖).",
    source="arXiv 2410.01131, equations 13 to 16 (not a figure of the paper)",
    roles=(str(Role.W_Q),),
)
