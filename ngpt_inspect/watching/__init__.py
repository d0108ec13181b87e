"""Follows a run: each checkpoint is measured once, when it is whole, and never touched."""

from ngpt_inspect.watching.ledger import Ledger, table_of
from ngpt_inspect.watching.looking import Looking
from ngpt_inspect.watching.watch import Intake, Watch

__all__ = ["Intake", "Ledger", "Looking", "Watch", "table_of"]
