"""Rules over the tidy table, as data: what a checkpoint must keep, and which it breaks."""

from ngpt_inspect.rules.checking import Checked, check
from ngpt_inspect.rules.judging import Outcome, Subject, Verdict, judge
from ngpt_inspect.rules.reading import Rules, in_force, read_rules, shipped
from ngpt_inspect.rules.rule import CheckRule, Severity

__all__ = [
    "CheckRule",
    "Checked",
    "Outcome",
    "Rules",
    "Severity",
    "Subject",
    "Verdict",
    "check",
    "in_force",
    "judge",
    "read_rules",
    "shipped",
]
