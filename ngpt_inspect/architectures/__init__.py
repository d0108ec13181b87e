"""Tensor names -> roles: one declaration a file, no code but `_matching` reads them."""

from ngpt_inspect.architectures._architecture import BIAS, Architecture, Constant, Rule
from ngpt_inspect.architectures._matching import Match, absent_roles, find_architecture
from ngpt_inspect.architectures._placed import Placed
from ngpt_inspect.architectures._spec import Spec, as_spec, declared, read_spec
from ngpt_inspect.architectures._suggest import suggested
from ngpt_inspect.plugins import collect

ARCHITECTURES: dict[str, Architecture] = collect(__name__, __path__, Architecture)
"""Every declared layout by name."""

__all__ = [
    "ARCHITECTURES",
    "BIAS",
    "Architecture",
    "Constant",
    "Match",
    "Placed",
    "Rule",
    "Spec",
    "absent_roles",
    "as_spec",
    "declared",
    "find_architecture",
    "read_spec",
    "suggested",
]
