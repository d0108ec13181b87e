"""Fixtures: every layout on disk, a trained pair, and the command line inside this process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import Result
from models import LAYOUTS
from typer import testing

from ngpt_inspect.weights import WeightSet

# Typer makes the commands from their functions at every call, longer than most of them run.
testing._get_command = cache(testing._get_command)

torch.set_num_threads(1)  # matrices this small only lose time when shared between cores

Cli = Callable[..., Result]
TableOf = Callable[[str, str], pd.DataFrame]


@pytest.fixture(scope="session")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a checkpoint of every layout, by the names of `LAYOUTS`. Read only."""
    folder = tmp_path_factory.mktemp("layouts")
    return {name: write(folder) for name, write in LAYOUTS.items()}


@pytest.fixture(scope="session")
def open_layout(layouts: dict[str, Path]) -> Callable[[str], WeightSet]:
    """Return a function that gives the checkpoint of a layout, opened once."""
    import ngpt_inspect as ni

    return cache(lambda layout: ni.open_checkpoint(layouts[layout]))


@pytest.fixture(scope="session")
def table_of(open_layout: Callable[[str], WeightSet]) -> TableOf:
    """Return a function giving the table of one measure of one layout, measured once."""
    import ngpt_inspect as ni

    @cache
    def measured(layout: str, measure: str) -> pd.DataFrame:
        return ni.measure(open_layout(layout), measure)

    return lambda layout, measure: measured(layout, measure).copy()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return checkpoints that reference_model wrote after three steps of training."""
    from reference_model.checkpoint import save_checkpoint
    from reference_model.config import GPTConfig, NGPTConfig, TrainConfig
    from reference_model.model import NGPT, build_model

    shape = {"vocab_size": 37, "n_layers": 2, "n_heads": 2, "d_model": 16, "d_mlp": 40}
    configs = (GPTConfig(context_length=8, **shape), NGPTConfig(context_length=8, **shape))
    paths = {}
    for config in configs:
        torch.manual_seed(3)
        model = build_model(config)
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
        for _ in range(3):
            tokens = torch.randint(37, (4, 9))
            model(tokens[:, :-1], tokens[:, 1:]).backward()
            optimizer.step()
            optimizer.zero_grad()
            if isinstance(model, NGPT):
                model.normalize_matrices()
        folder = tmp_path_factory.mktemp("trained") / model.architecture
        folder.mkdir()
        training = TrainConfig(steps=3, batch_size=4, learning_rate=0.02, seed=3)
        paths[model.architecture] = save_checkpoint(folder, model, training, step=3, tokens=96)
    return paths


@pytest.fixture
def cli() -> Cli:
    """Return a function that runs ngpt-inspect in this process."""
    from ngpt_inspect.cli.commands import app

    def run(*arguments: object) -> Result:
        return testing.CliRunner().invoke(app, [str(each) for each in arguments])

    return run
