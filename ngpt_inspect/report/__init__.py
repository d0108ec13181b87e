"""One file to send: everything a reader needs of some checkpoints, without any network."""

from ngpt_inspect.report.making import (
    changed_in,
    figures_for,
    measures_for,
    report_of,
    save_report,
)

__all__ = ["changed_in", "figures_for", "measures_for", "report_of", "save_report"]
