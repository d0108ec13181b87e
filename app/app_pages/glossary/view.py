"""The layout of the page of names."""

import re

import pandas as pd
import streamlit as st

from ngpt_inspect.glossary import GLOSSARY, Term
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.vocabulary import Role

from ...blocks.tables import draw_table, matching
from ...frame.controls import choose, typed
from ...frame.parts import part
from ...frame.session import current
from ...frame.welcome import draw_welcome

ABOUT = ("tensors", "numbers")


def draw() -> None:
    """Draw what every role is called by others, or what every number is."""
    st.title("Glossary")
    if not current():
        draw_welcome()
        return
    part("terms", _draw_terms)


def _draw_terms() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about = choose("Names of", ABOUT, "about")
        words = typed("Search", "term", placeholder="gate, q_proj, kappa", width=280)
    table = _tensors() if about == "tensors" else _numbers()
    found = table[matching(table, list(table), words)]
    if found.empty:
        st.caption("Nothing is named so.")
        return
    draw_table(found, alt=f"Names of {about} and their meaning", height="content")
    st.caption("Source: arXiv 2410.01131; transformers (modeling_llama.py, modeling_gpt2.py).")


def _tensors() -> pd.DataFrame:
    rows = []
    for role in Role:
        term = GLOSSARY.get(role, Term(words=""))
        symbol = re.sub("<[^>]+>", "", role.facts.symbol)
        rows.append((symbol, str(role), term.words, term.llama, term.gpt2, role.facts.meaning))
    columns = ["in the paper", "here", "in plain words", "Llama", "GPT-2", "what it does"]
    return pd.DataFrame(rows, columns=columns).replace({"": None})


def _numbers() -> pd.DataFrame:
    rows = [
        (name, each.title, formula)
        for each in MEASURES.values()
        for name, formula in each.quantities.items()
    ]
    return pd.DataFrame(rows, columns=["number", "of the measure", "what it is"])
