"""Builds a tiny model of every causal family of the installed transformers, and examines it.

``python tests/ngpt_inspect/architectures/every_family.py docs/families.md`` writes the table.
What is right is found by running the model: a token at the first position has no rotation, so
the queries, keys and values its attention is given are the input times the rows of each head.
"""

from __future__ import annotations

import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import WeightSet

SIZES: dict[str, Any] = {
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), 96),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model"), 64),
    **dict.fromkeys(
        ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"), 2
    ),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("decoder_attention_heads", "encoder_attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_attention_groups", "kv_n_heads"), 2),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"), 80),
    **dict.fromkeys(("decoder_ffn_dim", "encoder_ffn_dim"), 80),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 64),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("n_group", "topk_group", "n_shared_experts", "first_k_dense_replace"), 1),
    **dict.fromkeys(("mamba_n_groups", "n_groups", "decoder_sparse_step"), 1),
    **dict.fromkeys(("mamba_d_head", "mamba_head_dim", "head_dim", "kv_lora_rank"), 16),
    **dict.fromkeys(("mamba_n_heads", "mamba_num_heads", "mamba_d_state", "state_size"), 8),
    **dict.fromkeys(("qk_nope_head_dim", "qk_rope_head_dim", "rotary_dim", "laurel_rank"), 8),
    **dict.fromkeys(("hidden_size_per_layer_input", "index_head_dim", "index_topk"), 8),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "ssm_state_size"), 8),
    **{"num_experts_per_tok": 2, "moe_intermediate_size": 24, "q_lora_rank": 24},
    **{"shared_expert_intermediate_size": 40, "v_head_dim": 12, "encoder_layers": 2},
    **{"num_kv_shared_layers": 0, "index_n_heads": 2, "linear_num_key_heads": 2},
    **{"linear_num_value_heads": 4, "mamba_expand": 2, "mamba_d_conv": 4},
    **{"num_nextn_predict_layers": 0, "mlp_only_layers": []},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
"""Settings by the names that configurations give them; a family takes those that it has."""

OWN: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "falcon": (
        {"num_attention_heads": 4},
        ("head_dim", "num_key_value_heads", "n_head", "num_kv_heads"),
    ),
    **dict.fromkeys(
        (*("qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"),),
        ({"layer_types": ["linear_attention", "full_attention"]}, ()),
    ),
    "longcat_flash": ({"head_dim": 8}, ()),
    "prophetnet": ({"num_encoder_layers": 2, "num_decoder_layers": 2}, ("num_hidden_layers",)),
    "xlstm": ({}, ("v_head_dim",)),
    "bamba": ({"attn_layer_indices": [1]}, ()),
    "jamba": ({"attn_layer_period": 2, "attn_layer_offset": 1}, ()),
    "granitemoehybrid": ({"layer_types": ["mamba", "attention"]}, ()),
    "lfm3": ({"layer_types": ["conv", "full_attention"]}, ()),
    "recurrent_gemma": ({"block_types": ["recurrent", "attention"]}, ()),
    "gpt_neo": ({"attention_types": [[["global", "local"], 1]]}, ()),
    "gpt_bigcode": ({}, ("num_key_value_heads",)),
    "mamba2": ({"num_heads": 8, "head_dim": 16}, ()),
    "falcon_h1": ({"mamba_d_ssm": 128, "mamba_n_heads": 8, "mamba_d_head": 16}, ()),
    "lfm2_moe": ({"layer_types": ["conv", "full_attention"], "num_dense_layers": 1}, ()),
    "zaya": ({"num_experts_per_tok": 1}, ()),
    "dots3_note_text": ({"num_key_value_heads": 4}, ()),
    "zamba2": (
        {"num_hidden_layers": 3, "layers_block_type": ["mamba", "hybrid", "mamba"]},
        (),
    ),
}
"""What else a family wants, and which of the sizes it must not be given."""

