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
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "hidden_size_global"), 64),
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

LINEAR = {"layer_types": ["linear_attention", "full_attention"]}
CONVOLVED = {"layer_types": ["conv", "full_attention"]}
SLIDING = ("sliding_attention", "full_attention")
OWN: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("qwen3_next", "qwen3_5", "qwen3_5_text"), LINEAR),
    **dict.fromkeys(("qwen3_5_moe", "qwen3_5_moe_text", "kimi_linear", "bailing_hybrid"), LINEAR),
    "falcon": {"num_attention_heads": 4},
    "longcat_flash": {"head_dim": 8},
    "prophetnet": {"num_encoder_layers": 2, "num_decoder_layers": 2},
    "bamba": {"attn_layer_indices": [1]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "lfm3": CONVOLVED,
    "lfm2_moe": CONVOLVED | {"num_dense_layers": 1},
    "recurrent_gemma": {"block_types": ["recurrent", "attention"]},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "mamba2": {"num_heads": 8, "head_dim": 16},
    "falcon_h1": {"mamba_d_ssm": 128, "mamba_n_heads": 8, "mamba_d_head": 16},
    "zaya": {"num_experts_per_tok": 1},
    "dots3_note": {"num_key_value_heads": 4},
    "dots3_note_text": {"num_key_value_heads": 4},
    "zamba": {"num_hidden_layers": 4, "layers_block_type": ["mamba", "hybrid"] * 2}
    | {"mamba_dt_rank": 4, "attention_hidden_size": 128, "attention_head_dim": 32}
    | {"num_key_value_heads": 4},
    "zamba2": {"num_hidden_layers": 3, "layers_block_type": ["mamba", "hybrid", "mamba"]},
    "blt": {"encoder_hash_byte_group_vocab": 32},
    "cohere_compass_text": {
        "layer_types": [*SLIDING],
        "rope_parameters": {x: {"rope_type": "default", "rope_theta": 1e4} for x in SLIDING},
    },
    "dbrx": {"attn_config": {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 1e3}},
    "xmod": {"default_language": "en_XX"},
    "cpmant": {"prompt_length": 0},
    **dict.fromkeys(
        ("qwen4_exp", "qwen4_exp_text"),
        {"layer_types": ["linear_attention", "indexed_attention"], "indexer_n_heads": 2}
        | {"indexer_kv_heads": 1, "indexer_head_dim": 16, "indexer_budget": 8}
        | {"indexer_compress_ratio": 2},
    ),
    "gemma4_assistant": dict.fromkeys(
        ("hidden_size_per_layer_input", "vocab_size_per_layer_input"), 0
    ),
    **dict.fromkeys(
        ("inkling2_text", "inkling2_loop_text"),
        {"unpadded_vocab_size": 96, "swa_num_attention_heads": 4, "swa_head_dim": 16}
        | {"swa_num_key_value_heads": 2, "d_rel": 8, "rel_extent": 16},
    ),
    "reformer": {"is_decoder": True, "attn_layers": ["local", "lsh"], "axial_pos_shape": [8, 8]}
    | {"axial_pos_embds_dim": [32, 32], "attention_head_size": 16, "feed_forward_size": 80},
    "roc_bert": {"shape_vocab_size": 96, "pronunciation_vocab_size": 96},
    "xlnet": {"d_head": 16, "d_inner": 80},
}
"""What else a family wants."""
NOT_GIVEN: dict[str, tuple[str, ...]] = {
    "falcon": ("head_dim", "num_key_value_heads", "n_head", "num_kv_heads"),
    **dict.fromkeys(("prophetnet", "reformer"), ("num_hidden_layers",)),
    **dict.fromkeys(("gpt_bigcode", "dbrx"), ("num_key_value_heads",)),
    "xlstm": ("v_head_dim",),
    "zamba": ("max_position_embeddings",),
    "xlnet": ("max_position_embeddings", "n_positions"),
}
"""Which of the sizes a family must not be given."""
NEUTRAL = ("sqk", ".scale")
"""Vectors that scale queries and keys channel by channel."""
PARTS = {"musicgen": "decoder", "musicgen_melody": "decoder"}
FIRST = {"gemma4_assistant": {"text_config": OWN["gemma4_assistant"] | {"num_kv_shared_layers": 0}}}
"""What a config cannot be made without."""
BESIDE = {
    "dots3_note": {
        "vision_config": {"per_layer_config": {}, "mlp_layer_types": ["dense", "sparse"]}
        | {"adapter_in_dim": 64, "adapter_out_dim": 64, "num_local_experts": 2},
        "audio_config": {"adapter_input_size": 64, "adapter_out_dim": 64},
    }
}
"""What a config of what a model sees or hears with wants."""

