"""How far each block moves the hidden state, and how far it is still from where it goes."""

from ngpt_inspect.figures._figure import Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Drawing, Frame
from ngpt_inspect.figures.drawing.paths import ONE_TOKEN, draw_by_depth

PANELS = {
    "angle_moved": "moved by the block",
    "angle_to_suggestion": "from before the block to its suggestion",
    "angle_to_final": "to the final state",
    "angle_to_next": "to the next token's output embedding",
}


def draw(table: Frame, *, width: int = TWO_COLUMNS, token: int | None = None) -> Drawing:
    """Draw four angles against normalized depth, one line a checkpoint.

    x: state / (2 n_layers), 0 the input embedding, 1 the final state. y: degrees, the mean over
    tokens or one token. A filled marker stands after attention, an open one after the MLP.
    """
    return draw_by_depth(table, PANELS, width, token, unit="degrees", hover="%{y:.2f}°")


FIGURE = Figure(
    name="path_angles",
    title="Steps on the hypersphere",
    summary="Angles of the hidden state by normalized depth, mean over the tokens of a prompt or "
    "one token: what a block moves it, how far off its suggestion was, and how far it still is "
    "from where it ends and from the output embedding of the true next token.",
    results="path",
    draw=draw,
    options=(ONE_TOKEN,),
    formula="angle = 2 atan2(‖u − v‖, ‖u + v‖) of the directions u and v, in degrees; a GPT's "
    "states are normalised for it.",
    source="arXiv 2410.01131, section 2.2.2, equations 10 and 11 (not a figure of the paper)",
)
