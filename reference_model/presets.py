"""Named sizes with their training settings, as data."""

from dataclasses import dataclass, field
from typing import Any

from reference_model.config import Architecture, GPTConfig, ModelConfig, NGPTConfig, TrainConfig
from reference_model.errors import UsageError

SHORT_RUN = {"alpha_init": 0.2, "s_z_init": 10.0}
"""Where nGPT's scalings start in a run of hundreds of steps.

The paper's 0.05 and 1 rely on a hundred thousand steps: s_z ends near 60 (Table 4) and alpha near
0.2 to 0.4 (Figure 6). A short run would spend most of its steps getting there. Half a run of `tiny`
(300 of 600 steps) at learning rate 4e-3 ended at 4.297 with alpha 0.2, at 4.316 with alpha 0.3.

The baseline gets the same care: its 0.02 belongs to d_model = 1024 and is too small for narrow
models. In the same half run GPT ended at 4.637 with 0.02, 4.320 with 0.05, 4.446 with 0.088.
"""


@dataclass(frozen=True)
class Preset:
    """A shape, and what each architecture adds to it."""

    shape: dict[str, Any]
    training: dict[str, Any]
    gpt: dict[str, Any]
    ngpt: dict[str, Any]
    gpt_model: dict[str, Any] = field(default_factory=dict)
    ngpt_model: dict[str, Any] = field(default_factory=dict)


def _shape(
    vocab_size: int, *, n_layers: int, n_heads: int, d_model: int, context_length: int
) -> dict[str, Any]:
    """Return a shape with an MLP of the paper's width, 4 d_model (Table 2)."""
    return {
        "vocab_size": vocab_size,
        "n_layers": n_layers,
        "n_heads": n_heads,
        "d_model": d_model,
        "d_mlp": 4 * d_model,
        "context_length": context_length,
    }


CONTRAST_SHAPE = _shape(1024, n_layers=2, n_heads=4, d_model=64, context_length=64)
CONTRAST_TRAINING = {
    "steps": 12_000,
    "batch_size": 8,
    "precision": "float32",
    "validation_every": 500,
    "validation_sequences": 256,
    "checkpoint_every": 1000,
    "resume_every": 500,
}

PRESETS: dict[str, Preset] = {
    # Small enough for the weight decay of the paper's 100,000 steps to do its work in minutes. The
    # paper's decay of 0.1 acts at rates of 1e-3 to 3e-3 on a cosine: the sum of rate times decay
    # over its steps, the decay exposure, is 5 to 15. Here 12,000 steps at 2e-3 with a decay of 1
    # make it 12. Decay 1 is not what serves GPT's loss best: results/tiny/decay_exposure.csv.
    "contrast": Preset(
        shape=CONTRAST_SHAPE,
        training=CONTRAST_TRAINING,
        gpt={"learning_rate": 2e-3, "warmup_steps": 400, "weight_decay": 1.0},
        ngpt={"learning_rate": 4e-3},
        gpt_model={"init_std": 0.05},
        ngpt_model=SHORT_RUN,
    ),
    # `contrast` in four minutes of two cores: fewer steps at higher rates, exposure 9.8
    "demo": Preset(
        shape=CONTRAST_SHAPE,
        training=CONTRAST_TRAINING | {"steps": 7000},
        gpt={"learning_rate": 4e-3, "warmup_steps": 400, "weight_decay": 0.7},
        ngpt={"learning_rate": 5e-3},
        gpt_model={"init_std": 0.05},
        ngpt_model=SHORT_RUN,
    ),
    "tiny": Preset(
        shape=_shape(2048, n_layers=4, n_heads=4, d_model=128, context_length=256),
        training={
            "steps": 600,
            "batch_size": 8,
            "validation_sequences": 64,
            "checkpoint_every": 100,
        },
        # final validation losses of 400 steps, one grid for both (results/tiny/learning_rates.csv):
        #          2e-3    4e-3    8e-3   16e-3   32e-3
        #   gpt   4.274   4.160*  4.210   4.359   4.699
        #   ngpt  4.345   4.126   4.026*  4.082   4.516
        gpt={"learning_rate": 4e-3, "warmup_steps": 60, "weight_decay": 0.1},
        ngpt={"learning_rate": 8e-3},
        gpt_model={"init_std": 0.05},
        ngpt_model=SHORT_RUN,
    ),
    "small": Preset(
        shape=_shape(8192, n_layers=8, n_heads=6, d_model=384, context_length=512),
        training={"steps": 3000, "batch_size": 64, "checkpoint_every": 500},
        # not swept: rates of `tiny`, halved for a longer run of a wider model (Figure 7's trend)
        gpt={"learning_rate": 2e-3, "warmup_steps": 150, "weight_decay": 0.1},
        ngpt={"learning_rate": 4e-3},
        gpt_model={"init_std": 0.03},
        ngpt_model=SHORT_RUN,
    ),
    # Tables 2 and 3, 1k context; the peak is the launcher's of the authors' code
    "0.5B": Preset(
        shape=_shape(32000, n_layers=24, n_heads=16, d_model=1024, context_length=1024),
        training={"steps": 200_000, "batch_size": 512, "micro_batch_size": 8},
        gpt={"learning_rate": 3e-3, "warmup_steps": 2000, "weight_decay": 0.1},
        ngpt={"learning_rate": 3e-3},
    ),
    "1B": Preset(
        shape=_shape(32000, n_layers=36, n_heads=20, d_model=1280, context_length=1024),
        training={"steps": 200_000, "batch_size": 512, "micro_batch_size": 8},
        gpt={"learning_rate": 3e-3, "warmup_steps": 2000, "weight_decay": 0.1},
        ngpt={"learning_rate": 3e-3},
    ),
}


def model_config(architecture: Architecture, preset: str, **changes: Any) -> ModelConfig:
    """Config of a preset's model; `changes` replace single fields.

    Raises
    ------
    UsageError
        If the preset does not exist or a field is wrong.
    """
    chosen = _preset(preset)
    if architecture == "gpt":
        return GPTConfig(**(chosen.shape | chosen.gpt_model | changes))
    return NGPTConfig(**(chosen.shape | chosen.ngpt_model | changes))


def train_config(architecture: Architecture, preset: str, **changes: Any) -> TrainConfig:
    """Training settings of a preset for one architecture; `changes` replace single fields.

    A run made longer or shorter keeps the preset's share of warm-up, unless told otherwise.
    """
    chosen = _preset(preset)
    settings = chosen.training | (chosen.gpt if architecture == "gpt" else chosen.ngpt)
    steps = changes.get("steps", settings["steps"])
    settings["warmup_steps"] = settings.get("warmup_steps", 0) * steps // settings["steps"]
    return TrainConfig(**(settings | changes))


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise UsageError(f"no preset is called {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
