"""Any decoder of known parts: what has no layout of its own is put together of these."""

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.architectures.families._llama import GAIN_OFFSET, GAIN_OFFSET_IN_MLX
from ngpt_inspect.architectures.families.decoder_parts import ALL
from ngpt_inspect.architectures.families.decoder_parts.attention import PRODUCTS

ARCHITECTURE = Architecture(
    name="decoder",
    family="GPT",
    title="decoder of known parts",
    source="transformers 5.24, models/",
    parts=True,
    constants=(GAIN_OFFSET_IN_MLX, GAIN_OFFSET),
    products=PRODUCTS,
    notes=("read by the names of its parts: they say nothing of what its code does with them",),
    rules=ALL,
)
