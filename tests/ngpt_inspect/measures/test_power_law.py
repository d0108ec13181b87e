"""Alpha, xmin and D are those that WeightWatcher 0.7.7 gives of the same files."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.numerics.power_law import power_law

STORIES = Path(__file__).parents[4] / "shared/data/weights/stories260K"
SAME = 1e-6
RECORDED = {
    "embed_tokens": (2.34797439395, 11.3052961137, 0.0527484772381),
    "0.mlp.down_proj": (4.01226175919, 3.95428895665, 0.0736227273947),
    "0.mlp.gate_proj": (3.72171646366, 3.93849383796, 0.0631072177724),
    "0.mlp.up_proj": (3.71402046317, 2.82417689653, 0.103465787157),
    "0.self_attn.k_proj": (1.91164418307, 0.679479619419, 0.0540948839218),
    "0.self_attn.o_proj": (4.64679242584, 0.599761027912, 0.0985709898167),
    "0.self_attn.q_proj": (1.73315037639, 0.73045519187, 0.0859941930153),
    "0.self_attn.v_proj": (3.6322545853, 0.167428833153, 0.152532733834),
    "2.mlp.down_proj": (3.47763603937, 3.86746404501, 0.104593843427),
    "2.mlp.gate_proj": (9.52729041459, 6.35655979854, 0.123868539048),
    "2.mlp.up_proj": (4.84636622692, 3.83573174806, 0.125589902204),
    "2.self_attn.k_proj": (2.08002498753, 1.27761620861, 0.0858033197475),
    "2.self_attn.o_proj": (2.73241187311, 0.396606881332, 0.115332403736),
    "2.self_attn.q_proj": (1.90620042127, 1.56462348445, 0.100208668834),
    "2.self_attn.v_proj": (3.20313038272, 0.25462195258, 0.147597109591),
}
"""By `WeightWatcher(model).analyze()` of stories260K: tensor -> alpha, xmin, D."""
OF_NUMBERS = {
    12: (1.8587731847207407, 1.0015140294411762, 0.10432477738863694, 0.2589298576124787),
    19: (2.5386138652634465, 1.0249762748730031, 0.09101915495836477, 0.35298222904283516),
    30: (2.8286189162083337, 1.4317289962218176, 0.07256471124332442, 0.41951395063152613),
    400: (2.3810587747660463, 1.1069403784553633, 0.0252097854460539, 0.07309338141833423),
}
"""By its `pl_fit` of so many Pareto numbers, drawn one set after another: also sigma."""


def table_of(folder):
    table = ni.measure(folder, "power_law")
    wide = table.pivot_table(index="tensor", columns="measure", values="value")
    return wide[["power_law_alpha", "power_law_xmin", "power_law_distance"]]


def test_recorded_fits_of_numbers():
    rng = np.random.default_rng(0)
    for count, wanted in OF_NUMBERS.items():
        found = power_law(rng.pareto(1.5, count) + 1)
        given = (found.alpha, found.xmin, found.distance, found.standard_error)
        assert given == pytest.approx(wanted, rel=SAME)


@pytest.mark.skipif(not STORIES.is_dir(), reason="nothing at <repository>/../shared/data/weights")
def test_recorded_fits_of_a_trained_model():
    found = table_of(STORIES)
    for name, wanted in RECORDED.items():
        (row,) = found[found.index.str.endswith(f"{name}.weight")].to_numpy()
        assert row == pytest.approx(wanted, rel=SAME), name


def test_what_has_no_fit_says_why(tmp_path):
    of = {
        "few": torch.randn(7, 30, generator=torch.Generator().manual_seed(0)),
        "equal": torch.eye(30),
        "small": 1e-3 * torch.eye(30),
    }
    save_file(of, tmp_path / "x.safetensors")
    table = ni.measure(tmp_path / "x.safetensors", "power_law").set_index("tensor")
    assert (table["status"] == "skipped").all()
    assert table.loc["few", "reason"] == "few: 7 eigenvalues, and a tail takes 8 or more"
    assert table.loc["equal", "reason"] == "equal: all eigenvalues are equal"
    assert "30 of 30 eigenvalues are not above 1e-05" in table.loc["small", "reason"]


def test_what_is_left_out_is_said(tmp_path):
    values = torch.diag(torch.logspace(-4, 1, 40, dtype=torch.float64))
    save_file({"w": values}, tmp_path / "x.safetensors")
    table = ni.measure(tmp_path / "x.safetensors", "power_law")
    said = table.loc[table["measure"] == "power_law_alpha", "reason"].item()
    below = int((values.diagonal() ** 2 <= 1e-5).sum())
    assert said == f"{below} of 40 eigenvalues are not above 1e-05"


def test_a_power_law_is_found_again():
    """The i-th of n numbers of the law itself, x = (1 - (i + 1/2) / n)^(-1 / (alpha - 1))."""
    n, alpha = 20_00, 3.0
    found = power_law((1 - (np.arange(n) + 0.5) / n) ** (-1 / (alpha - 1)))
    assert found.alpha == pytest.approx(alpha, abs=3 * (alpha - 1) / math.sqrt(found.tail))
    assert found.distance < 0.01


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of what WeightWatcher calls
def test_weightwatcher_itself(tmp_path):
    weightwatcher = pytest.importorskip("weightwatcher", reason="pip install weightwatcher==0.7.7")
    if not STORIES.is_dir():
        pytest.skip("needs the trained model stories260K")
    tensors = load_file(STORIES / "model.safetensors")
    model = torch.nn.ModuleDict()
    for name, tensor in tensors.items():
        if tensor.ndim == 2:
            layer = torch.nn.Linear(*reversed(tensor.shape), bias=False)
            layer.weight.data = tensor.float()
            model[name.replace(".", "_")] = layer
    theirs = weightwatcher.WeightWatcher(model=model).analyze().set_index("longname")
    ours = table_of(STORIES)
    ours.index = ours.index.str.replace(".", "_")
    assert set(ours.index) == set(theirs.index)
    theirs = theirs.loc[ours.index, ["alpha", "xmin", "D"]]
    np.testing.assert_allclose(ours.to_numpy(float), theirs.to_numpy(float), rtol=SAME)