LARGEST = 20_000_000
NORMS = {"q_norm", "k_norm", "q_layernorm", "k_layernorm", "query_layernorm", "key_layernorm"}
REASONS: dict[str, tuple[str, str]] = {
    "axk2": ("W_q", "queries are two products of one latent, one of them normed"),
    "deepseek_v4": (
        "W_k W_v",
        "one latent is key and value of every head; it has a role of its own",
    ),
    "diffllama": ("W_v", "values of two heads are joined before attention"),
    "reformer": ("W_k", "of attention by hashes the queries are the keys too"),
    "zaya": (
        "W_q W_k W_v",
        "queries and keys are averaged and convolved together, half of a value is the token before",
    ),
}
"""The roles that heads of a family do not have as rows times the input, and why."""
UNTOLD = {
    **dict.fromkeys(
        ("gemma4_assistant", "gemma4_unified_assistant"),
        "it attends to keys and values of another model",
    ),
    "prophetnet": "its decoder runs several streams of each token at once",
    "xlnet": "its attention is written in products of three axes; a test has their split",
}
"""Why a family cannot be listened to."""
LEFT = {
    "blt": "of its four transformers one is read",
    "xmod": "adapters are named by their language",
}
"""Why names are left over, which are measured by name."""
SENSES = re.compile("vision|visual|image|img|audio|speech|multi_modal|connector|aligner")
"""What a model sees or hears with."""
ATTENDS = {Role.W_Q, Role.W_Q_A, Role.W_Q_B}
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
    model_of, config = _class_and_config(family)
    _without_timm()
    torch.manual_seed(7)
    with torch.device("meta"):
        size = sum(p.numel() for p in model_of(config).parameters())
    if size > LARGEST:
        msg = f"{size:,} parameters, and no setting known that makes it smaller"
        raise ValueError(msg)
    model = model_of(config).float().eval()
    draw = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, each in model.named_parameters():
            if not each.requires_grad:
                continue  # a table of sines
            each.copy_(torch.randn(each.shape, generator=draw) * 0.1 + (each.ndim == 1))
            # No measure reads these; made neutral, what is left is linear.
            if name.endswith("bias"):
                each.zero_()
            elif name.endswith(NEUTRAL):
                each.fill_(1)
            elif "conv" in name and each.ndim == 3:
                each.zero_()[..., -1] = 1
    return model


def _without_timm() -> None:
    """Let Gemma 3n see with one matrix, where its own eyes would want another package."""
    from transformers import AutoModel, PreTrainedModel
    from transformers.models.gemma3n.configuration_gemma3n import Gemma3nVisionConfig

    class Eyes(PreTrainedModel):
        config_class = Gemma3nVisionConfig

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.patches = torch.nn.Linear(8, config.hidden_size)
            self.post_init()

    AutoModel.register(Gemma3nVisionConfig, Eyes, exist_ok=True)


def _class_and_config(family: str) -> tuple[Any, Any]:
    """Return what makes a family's model of a config, and a tiny one."""
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

    kind = CONFIG_MAPPING[family]
    own = OWN.get(family, {})
    if family in PARTS:  # a model of several, whose language model has a config of its own
        config = type(getattr(kind(), PARTS[family]))
        return MODEL_FOR_CAUSAL_LM_MAPPING[kind], config(**sizes_of(config()) | own)
    base = kind(**FIRST.get(family, {}))
    below = {name: getattr(base, name, None) for name in getattr(kind, "sub_configs", {})}
    settings = {name: sizes_of(sub) for name, sub in below.items() if hasattr(sub, "to_dict")}
    for name, more in BESIDE.get(family, {}).items():
        settings[name] |= more
    text = settings.get("text_config")
    settings |= sizes_of(base) if text is None else {}
    mine = settings if text is None else text
    for name in NOT_GIVEN.get(family, ()):
        mine.pop(name, None)
    mine |= own
    return AutoModelForCausalLM.from_config, kind(**settings)


