"""One learned vector, coordinate by coordinate: in order, and sorted."""

from ngpt_inspect.figures._cut_table import CutTable, Style, whole
from ngpt_inspect.figures._figure import Choice, Figure
from ngpt_inspect.figures.canvas import TWO_COLUMNS, Axis, Drawing, Frame, Panel, faded, scatter
from ngpt_inspect.figures.drawing.board import Board, rank_axis, value_axis
from ngpt_inspect.figures.drawing.curves import draw_rank_curve
from ngpt_inspect.figures.drawing.factors import ALPHA, FACTOR, quantity_of
from ngpt_inspect.figures.drawing.layers import place
from ngpt_inspect.later.numpy import np
from ngpt_inspect.vocabulary import OUTSIDE_LAYERS, Kind, Role, Series, roles_of

ROLES = roles_of(Kind.EIGEN_LEARNING_RATE, Kind.SCALING, Kind.GAIN)
AXES = {Role.S_Z: "token id", Role.S_QK: "coordinate, head after head"}


def draw(
    table: Frame, *, width: int = TWO_COLUMNS, role: str = "alpha_A", layer: int = 0
) -> Drawing:
    """Draw every value of one vector of one layer, one line a checkpoint (of s_qk one a head)."""
    chosen = Role(role)
    quantity = quantity_of(chosen)
    rows = CutTable(
        table[table["role"] == role],
        [Series(quantity), Series(quantity, "quantile")],
        layer=None if chosen in OUTSIDE_LAYERS else layer,
    )
    symbol = chosen.facts.symbol
    where = symbol if chosen in OUTSIDE_LAYERS else f"{symbol} of layer {layer}"
    y = value_axis(symbol)
    along = Axis(title=AXES.get(chosen, "coordinate"))
    ordered = Panel(title=f"{where}  in order", x=along, y=y)
    ranked = Panel(title=f"{where}  sorted", x=rank_axis(), y=y)
    board = Board(rows, [chosen], [[ordered, ranked]], width, height=220)
    for style in rows.styles:
        mine = rows.get(style, chosen, Series(quantity))
        _draw_in_order(board, ordered, style, chosen, mine)
    draw_rank_curve(board, ranked, chosen, quantity, "sorted")
    return board.finish()


def _draw_in_order(board: Board, panel: Panel, style: Style, role: Role, rows: Frame) -> None:
    """Draw one line a head (and expert), heads one after another."""
    start = 0
    for _, mine in rows.groupby(["expert", "head"], dropna=False):
        head = whole(mine["head"].iloc[0])
        of_head = "" if head is None else f", head {head}"
        number = mine["index"].to_numpy(dtype=np.int64)
        values = mine["value"].to_numpy(dtype=float)
        what = "token" if role is Role.S_Z else "coordinate"
        trace = scatter(
            x=start + number,
            y=values,
            customdata=number,
            mode="lines",
            line={"color": faded(style.color, 0.8), "dash": style.dash, "width": 1},
            hovertemplate=f"<b>{style.label}</b><br>{place(role, mine.iloc[0].to_dict())}{of_head}"
            f"<br>{what} %{{customdata}}: %{{y:.4g}}<extra></extra>",
            meta=f"{role} in order",
        )
        board.draw(panel, style, trace)
        start += len(mine)


FIGURE = Figure(
    name="coordinates",
    title="One learned vector, coordinate by coordinate",
    summary="Every effective value of one vector of one layer: left in the order of the "
    "coordinates (tokens for s_z, heads side by side for s_qk), right sorted against normalized "
    "rank.",
    needs=("eigen_learning_rates", "scaling_factors"),
    draw=draw,
    options=(
        Choice(name="role", values=tuple(map(str, ROLES)), help="Which vector."),
        Choice(
            name="layer",
            values=(),
            default=0,
            help="Which layer, from 0; s_z and g_final have none.",
        ),
    ),
    formula="stored value · init / scale for each coordinate (section 2.5), |·| for α; s_ν without "
    "the √d of equation 21; a GPT's gains as stored.",
    source="not in arXiv 2410.01131; its Figures 6 and 14 show summaries of the same values",
    roles=tuple(map(str, ROLES)),
    singles=(ALPHA, FACTOR),
)
