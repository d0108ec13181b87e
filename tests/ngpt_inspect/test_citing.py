"""A source is a work that can be looked up, whoever wrote it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ngpt_inspect.figures import FIGURES
from ngpt_inspect.measures import MEASURES


@pytest.mark.parametrize(
    "source",
    [
        "arXiv 2410.01131, Figure 4 (left)",
        "arXiv 2005.10242, equation 2",
        "norms as in arXiv 0704.0001, section A.4; not a figure of the paper",
        "arXiv hep-th/9901001, appendix B",
        "Eckart and Young, doi 10.1007/BF02288367, Theorem 1",
        "https://transformer-circuits.pub/2021/framework/index.html",
    ],
)
def test_any_paper_can_be_cited(source: str) -> None:
    assert replace(MEASURES["embedding_norms"], source=source).source == source


@pytest.mark.parametrize(
    ("source", "lacks"),
    [
        ("", "the work"),
        ("the paper, Figure 4", "the work"),
        ("arXiv, section 3", "the work"),
        ("https://example.org", "the work"),
        ("arXiv 2005.10242", "the place in the paper"),
        ("arXiv 2005.10242, as usual", "the place in the paper"),
    ],
)
def test_what_nobody_can_look_up_is_refused_with_what_it_lacks(source: str, lacks: str) -> None:
    told = rf"the {{}} embedding_norms is .* does not name {lacks}: write an arXiv number"
    for kind, each in (("measure", MEASURES), ("figure", FIGURES)):
        with pytest.raises(ValueError, match=told.format(kind)):
            replace(each["embedding_norms"], source=source)
