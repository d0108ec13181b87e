"""Tables typeset as in the paper: Markdown and LaTeX."""

from ngpt_inspect.paper.ablations import ablation_sheets
from ngpt_inspect.paper.typesetting import Sheet, to_latex, to_markdown

__all__ = ["Sheet", "ablation_sheets", "to_latex", "to_markdown"]