LARGEST = 20_000_000
NORMS = {"q_norm", "k_norm", "q_layernorm", "k_layernorm", "query_layernorm", "key_layernorm"}
REASONS = {
    "axk2": "queries and gates are one product of two latents",
    "deepseek_v4": "one latent is key and value of every head; it has a role of its own",
    "diffllama": "values of two heads are joined before attention",
    "inkling_text": "short convolutions stand between the matrices and the heads",
    "jetmoe": "queries are of experts, keys are repeated for them",
    "roformer": "its rotations are a parameter, drawn at random here",
    "zaya": "convolutions stand between the matrices and the heads",
    "hrm_text": "its two stacks of layers are taken for two sets of weights",
    "dory": "queries are scaled channel by channel, by s_qk squared",
}
"""Why heads of a family are not simply rows times the input."""
ROLES = {"W_q": Role.W_Q, "W_k": Role.W_K, "W_v": Role.W_V}


@dataclass(frozen=True)
class Finding:
    """What came out for one family."""

    family: str
    architecture: str
    whole: str
    """``yes``, or what is left over."""
    right: str
    """``yes``, how far it could be told, or what differs."""

    @property
    def line(self) -> str:
        """A line of the table."""
        return f"| `{self.family}` | {self.architecture} | {self.whole} | {self.right} |"


def families() -> list[str]:
    """Return the families that transformers can build as a causal language model."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def build(family: str) -> torch.nn.Module:
    """Return a tiny random model of a family."""
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    kind = CONFIG_MAPPING[family]
    base = kind()
    own, dropped = OWN.get(family, ({}, ()))
    if hasattr(base, "text_config"):
        settings: dict[str, Any] = {"text_config": _sizes(base.text_config) | own}
        own = {}
        if hasattr(getattr(base, "vision_config", None), "__dict__"):
            settings["vision_config"] = _sizes(base.vision_config)
    else:
        settings = _sizes(base)
    settings = {name: v for name, v in settings.items() if name not in dropped} | own
    config = kind(**settings)
    torch.manual_seed(7)
    with torch.device("meta"):
        size = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if size > LARGEST:
        msg = f"{size:,} parameters, and no setting known that makes it smaller"
        raise ValueError(msg)
    model = AutoModelForCausalLM.from_config(config).float().eval()
    draw = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, each in model.named_parameters():
            each.copy_(torch.randn(each.shape, generator=draw) * 0.1 + (each.ndim == 1))
            if name.endswith("bias"):
                each.zero_()  # no measure reads them; what is left is linear
    return model


def _sizes(config: Any) -> dict[str, Any]:
    found = {name: size for name, size in SIZES.items() if _has(config, name)}
    if "qk_rope_head_dim" in found:
        found.pop("head_dim", None)  # of latent attention it is the width that is rotated
    return found


def _has(config: Any, name: str) -> bool:
    try:
        return hasattr(config, name)
    except Exception:  # some refuse to say one number for all layers
        return True


def examine(family: str, folder: Path) -> Finding:
    """Build a family's model, save it, open it, and compare with the running model."""
    try:
        model = build(family)
        model.save_pretrained(folder)
    except Exception as error:
        reason = str(error).partition("\n")[0][:90]
        return Finding(family, "not built", f"{type(error).__name__}: {reason}", "")
    try:
        opened = open_checkpoint(folder)
    except InspectError as error:
        return Finding(family, "refused", str(error.what), "")
    right = _compared(model, opened)
    if right.startswith("no:") and family in REASONS:
        right = f"otherwise: {REASONS[family]}"
    return Finding(family, opened.architecture, _left(opened), right)


def _left(opened: WeightSet) -> str:
    names = [re.sub(r"\d+", "*", name) for name in opened.unrecognised]
    if opened.architecture == "unknown" or not names:
        return "no" if names else "yes"
    first = next(iter(dict.fromkeys(names)))
    return f"{len(set(names))} names left, such as `{first}`"


