"""``ngpt-inspect env``: what a bug report needs."""

from dataclasses import dataclass

from ngpt_inspect.cli.command import Tabling
from ngpt_inspect.later.pandas import pd


@dataclass(kw_only=True)
class EnvironmentCommand(Tabling):
    """What a bug report needs: versions, extras, platform, devices, threads."""

    def run(self) -> None:
        """Write a line a fact."""
        from ngpt_inspect.environment import environment

        self.check_output()
        facts = environment()
        width = max(map(len, facts))
        lines = [f"{item:<{width}}  {value}" for item, value in facts.items()]
        self.emit(lambda: lines, lambda: _frame(facts))


def _frame(facts: dict[str, str]) -> "pd.DataFrame":
    return pd.DataFrame(facts.items(), columns=["item", "value"])
