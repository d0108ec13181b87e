"""MLPs of every kind, experts and their routers."""

from __future__ import annotations

from typing import Any

from ngpt_inspect.architectures.engine.architecture import Rule, whole
from ngpt_inspect.architectures.engine.cuts import alternating, fused, halves
from ngpt_inspect.architectures.families.decoder_parts.words import MLP, each, named, weights
from ngpt_inspect.vocabulary import Role


def mlp(homes: tuple[str, ...], block: str, width: str = "d_mlp") -> tuple[Rule, ...]:
    """Return every way an MLP is kept: gated or plain, gate and up apart or in one."""
    ups = weights("up_proj w3 c_fc_1 w_in.w_1 fc_2 proj_up")
    gates = weights("gate_proj w1 c_fc_0 w_in.w_0 fc_1 linear_gate proj_up_gate")
    downs = weights("down_proj w2 c_proj w_out proj proj_down")
    alone = weights(
        "up_proj fc1 dense_h_to_4h fc_in c_fc lin1 0 intermediate.dense fc key"
        " intermediate dense.dense layer_1 linear1 linear_fc1"
    )
    after = weights(
        "down_proj fc2 dense_4h_to_h fc_out c_proj lin2 2 output.dense value output layer_2 linear2"
        " linear_fc2"
    )
    both = weights("gate_up_proj Wi fc1 input_linear linear_fc1 dense_h_to_4h proj_1")
    last = weights("down_proj Wo fc2 output_linear linear_fc2 dense_4h_to_h proj_2")

    def plain(leaves: tuple[str, ...], role: Role, variant: str) -> Rule:
        return whole(named(homes, leaves), role, width=width, block=f"{block}/{variant}")

    return (
        plain(ups, Role.W_U, "gated"),
        plain(gates, Role.W_NU, "gated"),
        plain(downs, Role.W_O_MLP, "gated"),
        plain(alone, Role.W_U, "plain"),
        plain(after, Role.W_O_MLP, "plain"),
        *fused(named(homes, both), halves(Role.W_NU, Role.W_U, width), block=f"{block}/in one"),
        plain(last, Role.W_O_MLP, "in one"),
    )


def gate_last(setting: str, *values: str) -> tuple[Rule, ...]:
    """Return MLPs of names that others have, but their gate is the second half: a setting tells."""
    how: dict[str, Any] = {"block": f"mlp/gate last, {setting}", "when": {setting: values}}
    return (
        *fused(named(MLP, "fc1.weight"), halves(Role.W_U, Role.W_NU), **how),
        whole(named(MLP, "fc2.weight"), Role.W_O_MLP, **how),
    )


def grouped() -> tuple[Rule, ...]:
    """Return Megatron's experts in groups: numbered weights of one module, gated or plain."""
    first, last = (named(MLP, f"experts.linear_fc{n}.weight{{expert}}") for n in (1, 2))
    return (
        *fused(first, halves(Role.W_NU, Role.W_U), block="experts/grouped, gated"),
        whole(last, Role.W_O_MLP, block="experts/grouped, gated"),
        whole(first, Role.W_U, block="experts/grouped"),
        whole(last, Role.W_O_MLP, block="experts/grouped"),
    )


def stacks(*, transposed: bool) -> tuple[Rule, ...]:
    """Return experts that one tensor holds, gate and up in one, (out, in) each or (in, out)."""
    block = f"experts/stacked {'(in, out)' if transposed else '(out, in)'}"
    both = ("experts.gate_up_proj", "input_linear.weight", "experts.fc1.weight")
    last = ("experts.down_proj", "output_linear.weight", "experts.fc2.weight")
    how: dict[str, Any] = {"stacked": "expert", "transposed": transposed, "block": block}
    return (
        *fused(named(MLP, both), halves(Role.W_NU, Role.W_U), **how),
        whole(named(MLP, last), Role.W_O_MLP, **how),
    )


def stacks_of_mlx() -> tuple[Rule, ...]:
    """Return experts that three tensors hold, (out, in) each."""
    return tuple(
        whole(
            named(MLP, f"switch_mlp.{name}_proj.weight"),
            role,
            stacked="expert",
            block="experts/stacked apart",
        )
        for name, role in (("up", Role.W_U), ("gate", Role.W_NU), ("down", Role.W_O_MLP))
    )


def alternate() -> tuple[Rule, ...]:
    """Return Inkling's MLPs as released: rows of gate and up take turns."""
    cut = alternating(Role.W_NU, Role.W_U)
    stacked: dict[str, Any] = {"stacked": "expert", "block": "experts/alternating"}
    return (
        *fused(named(("mlp.",), "w13_dn.weight"), cut, block="mlp/alternating"),
        whole(named(("mlp.",), "w2_md.weight"), Role.W_O_MLP, block="mlp/alternating"),
        *fused(named(("mlp.",), "experts.w13_weight"), cut, **stacked),
        whole(named(("mlp.",), "experts.w2_weight"), Role.W_O_MLP, **stacked),
    )


def rows_of_experts() -> tuple[Rule, ...]:
    """Return DBRX's experts: one after another in the rows of one matrix, all (d_mlp, d_model)."""
    return tuple(
        Rule(
            name=named(("ffn.",), f"experts.mlp.{leaf}"),
            role=role,
            seen="n_experts, a//n_experts, b",
            shape="n_experts, d_mlp, d_model",
            stacked="expert",
            transposed=role is Role.W_O_MLP,
            block="experts/rows of one",
        )
        for leaf, role in (("w1", Role.W_NU), ("v1", Role.W_U), ("w2", Role.W_O_MLP))
    )


ROUTERS = each(
    named(
        MLP,
        weights(
            "gate router router.layer router.gate router.classifier gate.wg",
            "gate.router_mlp.out_proj",
        ),
    ),
    Role.W_ROUTER,
    "n_experts, any",
)
