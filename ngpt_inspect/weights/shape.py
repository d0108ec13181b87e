"""How large a model is, as far as its checkpoint says."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """The sizes of a model. None: the checkpoint does not say, and nobody gave it."""

    n_layers: int = 0
    d_model: int | None = None
    vocab_size: int | None = None
    n_heads: int | None = None
    n_kv_heads: int | None = None
    d_k: int | None = None
    d_mlp: int | None = None
    n_experts: int | None = None

    @property
    def told(self) -> str:
        """The sizes as people say them, those that are known."""
        heads = "heads unknown" if self.n_heads is None else f"{self.n_heads} heads"
        if self.n_kv_heads not in (None, self.n_heads):
            heads += f" ({self.n_kv_heads} for keys and values)"
        named = {"d_model": self.d_model, "vocabulary": self.vocab_size, "experts": self.n_experts}
        sizes = [f"{name} {size:,}" for name, size in named.items() if size is not None]
        return ", ".join([f"{self.n_layers} layers", heads, *sizes])
