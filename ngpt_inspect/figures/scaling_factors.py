"""Figure 6, middle and right: the learned scaling factors, and the norm gains of a GPT."""

from ngpt_inspect.figures._cut_table import CutTable
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel
from ngpt_inspect.figures.drawing.board import Board, layer_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_density, draw_histogram
from ngpt_inspect.figures.drawing.layers import between, draw_by_layer
from ngpt_inspect.vocabulary import Kind, Role, Series, roles_of

QUANTITY = "scaling_factor"
STATISTICS = (
    *("abs_mean", "abs_low", "abs_high", "density", "density_at"),
    *("bin_left", "bin_count"),
)
WITHOUT_LAYER = (Role.S_Z, Role.GAIN_FINAL)
VIEW = Choice(
    name="view",
    label="Vectors outside the layers",
    values=("density", "histogram"),
    help="A vector outside the layers (s_z): a smooth density, or its histogram.",
)


def draw(table: Frame, *, width: int = TWO_COLUMNS, view: str = "density") -> Drawing:
    """Draw s_qk, s_u, s_ν by layer and the density of s_z; in a second group a GPT's gains.

    By layer, x: normalized layer index; y: mean of the absolute values of the coordinates with
    their quartile band. Density (s_z, final gain), x: the factor; y: Gaussian kernel density
    over tokens (coordinates) of Scott's bandwidth, for the paper does not give its own; or the
    histogram, count over the largest count. s_z is the inverse temperature of the softmax over
    the vocabulary.
    """
    rows = CutTable(table, [Series(QUANTITY, name) for name in STATISTICS])
    found = [rows.present(roles_of(kind)) for kind in (Kind.SCALING, Kind.GAIN)]
    x = layer_axis()
    groups = [{role: factor_panel(role, view, x) for role in group} for group in found]
    roles = roles_of(Kind.SCALING, Kind.GAIN)
    board = Board(rows, roles, [list(group.values()) for group in groups], width)
    for group in groups:
        for role, panel in group.items():
            draw_factor(board, panel, role, view)
    return board.finish()


def factor_panel(role: Role, view: str, layers: Axis) -> Panel:
    """Return a panel for one factor: by layer, or over its values where there is one vector."""
    symbol = role.facts.symbol
    if role in WITHOUT_LAYER:
        return Panel(title=f"{symbol}  {view}", x=Axis(title=symbol), y=value_axis())
    return Panel(title=f"mean |{symbol}|", x=layers, y=value_axis())


def draw_factor(board: Board, panel: Panel, role: Role, view: str) -> None:
    """Draw one factor in one panel: by layer, or as a distribution where there is one vector."""
    name = panel.title.replace("  ", " ")
    if role not in WITHOUT_LAYER:
        band = between(QUANTITY, "abs_low", "abs_high")
        draw_by_layer(board, panel, role, Series(QUANTITY, "abs_mean"), name=name, band=band)
    elif view == "density":
        draw_density(board, panel, role, QUANTITY, name)
    else:
        draw_histogram(board, panel, role, QUANTITY, name)


FIGURE = Figure(
    name="scaling_factors",
    title="Scaling factors",
    summary="s_qk, s_u and s_ν of nGPT by normalized layer index (mean of |s|, quartile band) and "
    "the density of s_z over tokens; the norm gains of a GPT in a row of their own.",
    needs=("scaling_factors",),
    draw=draw,
    options=(VIEW,),
    formula="s = stored · s_init / s_scale for each coordinate, without the √d that equation 21 "
    "adds to s_ν; gains as stored.",
    source="arXiv 2410.01131, Figure 6 (middle and right); gains are not in the paper",
)
