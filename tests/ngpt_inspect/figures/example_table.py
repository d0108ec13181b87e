"""Tables of tiny models as `measure` and `summarise` give them: what figures are drawn of."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from models import tiny_gpt, tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.vocabulary import Role

N_LAYERS, N_HEADS, D_K = 3, 4, 4
STRIDE = 25
PER_MILLE = np.arange(0, 1001, STRIDE)
"""Of the 1001 points of a rank curve: the tables are drawn a few hundred times."""
GPT, NGPT = (("gpt", "GPT", 200), ("ngpt", "nGPT", 200))
TWO = (GPT, NGPT)
FIVE = (*TWO, ("ngpt-slerp", "nGPT", 200), ("gpt-long", "GPT", 400), ("ngpt-long", "nGPT", 400))
STEPS = (GPT, *(("ngpt", "nGPT", step) for step in (100, 200, 300)))
TOKENS_A_STEP = 1000


def make(models=TWO):
    """Return the table of these (label, family, step) models: yours to change."""
    return _joined([_named(*model) for model in models])


@cache
def _measured(family):
    model = (tiny_gpt if family == "GPT" else tiny_ngpt)(n_layers=N_LAYERS)
    return _table(model, family.lower(), 200)


def _named(label, family, step):
    """Return the table of a family under a label and step: values of its own for each of them.

    They are those of the one model that is measured, times a factor: measuring takes longer.
    """
    table = _measured(family)
    others = [each for each in (*FIVE, *STEPS) if each not in TWO]
    factor = 1 + others.index((label, family, step)) / 64 if (label, family, step) in others else 1
    named = table.assign(checkpoint=label, step=step, value=table["value"] * factor)
    (told,) = table.attrs["checkpoints"]
    tokens = None if step is None else TOKENS_A_STEP * step
    told = told | {"label": label, "step": step, "tokens": tokens}
    named = named.astype(table.dtypes.to_dict())
    named.attrs = table.attrs | {"checkpoints": [told]}
    return named


@cache
def _broken_gpt():
    return _table(damaged(tiny_gpt(n_layers=4)), "gpt", 200)


def damaged(model):
    """Return the model with a W_q that storage blurs, one without rank, and one with NaN."""
    blurred, lost, spoilt = (model.arrays["W_q", layer].copy() for layer in (0, 2, 3))
    first = np.arange(N_HEADS) * D_K
    blurred[first + 1] = blurred[first].astype(np.float32)
    blurred[first + 1, 0] = np.nextafter(blurred[first, 0].astype(np.float32), np.float32(9))
    lost[first[:3]] = 0
    spoilt.flat[:5] = np.nan
    return model.changed(W_q_0=blurred, W_q_2=lost, W_q_3=spoilt)


def _table(model, label, step):
    with TemporaryDirectory() as folder, torch.no_grad():
        path = write_reference(model, Path(folder) / "model.safetensors", step=step)
        table = ni.summarise(ni.measure(ni.open_checkpoint(path, label=label), [*MEASURES]))
    return table[(table["statistic"] != "quantile").fillna(True) | (table["index"] % STRIDE == 0)]


def without(table, *roles):
    """Return a table whose checkpoints have not these roles."""
    return table[~table["role"].isin([str(role) for role in roles])]


def broken():
    """Return the table of a damaged GPT of four layers beside a sound nGPT."""
    return _joined([_broken_gpt(), _named(*NGPT)])


def _joined(parts):
    table = pd.concat(parts, ignore_index=True)
    told = [told for part in parts for told in part.attrs["checkpoints"]]
    table.attrs = parts[0].attrs | {"checkpoints": told}
    return table


STATES = {
    "two": make,
    "five": lambda: make(FIVE),
    "steps": lambda: make(STEPS),
    "gpt_only": lambda: make((("gpt", "GPT", None),)),
    "ngpt_without_gate": lambda: without(make((NGPT,)), Role.W_NU, Role.E_OUTPUT),
    "broken": broken,
    "nothing": lambda: make().iloc[:0],
}
"""The states every figure must cope with, each as a function that makes its table."""
