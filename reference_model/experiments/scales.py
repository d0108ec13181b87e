"""How large an experiment is: one `Scale` per size, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What every experiment needs to know of a size."""

    name: str
    preset: str
    """Shape and settings that are not listed here."""
    contexts: tuple[int, ...]
    """Context lengths x1, x4 and x8, or one."""
    tokens_per_step: int
    """The same at every context: only the length of a sequence changes."""
    micro_tokens: int = 0
    """Tokens per forward pass; 0 takes a step's at once."""
    rates: tuple[float, ...]
    """Peak learning rates of the grid, the same for both models (Figure 7)."""
    rate_budgets: tuple[int, ...]
    """Steps of the grid's runs; another budget takes the rate of the nearest."""
    gpt_budgets: tuple[int, ...]
    """Steps of GPT's separately scheduled runs (Figure 2); nGPT's best must lie within."""
    ngpt_budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    longest_repeated: int | None = None
    """Longest budget in steps that every seed runs; longer ones only the first. None: all."""
    gpt_exposure: float | None = None
    """Decay exposure of GPT's runs, whatever their length; None takes the preset's decay."""
    ablation_steps: int
    ablation_seeds: tuple[int, ...]
    validation_every: int
    validation_tokens: int
    evaluated_tokens: int
    """Tokens of each text on which longer contexts are evaluated."""
    timed_steps: int
    """Steps of each model that are timed, in turn."""
    exposure_preset: str = "contrast"
    """Shape and settings of the runs on decay exposure; its GPT has the largest."""
    exposure_decay: float | None = None
    """The largest decay of those runs; None takes the preset's."""
    exposure_seeds: tuple[int, ...] = (0,)
    long_steps: int = 100_000
    """Steps of the runs as long as the paper's."""
    long_batch: int = 4
    """Sequences of one of their steps."""

    @property
    def middle_context(self) -> int:
        """The context of experiments that need one alone."""
        return self.contexts[len(self.contexts) // 2]


SCALES: dict[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale(
            name="tiny",
            preset="tiny",
            contexts=(64, 256, 512),
            tokens_per_step=2048,
            rates=(2e-3, 4e-3, 8e-3, 16e-3, 32e-3),
            rate_budgets=(100, 400),
            gpt_budgets=(100, 200, 400, 800),
            ngpt_budgets=(100, 200, 400),
            seeds=(0, 1),
            ablation_steps=200,
            ablation_seeds=(0, 1),
            validation_every=25,
            validation_tokens=16_384,
            evaluated_tokens=65_536,
            timed_steps=30,
            exposure_seeds=(0, 1),
        ),
        # Figure 2 where the paper has it: 25 to 400 tokens a parameter. 3.6 is the exposure that
        # served GPT's loss best of four (results/tiny/decay_exposure.csv, seed means).
        Scale(
            name="contrast",
            preset="contrast",
            contexts=(64,),
            tokens_per_step=2048,
            rates=(2e-3, 4e-3, 8e-3),
            rate_budgets=(2000, 8000),
            gpt_budgets=(2000, 8000, 32_000),
            ngpt_budgets=(2000, 8000, 16_000),
            seeds=(0, 1),
            longest_repeated=8000,
            gpt_exposure=3.6,
            ablation_steps=2000,
            ablation_seeds=(0,),
            validation_every=250,
            validation_tokens=65_536,
            evaluated_tokens=65_536,
            timed_steps=30,
        ),
        Scale(
            name="small",
            preset="small",
            contexts=(256, 1024, 2048),
            tokens_per_step=32_768,
            rates=(1e-3, 2e-3, 4e-3, 8e-3),
            rate_budgets=(500, 2000),
            gpt_budgets=(500, 1000, 2000, 4000, 8000),
            ngpt_budgets=(500, 1000, 2000),
            seeds=(0, 1),
            ablation_steps=1000,
            ablation_seeds=(0, 1),
            validation_every=100,
            validation_tokens=131_072,
            evaluated_tokens=524_288,
            timed_steps=30,
            exposure_preset="small",
            exposure_decay=4.0,  # an exposure of 12 in 3,000 steps at 2e-3
        ),
        # A.5: 512 sequences a step at every context there; here 2^19 tokens, the paper's at 1k
        Scale(
            name="0.5B",
            preset="0.5B",
            contexts=(1024, 4096, 8192),
            tokens_per_step=524_288,
            micro_tokens=16_384,
            rates=(1e-3, 2e-3, 3e-3, 4e-3),
            rate_budgets=(5000,),
            gpt_budgets=(5000, 10_000, 20_000, 40_000),
            ngpt_budgets=(5000, 10_000),
            seeds=(0, 1),
            ablation_steps=5000,
            ablation_seeds=(0,),
            validation_every=500,
            validation_tokens=1_048_576,
            evaluated_tokens=2_097_152,
            timed_steps=20,
            exposure_preset="0.5B",
        ),
    )
}
