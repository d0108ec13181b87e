"""What is said beside the numbers: how far a layout was told, and scales that stay outside."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.stored import ADAPTER, Contents
from ngpt_inspect.wording import listed

DEPTHS = (
    *("decoder_layers", "num_decoder_layers", "decoder_num_hidden_layers"),
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
)
"""Settings that say how many layers a model has, of a decoder beside an encoder first."""
MOST_NAMED = 4
EMBEDDING_SCALES = ("embedding_multiplier", "scale_emb", "embedding_scale", "embed_scale")
"""Settings by which models multiply input embeddings: Granite, MiniCPM and others."""


def cautions(
    contents: Contents, architecture: Architecture, layers: Collection[int]
) -> Iterator[str]:
    """Yield what a reader should know of this checkpoint beyond the notes of its layout.

    `layers`: the numbers of those of which anything is here.
    """
    if contents.part != ADAPTER:
        yield from _absent(contents, layers)
    if not contents.homes:
        for setting, values in architecture.forbids.items():
            yield (
                f"no settings beside the weights: read as {architecture.title}; were "
                f"{setting} {' or '.join(values)}, the same tensors would be read otherwise"
            )
    scale = contents.find(*EMBEDDING_SCALES)
    if scale is not None and isinstance(scale[0], int | float) and scale[0] not in (0, 1):
        yield (
            f"the model multiplies input embeddings by {scale[1]} = {scale[0]:g}; "
            "they are given as stored"
        )


def _absent(contents: Contents, layers: Collection[int]) -> Iterator[str]:
    """Yield that layers are not here: between others, or at the end, as of one file of several."""
    depth = max(layers, default=-1) + 1
    holes = [str(layer) for layer in range(depth) if layer not in layers]
    if holes:
        yield f"nothing of layers {listed(holes, most=MOST_NAMED)} is here, but of later ones"
    found = contents.find(*DEPTHS)
    if found is not None and type(found[0]) is int and found[0] > depth > 0:
        yield (
            f"{found[1]} is {found[0]}, and {depth} layers are here: "
            "others are kept elsewhere, or these run more than once"
        )
