"""All that a run goes on from, in whole tensors: the same for any number of ranks, sharded or not.

Every rank must call these functions, since each may hold a part of every tensor.
"""

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from reference_model.training.trainer import Trainer


def gather_weights(trainer: Trainer) -> dict[str, Any]:
    """Whole tensors of the model by name; only rank 0 must get them."""
    tensors = trainer.model.state_dict()
    return {name: trainer.placement.whole(tensor) for name, tensor in tensors.items()}


def gather_state(trainer: Trainer) -> dict[str, Any]:
    """Weights, optimisers, random numbers and step, which with the seed is the place in the data.

    Only rank 0 must get its tensors.
    """
    return {
        "step": trainer.step,
        "model": gather_weights(trainer),
        **{name: _gather_moments(trainer, each) for name, each in trainer.optimizers.items()},
        "rng": torch.get_rng_state(),
    }


def _gather_moments(trainer: Trainer, optimizer: Optimizer) -> dict[str, Any]:
    state = optimizer.state_dict()
    moments = {
        index: {name: trainer.placement.whole(tensor) for name, tensor in tensors.items()}
        for index, tensors in state["state"].items()
    }
    return state | {"state": moments}


def restore_state(trainer: Trainer, state: dict[str, Any]) -> None:
    """Put the trainer where the one of `gather_state` was."""
    place = trainer.placement.place
    own = trainer.model.state_dict()
    weights = {name: place(tensor, own[name]) for name, tensor in state["model"].items()}
    trainer.model.load_state_dict(weights)
    for name, optimizer in trainer.optimizers.items():
        _restore_moments(trainer, optimizer, state[name])
    torch.set_rng_state(state["rng"])
    trainer.step = state["step"]


def _restore_moments(trainer: Trainer, optimizer: Optimizer, state: dict[str, Any]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def placed(tensor: Tensor, parameter: Tensor) -> Tensor:
        is_number = tensor.dim() == 0  # the count of steps: the same for all of the parameter
        return tensor.clone() if is_number else trainer.placement.place(tensor, parameter)

    moments = {
        index: {name: placed(tensor, parameters[index]) for name, tensor in tensors.items()}
        for index, tensors in state["state"].items()
    }
    optimizer.load_state_dict(state | {"state": moments})
