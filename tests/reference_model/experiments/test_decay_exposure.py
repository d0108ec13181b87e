"""The experiment on decay exposure: what it plans, and its numbers against independent ones."""

import numpy as np
import pytest

from reference_model.checkpoint import checkpoint_path, load_model
from reference_model.config import GPTConfig
from reference_model.experiments import decay_exposure
from reference_model.experiments.conditioning import condition_numbers
from reference_model.model import build_model
from reference_model.presets import model_config

EPS = np.finfo(np.float64).eps


def product_kappa(a, b, rank):
    """sigma_1 / sigma_rank of a product that is formed whole."""
    sigma = np.linalg.svd(a @ b, compute_uv=False)
    return sigma[0] / sigma[rank - 1]


@pytest.mark.parametrize("architecture", ["gpt", "ngpt"])
def test_condition_numbers_are_those_of_blocks_and_products_that_are_formed_whole(architecture):
    config = model_config(architecture, "contrast", vocab_size=32)
    model = build_model(config)
    d_k, blocks = config.d_k, config.n_heads
    generator = np.random.default_rng(0)
    for name, parameter in model.named_parameters():
        if "s_qk" in name or "gain" in name:
            factor = np.exp(generator.normal(size=tuple(parameter.shape)))
            parameter.data *= parameter.new_tensor(factor)
    found = {(layer, name): kappa for layer, name, kappa in condition_numbers(model)}
    assert len(found) == config.n_layers * 6
    for number, layer in enumerate(model.layers):
        attention = layer.attention
        w_q, w_k, w_v = (
            getattr(attention, name).weight.detach().numpy().astype(float).reshape(blocks, d_k, -1)
            for name in ("W_q", "W_k", "W_v")
        )
        w_o = attention.W_o.weight.detach().numpy().astype(float)
        for head in range(blocks):
            columns = w_o[:, head * d_k : (head + 1) * d_k]
            if isinstance(config, GPTConfig):
                gain = layer.norm_A.gain.detach().numpy().astype(float)
                qk = product_kappa((w_q[head] * gain).T, w_k[head] * gain, d_k)
            else:
                scale = attention.scaling.effective(attention.s_qk).detach().numpy().astype(float)
                qk = product_kappa(w_q[head].T * scale[head] ** 2, w_k[head], d_k)
            expected = {
                "W_q": np.linalg.cond(w_q[head]),
                "W_k": np.linalg.cond(w_k[head]),
                "W_v": np.linalg.cond(w_v[head]),
                "W_o": np.linalg.cond(columns),
                "QK": qk,
                "OV": product_kappa(columns, w_v[head], d_k),
            }
            for name, kappa in expected.items():
                # the smallest of the product formed whole carries eps times the largest
                tolerance = 10 * config.d_model * EPS * kappa
                assert found[number, name][head].item() == pytest.approx(kappa, rel=tolerance)


def test_the_same_numbers_come_out_of_the_toolkit_that_reads_the_files(toy, laboratory):
    import ngpt_inspect as ni

    run = decay_exposure.planned_runs(toy)[0]
    laboratory.train([run])
    path = checkpoint_path(laboratory.folder(run), run.training.steps)
    table = ni.measure(path, "condition_numbers")
    rows = table[(table["measure"] == "condition_number") & table["head"].notna()]
    compared = 0
    for layer, name, kappa in condition_numbers(load_model(path)):
        told = rows[(rows["layer"] == layer) & (rows["role"] == name)].sort_values("head")
        if len(told):
            tolerance = 100 * run.model.d_model * EPS * kappa.max().item()
            assert told["value"].tolist() == pytest.approx(kappa.tolist(), rel=tolerance)
            compared += 1
    assert compared == 4 * run.model.n_layers
