"""Tensor names -> roles: families declare layouts as data, the engine alone reads them."""

from ngpt_inspect.architectures.engine.architecture import BIAS, Architecture, Constant, Rule
from ngpt_inspect.architectures.engine.match import Match
from ngpt_inspect.architectures.engine.matching import (
    MOST_STACKED,
    absent_roles,
    find_architecture,
)
from ngpt_inspect.architectures.engine.placed import Placed
from ngpt_inspect.architectures.engine.spec import Spec, as_spec, declared, read_spec
from ngpt_inspect.architectures.engine.suggest import suggested
from ngpt_inspect.architectures.engine.unknown import UNKNOWN
from ngpt_inspect.architectures.families import ARCHITECTURES

__all__ = [
    "ARCHITECTURES",
    "BIAS",
    "MOST_STACKED",
    "UNKNOWN",
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
