"""Options that several figures share: which layer, which matrix, which head."""

from ngpt_inspect.figures._figure import Choice
from ngpt_inspect.vocabulary import ATTENTION, MLP, Role

GROUPS = {"attention": ATTENTION, "mlp": MLP}
"""What an option `role` may say besides the name of one role."""
MATRICES = tuple(str(role) for role in (*ATTENTION, *MLP))

LAYER = Choice(name="layer", values=(), default=0, help="Which layer, from 0.")
ROLE = Choice(name="role", values=MATRICES, help="Which matrix, named as in the paper.")
ROLES = Choice(
    name="role",
    values=(*GROUPS, *MATRICES),
    help="Which matrices: those of attention by head, those of the MLP whole, or one.",
)
HEAD = Choice(name="head", values=(), default=0, help="Which head of an attention matrix, from 0.")


def switch(name: str, help: str, label: str = "") -> Choice:
    """Return a choice between no, the default, and yes."""
    return Choice(name=name, label=label, values=(False, True), help=help)


def roles_named(name: str) -> tuple[Role, ...]:
    """Return the roles that an option `role` names."""
    return GROUPS.get(name) or (Role(name),)
