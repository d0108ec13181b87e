"""Tensor names -> roles: families declare layouts as data, the engine alone reads them."""

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    Architecture,
    Constant,
    Product,
    Rule,
)
from ngpt_inspect.architectures.engine.match import Match
from ngpt_inspect.architectures.engine.matching import absent_roles, find_architecture
from ngpt_inspect.architectures.engine.placed import MOST_STACKED, Placed
from ngpt_inspect.architectures.engine.said import fitting, holds
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
    "Product",
    "Rule",
    "Spec",
    "absent_roles",
    "as_spec",
    "declared",
    "find_architecture",
    "fitting",
    "holds",
    "read_spec",
    "suggested",
]
