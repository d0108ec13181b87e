"""What mixes tokens without attention: state spaces, linear attention, convolutions."""

from __future__ import annotations

from ngpt_inspect.architectures.families.decoder_parts.words import (
    ANY,
    MIXER,
    each,
    named,
    stack_of,
    weights,
)
from ngpt_inspect.vocabulary import Role

MIXERS = (
    *each(
        named(
            MIXER,
            weights(
                "in_proj in_proj_qkv in_proj_z in_proj_a in_proj_b in_proj_ba in_proj_qkvz",
                "linear_x linear_y",
            ),
        ),
        Role.M_IN,
    ),
    *each(
        named(("linear_attn.",), weights("q_proj k_proj v_proj a_proj b_proj g_proj")), Role.M_IN
    ),
    *each(named(MIXER, weights("x_proj dt_proj")), Role.M_INNER),
    *each(named(MIXER, weights("out_proj linear_out")), Role.M_OUT),
    *each(named(("linear_attn.",), "o_proj.weight"), Role.M_OUT),
    *each(
        named(("mlstm_layer.",), weights("q k v igate_preact fgate_preact ogate_preact")),
        Role.M_IN,
    ),
    *(
        stack_of(
            named(("mamba.", "mamba_decoder.mamba."), leaf), Role.M_INNER, count="n_mixer_heads"
        )
        for leaf in ("x_proj_weight", "dt_proj_weight")
    ),
    *each(named(MIXER, "A_log"), Role.DECAY, ANY),
)
