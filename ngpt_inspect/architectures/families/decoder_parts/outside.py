"""What lies outside the layers: embeddings, the final norm."""

from __future__ import annotations

from ngpt_inspect.architectures.engine.architecture import Rule, whole
from ngpt_inspect.architectures.families._llama import MUSE
from ngpt_inspect.architectures.families.decoder_parts.words import each, optional, weights
from ngpt_inspect.vocabulary import Role

MOST_CODEBOOKS = 16
"""Tables of tokens side by side, one a codebook."""
_LAST_NORM = "|".join(
    weights(
        "norm ln_f final_layernorm final_layer_norm norm_f layer_norm embedding_norm",
        "final_norm ln_out output_layernorm layernorm out_norm ln",
    )
)
OUTSIDE = (
    *(
        whole("|".join(names), role, optional=role is not Role.E_INPUT)
        for role, names in (
            (
                Role.E_INPUT,
                weights(
                    "embed_tokens wte word_embeddings embeddings embed_in tokens_embed embedding",
                    "input_embedding tok_embeddings embeddings.word_embeddings",
                    "embeddings.tok_embeddings w tok_emb token_emb token_embedding",
                    "token_embeddings token_embedding_table embedding.word_embeddings",
                    # Of several codebooks the first; of a model of bytes its encoder's.
                    "word_embedding embed embed_tokens.0 local_encoder.embed_tokens",
                ),
            ),
            (
                Role.E_OUTPUT,
                weights(
                    "lm_head embed_out head cls.predictions.decoder lm_head.decoder",
                    "pred_layer.proj unembed lm_loss output lm_heads.0 output_layer",
                ),
            ),
            (
                Role.E_POSITION,
                weights(
                    "embed_positions wpe position_embeddings positions_embed",
                    "embeddings.position_embeddings pos_emb pos_embedding position_embedding",
                    "position_embedding_table embedding.position_embeddings",
                ),
            ),
        )
    ),
    optional(_LAST_NORM, Role.GAIN_FINAL, "d_gain", "last norm/as the others"),
    Rule(
        name=_LAST_NORM,
        role=Role.GAIN_FINAL,
        shape="d_gain",
        block="last norm/as stored",
        when={"model_type": MUSE},
    ),
    *each("project_in.weight|pre_projection.weight|embeddings_project.weight", Role.X_OUT),
    *each("project_out.weight|post_projection.weight", Role.X_IN),
    *each("encoder.embedding_hidden_mapping_in.weight", Role.X_OUT),
    *each("generator_predictions.dense.weight|pooler.weight|pooler.dense.weight", Role.X_IN),
    *each(
        "lm_head.dense.weight|cls.predictions.transform.dense.weight|cls.predictions.dense.weight",
        Role.X_IN,
    ),
    # Reformer's tables of positions: one an axis, (n, 1, d) and (1, n, d).
    *(
        Rule(
            name=f"embeddings.position_embeddings.weights.{axis}",
            role=Role.X_INNER,
            seen="a*b, c",
            shape="rows, columns",
            optional=True,
        )
        for axis in (0, 1)
    ),
    *each("embeddings.map_inputs_layer.weight", Role.X_OUT),
    *each(
        "ngram_embeddings.weight|embeddings.pronunciation_embed.weight"
        "|embeddings.shape_embed.weight|middle_cycle_cross_pass_queries"
        "|middle_cycle_cross_pass_kv_queries",
        Role.X_INNER,
    ),
    *(
        rule
        for number in range(1, MOST_CODEBOOKS)
        for name in ("embed_tokens", "lm_heads")
        for rule in each(f"{name}.{number}.weight", Role.X_INNER)
    ),
)
