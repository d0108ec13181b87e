"""What mixes tokens without attention: state spaces, linear attention, convolutions."""

from __future__ import annotations

from ngpt_inspect.architectures.families.decoder_parts.words import (
    ANY,
    MIXER,
    each,
    named,
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
    *each(named(MIXER, "A_log"), Role.DECAY, ANY),
)
