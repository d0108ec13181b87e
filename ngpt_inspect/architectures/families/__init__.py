"""One declaration a file, as data: which tensor of a layout plays which role."""

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.plugins import collect

ARCHITECTURES: dict[str, Architecture] = collect(__name__, __path__, Architecture)
"""Every declared layout by name."""
