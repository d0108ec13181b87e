"""Any decoder of known parts: what has no layout of its own is put together of these."""

from ngpt_inspect.architectures.engine.architecture import Architecture, Product
from ngpt_inspect.architectures.families._llama import GAIN_OFFSET
from ngpt_inspect.architectures.families.decoder_parts import ALL
from ngpt_inspect.vocabulary import Role

ARCHITECTURE = Architecture(
    name="decoder",
    family="GPT",
    title="decoder of known parts",
    source="transformers 5.24, models/",
    parts=True,
    constants=(GAIN_OFFSET,),
    products=(
        Product(
            role=Role.W_Q,
            left=Role.W_Q_B,
            gain=Role.GAIN_Q_A,
            right=Role.W_Q_A,
            left_rows=("0", "d_q"),
            right_rows=("0", "r_q"),
        ),
        Product(
            role=Role.W_K,
            left=Role.W_KV_B,
            gain=Role.GAIN_KV_A,
            right=Role.W_KV_A,
            left_rows=("0", "d_kv - d_v"),
            right_rows=("0", "r_kv"),
        ),
        Product(
            role=Role.W_V,
            left=Role.W_KV_B,
            gain=Role.GAIN_KV_A,
            right=Role.W_KV_A,
            left_rows=("d_kv - d_v", "d_kv"),
            right_rows=("0", "r_kv"),
        ),
    ),
    notes=("read by the names of its parts: they say nothing of what its code does with them",),
    rules=ALL,
)
