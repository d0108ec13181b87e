"""Which optimiser moves which parameter (arXiv 2410.01131, Table 3 and appendix A.5)."""

import torch
from torch import nn
from torch.optim import Optimizer

from reference_model.config import TrainConfig
from reference_model.errors import UsageError
from reference_model.training.hyperball import hold_norms

EMBEDDINGS = ("E_input", "E_output")
"""Matrices that are not of the layers: AdamW's under every setting."""


def make_optimizers(model: nn.Module, config: TrainConfig) -> dict[str, Optimizer]:
    """Optimisers by name: "optimizer" is AdamW, "muon" has the matrices of the layers if asked for.

    Weight decay falls on matrices only, not on gains and scalings, and not on `no_decay`.

    Raises
    ------
    UsageError
        If this torch has no Muon.
    """
    # by name: s_qk has two axes but is a vector of scalings
    vectors = [p for name, p in model.named_parameters() if not name.endswith(".weight")]
    matrices = {n: p for n, p in model.named_parameters() if n.endswith(".weight")}
    role_of = {name: name.split(".")[-2] for name in matrices}
    inner = {name for name, role in role_of.items() if role not in EMBEDDINGS}
    held = inner if config.hyperball else set()
    still = {name for name, role in role_of.items() if role in config.no_decay} | held

    def groups(names: set[str]) -> list[dict[str, object]]:
        """Return those that decay and those that do not, where there are any."""
        parts = ((names - still, config.weight_decay), (names & still, 0.0))
        return [
            {"params": [p for name, p in matrices.items() if name in part], "weight_decay": decay}
            for part, decay in parts
            if part
        ]

    muons = inner if config.optimizer == "muon" else set()
    first, *others = groups(matrices.keys() - muons)
    adamw = torch.optim.AdamW(
        [first, {"params": vectors, "weight_decay": 0.0}, *others],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.eps,
        fused=True,
    )
    optimizers: dict[str, Optimizer] = {"optimizer": adamw}
    if muons:
        optimizers["muon"] = _muon(groups(muons), config)
    # in the order of the model: ranks that hold slices must ask for norms in the same
    hold_norms(optimizers.get("muon", adamw), [p for name, p in matrices.items() if name in held])
    return optimizers


def _muon(groups: list[dict[str, object]], config: TrainConfig) -> Optimizer:
    """Muon with steps of AdamW's size, so that one learning rate serves both (arXiv 2502.16982)."""
    if not hasattr(torch.optim, "Muon"):
        raise UsageError(
            f"--optimizer muon needs torch 2.9 or later, but this is torch {torch.__version__}; "
            "update torch, or use --optimizer adamw"
        )
    return torch.optim.Muon(
        groups, lr=config.learning_rate, momentum=config.momentum, adjust_lr_fn="match_rms_adamw"
    )
