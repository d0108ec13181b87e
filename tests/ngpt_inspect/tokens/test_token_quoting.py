r"""Every token is told from every other, and nothing of it is invisible."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngpt_inspect.tokens import shown_bytes, shown_text
from ngpt_inspect.tokens.quoting import LONGEST


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (b" the", "␣the"),
        (b"\n\t\r", r"\n\t\r"),
        (b"\\n", r"\\n"),
        ("é, 漢, 🙂".encode(), "é,␣漢,␣🙂"),
        (b"\xe6\xbc", r"\xe6\xbc"),  # two thirds of a character
        (b"a\xffb", r"a\xffb"),
        ("␣".encode(), r"\u2423"),
        ("\u200b\u202e\u00a0".encode(), r"\u200b\u202e\u00a0"),
        ("\u0301a".encode(), r"\u0301a"),
        ("\U000e0001".encode(), r"\U000e0001"),
        (b"", ""),
    ],
)
def test_known_tokens(token, shown):
    assert shown_bytes(token) == shown


def test_text_that_is_no_utf8_is_not_taken_for_a_byte():
    assert shown_text("\udc80") == r"\udc80" != shown_bytes(b"\x80")


def test_a_long_token_is_cut_and_what_was_cut_is_counted():
    assert shown_text("a" * (LONGEST + 7)) == "a" * LONGEST + "… (+7)"


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_no_two_tokens_look_alike(one, other):
    assert (shown_bytes(one) == shown_bytes(other)) == (one == other)


@given(st.text(max_size=12))
def test_all_of_it_is_visible(text):
    shown = shown_text(text)
    assert shown.isprintable()
    assert " " not in shown
    assert not shown or not unicodedata.category(shown[0]).startswith("M")
