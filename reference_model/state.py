"""All that a run goes on from, in whole tensors: the same for any number of ranks, sharded or not.

Every rank must call these functions, since each may hold a part of every tensor.
"""

from typing import Any

import torch
from torch import Tensor

from reference_model.trainer import Trainer


def gather_weights(trainer: Trainer) -> dict[str, Any]:
    """Whole tensors of the model by name; only rank 0 must get them."""
    tensors = trainer.model.state_dict()
    return {name: trainer.placement.whole(tensor) for name, tensor in tensors.items()}


def gather_state(trainer: Trainer) -> dict[str, Any]:
    """Weights, optimiser, random numbers and step, which with the seed is the position in the data.

    Only rank 0 must get its tensors.
    """
    optimizer = trainer.optimizer.state_dict()
    moments = {
        index: {name: trainer.placement.whole(tensor) for name, tensor in tensors.items()}
        for index, tensors in optimizer["state"].items()
    }
    return {
        "step": trainer.step,
        "model": gather_weights(trainer),
        "optimizer": optimizer | {"state": moments},
        "rng": torch.get_rng_state(),
    }


def restore_state(trainer: Trainer, state: dict[str, Any]) -> None:
    """Put the trainer where the one of `gather_state` was."""
    place = trainer.placement.place
    own = trainer.model.state_dict()
    weights = {name: place(tensor, own[name]) for name, tensor in state["model"].items()}
    trainer.model.load_state_dict(weights)
    parameters = [p for group in trainer.optimizer.param_groups for p in group["params"]]

    def placed(tensor: Tensor, parameter: Tensor) -> Tensor:
        is_count = tensor.dim() == 0  # of the steps, the same for all of the parameter
        return tensor.clone() if is_count else place(tensor, parameter)

    moments = {
        index: {name: placed(tensor, parameters[index]) for name, tensor in tensors.items()}
        for index, tensors in state["optimizer"]["state"].items()
    }
    trainer.optimizer.load_state_dict(state["optimizer"] | {"state": moments})
    torch.set_rng_state(state["rng"])
    trainer.step = state["step"]
