"""What mixes tokens without attention: state spaces, linear attention, convolutions."""

from __future__ import annotations

from ngpt_inspect.architectures.engine.architecture import Rule
from ngpt_inspect.architectures.families.decoder_parts.words import (
    ANY,
    MIXER,
    each,
    named,
    weights,
)
from ngpt_inspect.vocabulary import Role

MIXERS = (
    *each(
        named(
            MIXER,
            tuple(
                f"{name}.weight"
                for name in (
                    *("in_proj", "in_proj_qkv", "in_proj_z", "in_proj_a", "in_proj_b"),
                    *("in_proj_ba", "in_proj_qkvz", "linear_x", "linear_y"),
                )
            ),
        ),
        Role.M_IN,
    ),
    *each(
        named(
            ("linear_attn.",),
            tuple(f"{name}_proj.weight" for name in ("q", "k", "v", "a", "b", "g")),
        ),
        Role.M_IN,
    ),
    *each(named(MIXER, ("x_proj.weight", "dt_proj.weight")), Role.M_INNER),
    *each(
        named(tuple(m for m in MIXER if m != "attn."), ("out_proj.weight", "linear_out.weight")),
        Role.M_OUT,
    ),
    *each(named(("linear_attn.",), "o_proj.weight"), Role.M_OUT),
    *each(
        named(
            ("mlstm_layer.",),
            weights("q k v igate_preact fgate_preact ogate_preact"),
        ),
        Role.M_IN,
    ),
    *(
        Rule(
            name=named(("mamba.", "mamba_decoder.mamba."), f"{leaf}_proj_weight"),
            role=Role.M_INNER,
            shape="n_mixer_heads, rows, columns",
            stacked="expert",
            optional=True,
        )
        for leaf in ("x", "dt")
    ),
    *each(named(MIXER, "A_log"), Role.DECAY, ANY),
)
