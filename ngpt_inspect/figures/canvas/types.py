"""Names for what heavy libraries define: they are imported by the functions that need them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame as Frame
    from plotly.graph_objects import Figure as Drawing
    from plotly.graph_objects import Scatter as Trace
else:
    Frame = Drawing = Trace = Any

__all__ = ["Drawing", "Frame", "Trace"]
