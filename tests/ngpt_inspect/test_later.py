"""A library that is named early and imported late."""

import sys
from importlib import import_module

import pytest

from ngpt_inspect.later import Later


def test_it_is_imported_when_something_of_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    late = Later("colorsys")
    assert "colorsys" not in sys.modules
    assert late.rgb_to_hls(1, 0, 0) == (0, 0.5, 1)
    assert late.rgb_to_hls is import_module("colorsys").rgb_to_hls
    assert vars(import_module("colorsys")).keys() <= vars(late).keys(), "it is as quick as itself"


def test_what_it_has_not_is_said_in_its_own_words() -> None:
    with pytest.raises(AttributeError, match="module 'colorsys' has no attribute 'nothing'"):
        _ = Later("colorsys").nothing
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        _ = Later("no_such_library").anything
