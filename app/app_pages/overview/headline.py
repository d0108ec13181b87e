"""The table at the top: a row a checkpoint, its few numbers, its marks; equal facts folded away."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from ngpt_inspect.summary import headline
from ngpt_inspect.summary.facts import tokens_of
from ngpt_inspect.summary.headline import COLUMNS
from ngpt_inspect.wording import listed

from ...engine.loading import losses_once
from ...engine.palette import colors_of
from ...frame.looks import chip
from ...frame.text import plain
from .marks import Mark, row_of_marks
from .readings import Readings

if TYPE_CHECKING:
    from ngpt_inspect.weights import WeightSet

HEADINGS = {
    "kappa_attention": "κ attention",
    "kappa_mlp": "κ MLP",
    "norm_E_input": "‖E<sub>in</sub>‖",
    "norm_E_output": "‖E<sub>out</sub>‖",
    "unit_norm": "unit norm",
    "mean_alpha_A": "|α<sub>A</sub>|",
    "mean_alpha_M": "|α<sub>M</sub>|",
}
NONE, TO_COME = "–", "…"
LOSS = "the last validation loss that its run had logged when it was saved"
ROOMY = 3
"""Checkpoints that have a second line each; more have it where the pointer is."""
FROM = {
    "kappa_attention": "condition_numbers",
    "kappa_mlp": "condition_numbers",
    "norm_E_input": "embedding_norms",
    "norm_E_output": "embedding_norms",
    "unit_norm": "unit_norm",
    "mean_alpha_A": "eigen_learning_rates",
    "mean_alpha_M": "eigen_learning_rates",
}
"""Column -> the measure it comes from."""
STYLE = """
<style>
.headline {width:100%;border-collapse:collapse;font-size:0.92rem;font-variant-numeric:tabular-nums}
.headline th, .headline td {padding:0.28rem 0.45rem;text-align:right;white-space:nowrap;border:0;
  border-bottom:1px solid rgba(128,128,128,0.25)}
.headline th {font-weight:500;opacity:0.75}
.headline th:first-child, .headline td:first-child {text-align:left;padding-left:0;width:99%;
  white-space:normal;min-width:9rem}
.headline .marks {text-align:left}
.headline small {opacity:0.75}
.headline-box {overflow-x:auto}
@media (max-width: 1000px) {
  .headline {font-size:0.8rem}
  .headline th, .headline td {padding:0.28rem 0.2rem}
  .headline th, .headline .marks {white-space:normal}
  .headline .marks {min-width:4.7rem}
  .headline th:first-child, .headline td:first-child {min-width:6.5rem}
}
</style>
"""


def draw_headline(
    checkpoints: Sequence[WeightSet], readings: Readings, marks: Sequence[Sequence[Mark]]
) -> None:
    """Draw the table, and what all checkpoints have in common in a line below it."""
    numbers = headline(checkpoints, readings.table).to_dict("records")
    losses = losses_once(checkpoints)
    logged = not all(map(math.isnan, losses))
    told = [facts(each) for each in checkpoints]
    differing = [name for name in _names(told) if len({mine.get(name) for mine in told}) > 1]
    heads = [("checkpoint", ""), ("health", "a mark each; point at one for its words")]
    heads += [("loss", LOSS)] if logged else []
    heads += [(HEADINGS[name], meaning) for name, meaning in COLUMNS.items()]
    shades = colors_of(checkpoints)
    rows = []
    for place, checkpoint in enumerate(checkpoints):
        own = [told[place][name] for name in differing if name in told[place] and name != "step"]
        name = chip(checkpoint.label, shades[place], checkpoint.family, checkpoint.step)
        said = escape(" · ".join(own), quote=True)
        small = f"<small>{said}</small>" if own and len(checkpoints) <= ROOMY else ""
        cells = [f'<td title="{said}">{name}{small}</td>']
        cells.append(f'<td class="marks">{row_of_marks(marks[place])}</td>')
        cells += [f"<td>{_number(losses[place], 4)}</td>"] if logged else []
        cells += [f"<td>{each}</td>" for each in _cells(numbers[place], readings)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(
        f'<th scope="col" title="{escape(meaning, quote=True)}">{word}</th>'
        for word, meaning in heads
    )
    table = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    label = "What tells the open checkpoints apart"
    st.html(
        f'{STYLE}<div class="headline-box" tabindex="0" role="region" aria-label="{label}">'
        f'<table class="headline">{table}</table></div>'
    )
    same = [text for name, text in told[0].items() if name not in differing]
    if same:
        st.caption(plain(f"{'In all: ' if len(told) > 1 else ''}{' · '.join(same)}"))


def _names(told: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(name for mine in told for name in mine))


def _cells(numbers: Mapping[str, object], readings: Readings) -> Iterator[str]:
    for name in COLUMNS:
        value = float(str(numbers[name]))
        if math.isnan(value) and FROM[name] not in readings.measures:
            yield TO_COME
        elif name == "unit_norm":
            yield NONE if math.isnan(value) else f"{math.floor(100 * value)}%"
        else:
            yield _number(value, 3)


def _number(value: float, digits: int) -> str:
    if math.isnan(value):
        return NONE
    return "∞" if math.isinf(value) else f"{value:.{digits}g}"


def facts(checkpoint: WeightSet) -> dict[str, str]:
    """Return what the headers say of a checkpoint, by what it is about, as people say it."""
    shape = checkpoint.shape
    heads = "heads unknown" if shape.n_heads is None else f"{shape.n_heads} heads"
    if shape.n_kv_heads not in (None, shape.n_heads):
        heads += f" ({shape.n_kv_heads} for keys and values)"
    width = "" if shape.d_model is None else f", width {shape.d_model:,}"
    tokens = tokens_of(checkpoint)
    lines = {
        "layout": checkpoint.architecture,
        "size": f"{shape.n_layers} layers, {heads}{width}",
        "vocabulary": f"vocabulary {shape.vocab_size:,}" if shape.vocab_size else "",
        "parameters": f"{checkpoint.n_parameters:,} parameters",
        "stored as": ", ".join(checkpoint.dtypes),
        "step": "no step recorded" if checkpoint.step is None else f"step {checkpoint.step:,}",
        "trained on": "" if tokens is None else f"trained on {tokens:,} tokens",
        "experts": "" if shape.n_experts is None else f"{shape.n_experts} experts a layer",
        "tensors": "" if checkpoint.unrecognised else "all tensors recognised",
    }
    return {name: text for name, text in lines.items() if text}


def draw_assumed(checkpoints: Sequence[WeightSet]) -> None:
    """Draw, folded up, which constants were assumed and which tensors nobody recognised."""
    assumed = [
        f"**{plain(each.label)}** {plain(one.name)}: {one.value:.4g}, {plain(one.origin)}"
        for each in checkpoints
        for one in each.constants
        if one.assumed
    ]
    unknown = {each.label: each.unrecognised for each in checkpoints if each.unrecognised}
    if assumed:
        with st.expander(f"Constants assumed: {len(assumed)}", icon=":material/help:"):
            st.markdown("  \n".join(assumed))
    if unknown:
        count = sum(map(len, unknown.values()))
        with st.expander(f"Tensors not recognised: {count}", icon=":material/help:"):
            st.caption(plain(f"The page Tensors lists them: {listed(unknown)}."))
            for names in unknown.values():
                st.code("\n".join(names), language=None, wrap_lines=True)
