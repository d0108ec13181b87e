"""What every rank of `test_reference_sharding` runs in one start: torchrun ... FOLDER."""

import json
import shutil
import sys
from pathlib import Path

import torch
from small_runs import interrupted, make_config, make_data, make_train_config

from reference_model.errors import DivergenceError
from reference_model.train import main
from reference_model.training.loop import train
from reference_model.training.ranks import join_ranks, leave
from reference_model.training.trainer import Trainer

# 2 ranks cut neither 23 nor 41 evenly, 3 ranks no size at all, and of a scalar one gets nothing
ODD = {"d_mlp": 41, "alpha_granularity": "scalar", "s_z_granularity": "fixed"}
CONFIGS = {
    "gpt": make_config("gpt", d_mlp=41),
    "ngpt": make_config("ngpt", d_mlp=41),
    "odd": make_config("ngpt", **ODD),
}
WAYS = {"adamh": {"hyperball": True}}
if hasattr(torch.optim, "Muon"):
    WAYS |= {"muonh": {"optimizer": "muon", "hyperball": True}}


def run(out, name="ngpt", *, sharded=False, resume=False, stop_after=None, **changes):
    """Train one of CONFIGS; every step is clipped. `stop_after` N steps it is interrupted."""
    settings = {"steps": 6, "batch_size": 6, "gradient_clip": 0.1, "checkpoint_steps": (0,)}
    with interrupted(stop_after):
        train(
            CONFIGS[name],
            make_train_config(**settings | changes),
            make_data(),
            out,
            resume=resume,
            device="cpu",
            sharded=sharded,
            show_progress=False,
        )


def command(text, out):
    sizes = ["--steps", "2", "--batch-size", "6", "--context-length", "16", "--tokenizer", "bytes"]
    sizes += ["--precision", "float32", "--device", "cpu"]
    return ["--model", "ngpt", "--data", str(text), "--out", str(out), *sizes]


def train_all(folder, ranks):
    """Every run that the tests compare."""
    here = folder / f"ranks-{ranks.world_size}"
    run(here / "ngpt", sharded=True)
    run(here / "gpt", "gpt", sharded=True, micro_batch_size=1)
    run(here / "odd", "odd", sharded=True, micro_batch_size=1)
    run(here / "cut", sharded=True, stop_after=5)  # one step past its last save
    copy(ranks, here / "cut", here / "cut-for-one")
    run(here / "cut", sharded=True, resume=True)
    copy(ranks, folder / "cut", here / "cut-by-one")
    run(here / "cut-by-one", sharded=True, resume=True)
    run(here / "rounded", sharded=True, precision="bfloat16")
    run(here / "rounded-copies", precision="bfloat16")
    run(here / "copies", micro_batch_size=1)
    for name, way in WAYS.items():
        run(here / name, "gpt", sharded=True, stop_after=5, **way)
        run(here / name, "gpt", sharded=True, resume=True, **way)
    assert main([*command(folder / "text.txt", here / "command"), "--shard"]) == 0
    assert main(command(folder / "text.txt", here / "command-copies")) == 0
    findings = {
        "lengths": lengths(ranks),
        "unsent": unsent(ranks),
        "error": divergence(here / "diverged", ranks),
    }
    (here / f"rank-{ranks.rank}.json").write_text(json.dumps(findings))


def copy(ranks, source, target):
    if ranks.is_main:
        shutil.copytree(source, target)
    ranks.wait()


def new_trainer(ranks):
    settings = make_train_config(batch_size=6)
    return Trainer(CONFIGS["odd"], settings, make_data(), ranks, sharded=True)


def lengths(ranks):
    """Numbers of every tensor, of its gradient and of its two moments that this rank holds."""
    trainer = new_trainer(ranks)
    trainer._backward()
    gradients = {name: p.grad.to_local().numel() for name, p in trainer.model.named_parameters()}
    trainer.take_step()
    trainer.validate()  # after it, too, nothing is left whole
    found = {}
    for name, parameter in trainer.model.named_parameters():
        moments = trainer.optimizers["optimizer"].state[parameter]
        parts = (parameter, moments["exp_avg"], moments["exp_avg_sq"])
        found[name] = [gradients[name], *(part.to_local().numel() for part in parts)]
    return found


def unsent(ranks):
    """Whether gradients stay with the rank until it is time to average them."""
    trainer = new_trainer(ranks)
    inputs, targets = trainer.data.batch(0, 1, 1, 12)
    with trainer.placement.averaging(now=False):
        trainer.placement(inputs, targets).backward()
    return all(parameter.grad is None for parameter in trainer.model.parameters())


def divergence(out, ranks):
    """Error of this rank when only the last one meets a gradient that is not finite."""
    original = Trainer._backward

    def explodes(trainer):
        loss = original(trainer)
        if trainer.step == 6 and ranks.rank == ranks.world_size - 1:
            trainer.model.E_input.weight.grad.to_local().fill_(torch.inf)
        return loss

    Trainer._backward = explodes
    try:
        run(out, sharded=True)
    except DivergenceError as error:
        return str(error)
    finally:
        Trainer._backward = original
    return None


if __name__ == "__main__":
    with join_ranks("cpu") as ranks:
        train_all(Path(sys.argv[1]), ranks)
        ranks.wait()  # nobody closes its connections while another still works
    leave(0)
