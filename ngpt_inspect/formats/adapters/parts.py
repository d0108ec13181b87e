"""An adapter as a checkpoint with two parts: its updates, and its base with them added."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats.adapters.lora import PREFIX, AdaptedTensor, LoraUpdate, updates
from ngpt_inspect.formats.adapters.token_rows import ROWS, with_rows
from ngpt_inspect.formats.places.beside import ADAPTER_CONFIG, REPAIR
from ngpt_inspect.formats.places.strict_json import read_object
from ngpt_inspect.hub_cache import cached
from ngpt_inspect.places import Place
from ngpt_inspect.stored import ADAPTER, Contents, Held
from ngpt_inspect.wording import quoted

FACTORS = (".lora_A", ".lora_B", ".lora_embedding_", ".lora_magnitude_", ".lora_a", ".lora_b")
SUM = "sum"
PROMPTS = ("prompt_embeddings", "prefix_encoder", "prompt_encoder")
FULL = ("model.embed_tokens.weight", "transformer.wte.weight")
"""What a full model under the names of peft has."""
MOVING = ("pissa", "olora", "corda", "loftq", "lora_ga")
"""Ways to begin that take something off the base first (``init_lora_weights``)."""
Opener = Callable[[Path], Contents]


def as_adapter(contents: Contents, folder: Place, opened: Opener) -> Contents:
    """Return a LoRA or DoRA adapter with its parts, a model as it is.

    Part `ADAPTER` has the factors and, under the names of the weights, scale B A; part ``sum``
    the base (``base_model_name_or_path``: a folder, or in the hub's cache) with that added, and
    with what the adapter has whole (``modules_to_save``, rows of ``trainable_token_indices``) in
    its place. Without ``adapter_config.json`` there is no base, and the scale is 1.

    Raises
    ------
    UnreadableFile
        ``adapter_config.json`` is broken, or the adapter is of another kind.
    """
    path = folder / ADAPTER_CONFIG
    if contents.parts or not _is_adapter(contents):
        return contents
    if not path.is_file():
        bare = updates(contents.tensors, {}) if _all_factors(contents) else {}
        alone: Held = ({**contents.tensors, **bare}, contents.config)
        return replace(contents, parts={ADAPTER: lambda: alone}) if bare else contents
    config = read_object(path, "it", REPAIR)
    if not any(".lora_" in name for name in contents.tensors):
        raise UnreadableFile(
            f"is an adapter of the kind {quoted(config.get('peft_type'))}, and only LoRA and DoRA "
            "are computed",
            where=contents.source,
            next_step="merge it into its base (peft: merge_and_unload) and open what you save",
        )
    found = updates(contents.tensors, config)
    said = {**contents.config, "adapter_config": config, **_config_of(_cached(config))}
    alone = ({**contents.tensors, **found}, said)
    parts: dict[str, Callable[[], Held]] = {
        ADAPTER: lambda: alone,
        SUM: partial(_sum, contents, found, config, folder, opened),
    }
    return replace(contents, parts=parts)


def _is_adapter(contents: Contents) -> bool:
    """Tell an adapter from a model beside which an adapter's config lies."""
    names = list(contents.tensors)
    full = any(name.removeprefix(PREFIX) in FULL for name in names)
    return any(".lora_" in name for name in names) or (
        not full and all(name.startswith((PREFIX, *PROMPTS)) for name in names)
    )


def _all_factors(contents: Contents) -> bool:
    return all(any(each in name for each in FACTORS) for name in contents.tensors)


def _cached(config: Mapping[str, Any]) -> Path | None:
    """Return where the hub's cache has the base."""
    named = config.get("base_model_name_or_path", config.get("model"))
    return cached(f"hf://{named}") if isinstance(named, str) else None


def _base(config: Mapping[str, Any], folder: Place) -> Path | None:
    """Return where the base is kept here. A path out of a file is followed only when asked for."""
    named = config.get("base_model_name_or_path", config.get("model"))
    if not isinstance(named, str) or not named or "\0" in named:
        return None
    local = [Path(named), Path(str(folder)) / named] if isinstance(folder, Path) else []
    return next((each for each in local if each.exists()), None) or _cached(config)


def _config_of(base: Path | None) -> dict[str, Any]:
    path = None if base is None else base / "config.json"
    return {} if path is None or not path.is_file() else {"config": read_object(path, "it", REPAIR)}


def _require_sum(config: Mapping[str, Any], where: str) -> None:
    """Refuse adapters that are not their base with something added, weight by weight."""
    begun = str(config.get("init_lora_weights")).lower()
    if begun.startswith(MOVING):
        raise UnreadableFile(
            f"began with {quoted(begun)}, which changed its base: that is kept nowhere",
            where=where,
            next_step="open what peft's merge_and_unload gives, or the adapter alone",
        )
    if config.get("layer_replication"):  # layers share weights: peft cannot merge it either
        raise UnreadableFile(
            "has layers of its base several times over (layer_replication): no sum is made of them",
            where=where,
            next_step="open the adapter alone",
        )


def _sum(
    contents: Contents,
    found: Mapping[str, LoraUpdate],
    config: Mapping[str, Any],
    folder: Place,
    opened: Opener,
) -> Held:
    base = _base(config, folder)
    if base is None:
        raise UnreadableFile(
            f"its base {quoted(config.get('base_model_name_or_path'))} is not here",
            where=contents.source,
            next_step="download it, or correct base_model_name_or_path in adapter_config.json",
        )
    _require_sum(config, contents.source)
    try:
        whole = opened(base)
    except UnreadableFile as error:  # which names the base: nobody asked for that one
        raise UnreadableFile(
            f"its base cannot be opened: {error}", where=contents.source
        ) from error
    kept = {
        name.removeprefix(PREFIX).replace(".base_layer.", "."): tensor
        for name, tensor in contents.tensors.items()
        if not any(each in name for each in (*FACTORS, ROWS))
    }
    tensors = {**whole.tensors, **kept}
    for name, rows in contents.tensors.items():
        if name.endswith(ROWS):
            module = name.removeprefix(PREFIX).removesuffix(ROWS)
            of_base = f"{module}.weight"
            tensors[of_base] = with_rows(module, tensors.get(of_base), rows, config)
    for name, update in found.items():
        of_base = name.removeprefix(PREFIX)
        weight = tensors.get(of_base)
        if weight is None or weight.shape != update.shape:
            raise UnreadableFile(
                f"its base has no {quoted(of_base)} of shape {list(update.shape)}",
                where=contents.source,
                next_step="give the base it was trained on, or open the adapter alone",
            )
        tensors[of_base] = AdaptedTensor(
            name=weight.name,
            shape=weight.shape,
            dtype=update.dtype,
            location=weight.location,
            base=weight,
            update=update,
        )
    return tensors, {**whole.config, "adapter_config": config}
