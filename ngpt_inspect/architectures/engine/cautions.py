"""What is said beside the numbers: how far a layout was told, and scales that stay outside."""

from __future__ import annotations

from collections.abc import Iterator

from ngpt_inspect.architectures.engine.architecture import Architecture
from ngpt_inspect.stored import Contents

EMBEDDING_SCALES = ("embedding_multiplier", "scale_emb", "embedding_scale", "embed_scale")
"""Settings by which models multiply input embeddings: Granite, MiniCPM and others."""


def cautions(contents: Contents, architecture: Architecture) -> Iterator[str]:
    """Yield what a reader should know of this checkpoint beyond the notes of its layout."""
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