def sizes_of(config: Any) -> dict[str, Any]:
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
        reason = str(error).strip().partition("\n")[0][:90]
        return Finding(family, "not built", f"{type(error).__name__}: {reason}", "")
    try:
        opened = open_checkpoint(folder)
    except InspectError as error:
        return Finding(family, "refused", str(error.what), "")
    return Finding(
        family, opened.architecture, _left(family, opened), _right(family, model, opened)
    )


def _left(family: str, opened: WeightSet) -> str:
    names = [re.sub(r"\d+", "*", name) for name in opened.unrecognised]
    if opened.architecture == "unknown":
        return "no"
    ours = list(dict.fromkeys(name for name in names if not SENSES.search(name)))
    if ours:
        why = LEFT.get(family, f"such as `{ours[0]}`")
        return f"{len(ours)} names left: {why}"
    return f"yes, beside {len(set(names))} names of what it sees or hears with" if names else "yes"


def _right(family: str, model: torch.nn.Module, opened: WeightSet) -> str:
    right, wrong = _compared(model, opened)
    if right.startswith("not told") and family in UNTOLD:
        return f"not told: {UNTOLD[family]}"
    roles, why = REASONS.get(family, ("", ""))
    if wrong and {each.partition(" ")[0] for each in wrong} <= set(roles.split()):
        return f"otherwise {', '.join(roles.split())}: {why}"
    return right


def _compared(model: torch.nn.Module, opened: WeightSet) -> tuple[str, list[str]]:
    """Return whether each head's queries, keys and values are what this tool's rows make.

    And the roles, each with its layer, of which they are not.
    """
    try:
        seen = _numbered(_run(model), opened)
    except Exception as error:
        return f"not told: {type(error).__name__} when run so", []
    if not any(weight.role in ATTENDS for weight in opened):
        return NO_ATTENTION, []
    exact, wrong, n_heads = True, [], 0
    for layer, (x, given) in seen.items():
        here = {weight.role for weight in opened if weight.layer == layer}
        if Role.M_IN in here and Role.W_Q not in here:
            continue  # no attention, though its products look like one
        for role, found in given.items():
            weights = [w for w in opened if w.role is ROLES[role] and w.layer == layer]
            heads = [cut.double() for w in weights if (cut := w.heads(w.values())) is not None]
            if not heads:
                wrong.append(f"{role} of layer {layer}: none here")
                continue
            wanted = [torch.einsum("hdi,ni->nhd", each, x) for each in heads]
            same = _same_of_experts(found, wanted) if len(heads) > 1 else _same(found, wanted[0])
            n_heads += sum(map(len, heads))
            exact &= same == "exact"
            wrong += [] if same else [f"{role} of layer {layer}"]
    if wrong:
        return f"no: {', '.join(wrong[:3])}", wrong
    if not n_heads:
        return "not told: its attention cannot be listened to", []
    return f"yes, {n_heads} heads" + ("" if exact else ", up to norms and rotary order"), []


NO_ATTENTION = "it has no attention: its mixers have roles of their own"


