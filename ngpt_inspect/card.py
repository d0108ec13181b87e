"""A few lines about one thing: as text for a terminal, as HTML for a notebook."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from ngpt_inspect.wording import shown


@dataclass(frozen=True, kw_only=True)
class Card:
    """A title and what is said below it. What comes out of files is cut and escaped."""

    title: str
    lines: Mapping[str, str]

    def __str__(self) -> str:
        """Return the title, and a line a fact."""
        width = max(map(len, self.lines))
        facts = (f"  {name:<{width}}  {shown(text)}" for name, text in self.lines.items())
        return "\n".join([shown(self.title), *facts])

    @property
    def html(self) -> str:
        """The same as a table of its own, in the colours of the page it stands in."""
        rows = "".join(
            f'<tr><td style="text-align:left;opacity:.7">{escape(name)}</td>'
            f'<td style="text-align:left">{escape(shown(text))}</td></tr>'
            for name, text in self.lines.items()
        )
        title = f'<th colspan="2" style="text-align:left">{escape(shown(self.title))}</th>'
        return f"<table><thead><tr>{title}</tr></thead><tbody>{rows}</tbody></table>"
