"""The columns that tables of training results share, each declared once."""

from ngpt_inspect.results.schema.contract import Column, ColumnKind

FAMILIES = ("GPT", "nGPT")


def text(name: str, meaning: str, among: tuple[str, ...] = ()) -> Column:
    """Declare a column of texts."""
    return Column(name=name, kind=ColumnKind.TEXT, meaning=meaning, among=among)


def whole(name: str, meaning: str) -> Column:
    """Declare a column of whole numbers."""
    return Column(name=name, kind=ColumnKind.WHOLE, meaning=meaning)


def number(name: str, meaning: str, *, optional: bool = False) -> Column:
    """Declare a column of numbers."""
    return Column(name=name, kind=ColumnKind.NUMBER, meaning=meaning, optional=optional)


def flag(name: str, meaning: str) -> Column:
    """Declare a column of True and False."""
    return Column(name=name, kind=ColumnKind.FLAG, meaning=meaning)


RUN = text("run", "name of the training run")
FAMILY = text("family", "GPT or nGPT", FAMILIES)
SIZE = text("size", 'size of the model: "tiny", "0.5B"; of a run folder "d 128, 4 layers"')
VARIANT = text("variant", "what is changed in the model; empty for the plain one")
CONTEXT = whole("context_length", "tokens of one training sequence")
BATCH = whole("batch_size", "sequences of one optimiser step")
STEPS = whole("steps", "budget: optimiser steps of the whole learning rate schedule")
RATE = number("learning_rate", "peak of the schedule")
SEED = whole("seed", "of initialisation and of the order of data")

SETTING = (FAMILY, SIZE, VARIANT, CONTEXT, BATCH, STEPS, RATE)
"""What runs have in common that differ in their seed only."""
IDENTITY = (RUN, *SETTING, SEED)
"""The first columns of every table with one row an observation."""

STEP = whole("step", "optimiser steps taken")
TOKENS = whole("tokens", "training tokens seen")
SECONDS = number("seconds", "seconds of training so far", optional=True)

RUNS = whole("runs", "runs averaged (seeds), diverged ones not counted")
DIVERGED = whole("diverged", "runs without a finite final loss")

FACTOR = (
    number("gpt_steps", "steps GPT needs to the same loss", optional=True),
    number(
        "speed_up", "gpt_steps over the steps of nGPT; geometric mean over seeds", optional=True
    ),
    number("speed_up_tokens", "the same in training tokens", optional=True),
    text(
        "bound",
        '"lower": GPT has not reached the loss, the factor is at least this; "upper": its first '
        'loss is below already, at most this; "mixed": seeds disagree, no factor; else empty',
        ("", "lower", "upper", "mixed"),
    ),
)
"""What is said of a speed-up."""


def names(columns: tuple[Column, ...]) -> list[str]:
    """Return the names of columns."""
    return [column.name for column in columns]
