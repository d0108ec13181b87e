"""A tensor with a role, read lazily, and the set of them that makes a model."""

from ngpt_inspect.weights.part import Part
from ngpt_inspect.weights.shape import ModelShape
from ngpt_inspect.weights.shared import SharedWeight
from ngpt_inspect.weights.weight import Weight, over_norms
from ngpt_inspect.weights.weight_set import ResolvedConstant, WeightSet

__all__ = [
    "ModelShape",
    "Part",
    "ResolvedConstant",
    "SharedWeight",
    "Weight",
    "WeightSet",
    "over_norms",
]