def _same(found: torch.Tensor, wanted: torch.Tensor) -> str:
    found = found[..., : wanted.shape[-1]]
    n = wanted.shape[1]
    if found.shape[1] > n:  # keys repeated for each query, or all of them again
        again = torch.equal(found[:, :n], found[:, n : 2 * n])
        found = found[:, :n] if again else found[:, :: found.shape[1] // n]
    if found.shape != wanted.shape:
        return ""
    if torch.allclose(found, wanted, rtol=1e-3, atol=1e-4):
        return "exact"
    # A norm scales what one token gives one head; a rotary code may order it otherwise.
    one, other = (
        (each / each.norm(dim=-1, keepdim=True)).sort(dim=-1).values for each in (found, wanted)
    )
    return "scaled" if torch.allclose(one, other, rtol=1e-3, atol=1e-4) else ""


def _same_of_experts(found: torch.Tensor, wanted: list[torch.Tensor]) -> str:
    """Tell whether each share of a token's heads is what one of the experts makes of it."""
    shares = found.reshape(len(found), -1, *wanted[0].shape[1:])
    near = [torch.isclose(shares, each[:, None], rtol=1e-3, atol=1e-4) for each in wanted]
    return "exact" if torch.stack(near).all(-1).all(-1).any(0).all() else ""


class Unnormed(torch.nn.Identity):
    """Stands in the place of a norm; some ask its weight what dtype it is."""

    def __init__(self, norm: torch.nn.Module) -> None:
        super().__init__()
        self.weight = getattr(norm, "weight", None)


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


def _numbered(seen: dict[tuple[str, int], Any], opened: WeightSet) -> Seen:
    """Return what was heard by layer; of several lists, those that are read are counted on."""
    lists = sorted({of for of, _ in seen})
    if len(lists) > 1:
        named = [weight.tensor.name for weight in opened if weight.role is not None]
        lists = [of for of in lists if any(name.startswith(of) for name in named)]
    n_each = 1 + max(layer for _, layer in seen) if seen else 0
    return {
        lists.index(of) * n_each + layer: heard
        for (of, layer), heard in seen.items()
        if of in lists
    }


N_TOKENS = 8
PRODUCTS = {"matmul", "__matmul__", "bmm", "baddbmm"}
Seen = dict[int, tuple[torch.Tensor, dict[str, torch.Tensor]]]
"""Layer -> what attention was given, and the (tokens, heads, d) it made of it."""


def _run(model: torch.nn.Module) -> dict[tuple[str, int], Any]:
    """Run single tokens through a model, and listen to what its attentions are given."""
    inputs: dict[int, torch.Tensor] = {}
    names = {id(module): name for name, module in model.named_modules()}
    seen: dict[tuple[str, int], Any] = {}

    def listen(module: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        name = names.get(id(module), "")
        numbers = [int(number) for number in re.findall(r"(?:^|\.)(\d+)(?=\.|$)", name)]
        if numbers and id(module) in inputs:
            # Two attentions of a layer count as two layers.
            two = len(numbers) > 1 and name[-1].isdecimal()
            layer = 2 * numbers[0] + numbers[1] if two else numbers[0]
            parts = {"W_q": query, "W_k": key, "W_v": value}
            made = {role: each[:, :, 0].double() for role, each in parts.items()}
            of = re.split(r"(?<=\.)\d", name)[0]
            seen.setdefault((of, layer), (inputs[id(module)][:, 0].double(), made))
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
                setattr(module, name, Unnormed(child))
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
    from transformers.modeling_utils import AttentionInterface

    AttentionInterface.register("listening", function)
    ALL_MASK_ATTENTION_FUNCTIONS.register("listening", ALL_MASK_ATTENTION_FUNCTIONS["eager"])
    try:
        yield
    finally:
        AttentionInterface._global_mapping.pop("listening")
        ALL_MASK_ATTENTION_FUNCTIONS._global_mapping.pop("listening")


SAID = {
    "yes": "right in",
    "no:": "wrong in",
    "otherwise": "made otherwise, for the reason in the table, in",
    "not told": "not told in",
    "it has no": "none in",
}
"""What the table says of heads, and how it is counted."""


def document(findings: list[Finding], version: str) -> str:
    """Return the table of all families with what it counts to."""
    built = [each for each in findings if each.architecture != "not built"]
    opened = [each for each in built if each.architecture not in ("refused", "unknown")]
    whole = [each for each in opened if each.whole.startswith("yes")]
    heads = ", ".join(
        f"{words} {sum(each.right.startswith(said) for each in opened)}"
        for said, words in SAID.items()
    )
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
            f"layout, {len(whole)} whole. Heads are {heads}.",
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