def _compared(model: torch.nn.Module, opened: WeightSet) -> str:
    """Return whether each head's queries, keys and values are what this tool's rows make."""
    try:
        seen = _run(model)
    except Exception as error:
        return f"not told: {type(error).__name__} when run so"
    if not seen:
        return "not told: no attention that can be listened to"
    exact, wrong, n_heads = True, [], 0
    for layer, (x, given) in seen.items():
        here = {weight.role for weight in opened if weight.layer == layer}
        if Role.M_IN in here and Role.W_Q not in here:
            continue  # no attention, though its products look like one
        for role, found in given.items():
            weights = [w for w in opened if w.role is ROLES[role] and w.layer == layer]
            heads = None if not weights else weights[0].heads(weights[0].values())
            if heads is None or len(weights) > 1:
                wrong.append(f"{role} of layer {layer}: none here")
                continue
            wanted = torch.einsum("hdi,ni->nhd", heads.double(), x)
            same = _same(found[..., : wanted.shape[-1]], wanted)
            n_heads += len(heads)
            exact &= same == "exact"
            wrong += [] if same else [f"{role} of layer {layer}"]
    if not n_heads and not wrong:
        return "not told: no attention that can be listened to"
    if wrong:
        return f"no: {', '.join(wrong[:3])}"
    return f"yes, {n_heads} heads" + ("" if exact else ", up to norms and rotary order")


