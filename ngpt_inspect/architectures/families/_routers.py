"""Routers of mixtures: which expert a token goes to, read from the hidden state."""

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.vocabulary import Role


def router(*names: str) -> Rule:
    """Return the rule of a router; layers without experts have none."""
    return Rule(name="|".join(names), role=Role.W_ROUTER, shape="n_experts, d_model", optional=True)


def gate_of_shared(name: str) -> Rule:
    """Return the rule of the one row that weighs an expert which every token passes."""
    return Rule(name=name, role=Role.X_IN, shape="1, d_model", optional=True)
