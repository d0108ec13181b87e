"""A figure as streamlit's page takes it, such that plotly.js draws it once and not twice.

Streamlit hands plotly.js each figure two times, the second time with the size there is room for and
what a click does. Plotly.js then draws anew whatever it cannot tell to be the same: a template,
notes, arrays in numpy's encoding, and values that bear no revision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from plotly.basedatatypes import BaseFigure

if TYPE_CHECKING:
    import plotly.graph_objects as go

CLICKED = {"clickmode": "event+select", "dragmode": "pan"}
"""What streamlit has a click do where points can be chosen."""


class Sent(BaseFigure):
    """The same figure, its template written out: nothing of it has to be checked or copied again.

    Parameters
    ----------
    figure
        With a template of a layout alone.
    clicked
        Whether points can be chosen.
    """

    def __init__(self, figure: go.Figure, *, clicked: bool) -> None:
        own = figure.layout.to_plotly_json()
        own.pop("meta", None)
        usual = own.pop("template")["layout"]
        axes = {"x": usual.pop("xaxis"), "y": usual.pop("yaxis")}
        usual |= {name: axes[name[0]] for name in own if name[1:5] == "axis"}
        # A page has whole pixels. All values are of one revision: others are another figure.
        fixed = {"height": int(own["height"]), "datarevision": 1, **(CLICKED if clicked else {})}
        data = [_listed(trace.to_plotly_json()) for trace in figure.data]
        self._told = {"data": data, "layout": _merged(usual, own) | fixed}

    def to_dict(self) -> dict[str, Any]:
        """Return what plotly.js takes; all sessions share it."""
        return self._told


def _merged(usual: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return a layout with what is usual where it says nothing itself."""
    inner = (key for key, value in own.items() if isinstance(value, dict) and key in usual)
    return usual | own | {key: _merged(usual[key], own[key]) for key in inner}


def _listed(trace: dict[str, Any]) -> dict[str, Any]:
    """Return a trace with lists for arrays, also within what it has of its markers."""
    turned = {dict: _listed, np.ndarray: np.ndarray.tolist}
    return {key: turned.get(type(value), lambda same: same)(value) for key, value in trace.items()}