def _same(found: torch.Tensor, wanted: torch.Tensor) -> str:
    if found.shape[1] > wanted.shape[1]:
        found = found[:, :: found.shape[1] // wanted.shape[1]]  # keys repeated for each query
    if found.shape != wanted.shape:
        return ""
    if torch.allclose(found, wanted, rtol=1e-3, atol=1e-4):
        return "exact"
    # A norm scales what one token gives one head; a rotary code may order it otherwise.
    one, other = (
        (each / each.norm(dim=-1, keepdim=True)).sort(dim=-1).values for each in (found, wanted)
    )
    return "scaled" if torch.allclose(one, other, rtol=1e-3, atol=1e-4) else ""


class Products(TorchFunctionMode):
    """Listens to attentions that multiply queries by keys, and weights by values, themselves."""

    def __init__(self, told: Any) -> None:
        super().__init__()
        self._told = told
        self._inside: list[Any] = []
        self._scored: Any = None

    def enter(self, module: Any) -> None:
        """Note that an attention begins."""
        self._inside.append(module)
        self._scored = None

    def leave(self) -> None:
        """Note that it ends."""
        self._inside = self._inside[:-1]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._inside and getattr(func, "__name__", "") in PRODUCTS:
            pair = [*args, *(kwargs[n] for n in ("batch1", "batch2") if n in kwargs)][-2:]
            if all(isinstance(each, torch.Tensor) for each in pair):
                self._hear(*pair)
        return func(*args, **kwargs)

    def _hear(self, left: torch.Tensor, right: torch.Tensor) -> None:
        if left.ndim != right.ndim or left.ndim not in (3, 4):
            return
        if left.shape[-2] == right.shape[-1] == 1 and left.shape[-1] > 1:
            self._scored = left, right.transpose(-1, -2)
        elif tuple(left.shape[-2:]) == (1, 1) and self._scored is not None:
            parts = (*self._scored, right)
            n = N_TOKENS
            self._told(self._inside[-1], *(e.reshape(n, -1, 1, e.shape[-1]) for e in parts))


N_TOKENS = 8
PRODUCTS = {"matmul", "__matmul__", "bmm", "baddbmm"}
Seen = dict[int, tuple[torch.Tensor, dict[str, torch.Tensor]]]
"""Layer -> what attention was given, and the (tokens, heads, d) it made of it."""


def _run(model: torch.nn.Module) -> Seen:
    """Run single tokens through a model, and listen to what its attentions are given."""
    inputs: dict[int, torch.Tensor] = {}
    names = {id(module): name for name, module in model.named_modules()}
    seen: Seen = {}

    def listen(module: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        name = names.get(id(module), "")
        numbers = [int(number) for number in re.findall(r"(?:^|\.)(\d+)(?=\.|$)", name)]
        if numbers and id(module) in inputs:
            # Two attentions of a layer count as two layers.
            two = len(numbers) > 1 and name[-1].isdecimal()
            layer = 2 * numbers[0] + numbers[1] if two else numbers[0]
            parts = {"W_q": query, "W_k": key, "W_v": value}
            made = {role: each[:, :, 0].double() for role, each in parts.items()}
            seen.setdefault(layer, (inputs[id(module)][:, 0].double(), made))
        shape = (query.shape[0], query.shape[2], query.shape[1], value.shape[-1])
        return torch.zeros(shape), None

    def keep(module: Any, args: Any, kwargs: Any) -> None:
        found = args[0] if args else kwargs.get("hidden_states")
        if isinstance(found, torch.Tensor) and found.ndim == 3:
            inputs[id(module)] = found
        products.enter(module)

    products = Products(listen)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if name in NORMS:
                setattr(module, name, torch.nn.Identity())
            elif re.search("[Aa]ttention|MLA$", type(child).__name__):
                child.register_forward_pre_hook(keep, with_kwargs=True)
                child.register_forward_hook(lambda *_: products.leave())
    with _registered(listen), products, torch.no_grad():
        for each in (model.config, *(getattr(m, "config", None) for m in model.modules())):
            if each is not None:
                each._attn_implementation = "listening"
        model(input_ids=torch.arange(3, 3 + N_TOKENS)[:, None], use_cache=False)
    return seen


@contextmanager
def _registered(function: Any) -> Iterator[None]:
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS["listening"] = function
    ALL_MASK_ATTENTION_FUNCTIONS.register("listening", ALL_MASK_ATTENTION_FUNCTIONS["eager"])
    try:
        yield
    finally:
        del ALL_ATTENTION_FUNCTIONS["listening"]
        ALL_MASK_ATTENTION_FUNCTIONS._global_mapping.pop("listening")


def document(findings: list[Finding], version: str) -> str:
    """Return the table of all families with what it counts to."""
    built = [each for each in findings if each.architecture != "not built"]
    opened = [each for each in built if each.architecture not in ("refused", "unknown")]
    whole = [each for each in opened if each.whole == "yes"]
    right = [each for each in opened if each.right.startswith("yes")]
    wrong = [each for each in opened if each.right.startswith("no:")]
    return "\n".join(
        (
            "# Families of transformers",
            "",
            "Written by `make test-families`: a tiny random model of every family that",
            f"transformers {version} can build as a causal language model, saved by it and opened.",
            "",
            "Right means: run on tokens at the first position, the queries, keys and values that",
            "the model's own attention is given are the input times the rows that this tool calls",
            "W_q, W_k and W_v of that head (of latent attention: the product, without the part",
            "that is rotated). Where a model norms them, directions are compared.",
            "",
            f"{len(findings)} families; {len(built)} built, {len(opened)} of them opened with a "
            f"layout, {len(whole)} whole. Heads are right in {len(right)}, wrong in {len(wrong)}; "
            "of the others it cannot be told in this way.",
            "",
            "| family | layout | whole | heads are right |",
            "|---|---|---|---|",
            *(each.line for each in findings),
            "",
        )
    )


def main() -> None:
    """Write the table to the file that is named, or say what is new of some families."""
    import transformers

    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    chosen = sys.argv[2:] or families()
    findings = []
    for family in chosen:
        with tempfile.TemporaryDirectory() as folder:
            findings.append(examine(family, Path(folder)))
        sys.stdout.write(f"{findings[-1].line}\n")
        sys.stdout.flush()
    if not sys.argv[2:]:
        Path(sys.argv[1]).write_text(document(findings, transformers.__version__))


if __name__ == "__main__":
    main()
