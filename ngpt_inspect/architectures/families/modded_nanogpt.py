"""KellerJordan/modded-nanogpt before its banks: c_q c_k c_v, then qkv_w, then qkvo_w; nanochat."""

from ngpt_inspect.architectures.engine.architecture import Architecture, whole
from ngpt_inspect.architectures.engine.cuts import equal, fused
from ngpt_inspect.vocabulary import Role

_LAYERS = ("transformer.h.{layer}.", "blocks.{layer}.")
_WIDTH = "n_heads*d_k"
_MIX = "learned mixing of residuals and values; no measure reads it"


def _layer(name: str) -> str:
    return "|".join(layer + name for layer in _LAYERS)


def _stack(n: int) -> str:
    """Return the shapes of n square matrices, one after another or with an axis of their own."""
    return f"{n}, {_WIDTH}, d_model|{n}*{_WIDTH}, d_model"


_QKV = (Role.W_Q, Role.W_K, Role.W_V)

ARCHITECTURE = Architecture(
    name="modded_nanogpt",
    family="GPT",
    title="modded-nanogpt",
    source="github.com/KellerJordan/modded-nanogpt, train_gpt.py and records; karpathy/nanochat",
    hybrid=True,
    ignored={
        _layer("lambdas"): _MIX,
        _layer("attn.lambdas"): _MIX,
        _layer("attn.lamb"): _MIX,
        _layer("attn.lambda_"): _MIX,
        _layer("attn.attn_gate.weight"): "gates heads by token; no measure reads it",
        _layer("attn.ve_gate.weight"): "gates value embeddings; no measure reads it",
        "resid_lambdas": _MIX,
        "x0_lambdas": _MIX,
        "skip_weights": _MIX,
        "scalars": _MIX,
        "value_embeds.{layer}.weight": "value embeddings, added to values; no measure reads them",
        "value_embeds.embed.{layer}.weight": "value embeddings; no measure reads them",
    },
    notes=(
        "squared ReLU, no gate: there is no W_nu",
        "some layers of later records have no attention",
        "norms have no gains; queries and keys are normed",
    ),
    rules=(
        whole("transformer.wte.weight|embed.weight", Role.E_INPUT),
        whole("lm_head.weight", Role.E_OUTPUT, optional=True),
        whole(_layer("attn.c_q.weight"), Role.W_Q, block="attention/apart"),
        whole(_layer("attn.c_k.weight"), Role.W_K, block="attention/apart"),
        whole(_layer("attn.c_v.weight"), Role.W_V, block="attention/apart"),
        *fused(_layer("attn.qkv_w"), equal(_WIDTH, *_QKV), shape=_stack(3), block="attention/qkv"),
        whole(_layer("attn.c_proj.weight"), Role.W_O, block="attention/apart|attention/qkv"),
        # One tensor of square matrices, hence the same number of rows for W_o.
        *fused(
            _layer("attn.qkvo_w"),
            equal(_WIDTH, *_QKV, Role.W_O),
            shape=_stack(4),
            block="attention/qkvo",
        ),
        whole(_layer("mlp.c_fc.weight"), Role.W_U, block="mlp/modules"),
        whole(_layer("mlp.c_proj.weight"), Role.W_O_MLP, block="mlp/modules"),
        whole(_layer("mlp.c_fc"), Role.W_U, block="mlp/parameters"),
        whole(_layer("mlp.c_proj"), Role.W_O_MLP, transposed=True, block="mlp/parameters"),
    ),
)
