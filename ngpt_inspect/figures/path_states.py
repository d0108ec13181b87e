"""How long hidden states are, and how far single coordinates of them stand out."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.paths import ONE_TOKEN, draw_by_depth

PANELS = {
    "norm": "length of the state",
    "largest_over_median": "largest coordinate over the median one",
    "kurtosis": "kurtosis of the coordinates",
}


def draw(table: Frame, *, width: int = TWO_COLUMNS, token: int | None = None) -> Drawing:
    """Draw norm, largest over median coordinate, and kurtosis against normalized depth.

    x: state / (2 n_layers), 0 the input embedding, 1 the final state. y: logarithmic, the mean
    over tokens or one token. A filled marker stands after attention, an open one after the MLP.
    """
    return draw_by_depth(table, PANELS, width, token, log=True, hover="%{y:.4g}")


FIGURE = Figure(
    name="path_states",
    title="Residual norms and massive activations",
    summary="Length of the hidden state by normalized depth, its largest coordinate over the "
    "median one, and the kurtosis of its coordinates, mean over the tokens of a prompt or one "
    "token: a few coordinates hundreds of times the median are massive activations.",
    results="path",
    draw=draw,
    options=(ONE_TOKEN,),
    formula="‖h‖; max |h_i| / median |h_i|; m₄ / m₂² of the coordinates, 3 if normal.",
    source="massive activations: arXiv 2402.17762, section 2 (not a figure of arXiv 2410.01131)",
)
