"""GPT and nGPT in plain float64 NumPy, one sequence at a time, straight from arXiv 2410.01131.

Written from the equations, not from reference_model: loops over heads, positions and coordinate
pairs, row vectors times W^T, no fusing of any kind.
"""

import numpy as np


def rms_norm(x, gain, eps):
    return gain * x / np.sqrt(np.mean(x**2) + eps)


def norm(x):
    return x / np.sqrt(np.sum(x**2))


def silu(x):
    return x / (1 + np.exp(-x))


def rotary(x, position, base):
    """Turn pair (j, j + K/2) by position * base^(-2j/K)."""
    half = len(x) // 2
    y = np.empty_like(x)
    for j in range(half):
        angle = position * base ** (-2 * j / len(x))
        y[j] = x[j] * np.cos(angle) - x[j + half] * np.sin(angle)
        y[j + half] = x[j] * np.sin(angle) + x[j + half] * np.cos(angle)
    return y


def causal_attention(q_TK, k_TK, v_TK, scale):
    """Eq. 13 with the softmax scale as a factor, position by position."""
    out = np.zeros_like(v_TK)
    for t in range(len(q_TK)):
        logits = np.array([scale * q_TK[t] @ k_TK[s] for s in range(t + 1)])
        weights = np.exp(logits - logits.max())
        weights /= weights.sum()
        for s in range(t + 1):
            out[t] += weights[s] * v_TK[s]
    return out


def heads_of(x_TD, weight, n_heads):
    """x W^T cut into heads: a list of [T, K]."""
    return np.split(x_TD @ weight.T, n_heads, axis=1)


def gpt_logits(w, config, tokens):
    """Eqs. 1, 4, 5, 12-14, 17-19 on one sequence: [T, V]."""
    h = w["E_input.weight"][tokens]
    for i in range(config.n_layers):
        p = f"layers.{i}."
        x = np.stack([rms_norm(row, w[p + "norm_A.gain"], config.norm_eps) for row in h])
        outs = []
        for q, k, v in zip(
            *(heads_of(x, w[f"{p}attention.W_{m}.weight"], config.n_heads) for m in "qkv"),
            strict=True,
        ):
            q = np.stack([rotary(row, t, config.rope_base) for t, row in enumerate(q)])
            k = np.stack([rotary(row, t, config.rope_base) for t, row in enumerate(k)])
            outs.append(causal_attention(q, k, v, 1 / np.sqrt(config.d_k)))
        h = h + np.concatenate(outs, axis=1) @ w[p + "attention.W_o.weight"].T
        x = np.stack([rms_norm(row, w[p + "norm_M.gain"], config.norm_eps) for row in h])
        u, nu = x @ w[p + "mlp.W_u.weight"].T, x @ w[p + "mlp.W_nu.weight"].T
        h = h + (u * silu(nu)) @ w[p + "mlp.W_oMLP.weight"].T
    x = np.stack([rms_norm(row, w["norm_final.gain"], config.norm_eps) for row in h])
    return x @ w["E_output.weight"].T


def slerp(x, y, alpha):
    """Eq. 6, with one alpha per coordinate."""
    angle = np.arccos(x @ y)
    return (
        np.sin((1 - alpha) * angle) / np.sin(angle) * x + np.sin(alpha * angle) / np.sin(angle) * y
    )


def ngpt_logits(w, config, tokens):
    """Eqs. 3, 10, 11, 15, 16, 20, 21 on one sequence: [T, V]."""

    def effective(name, kind, shape):
        init, scale = getattr(config, kind + "_init"), getattr(config, kind + "_scale")
        return np.broadcast_to(w[name] * init / scale, shape)

    def update(h_row, block_row, alpha):
        target = norm(block_row)
        if config.interpolation == "slerp":
            return norm(slerp(h_row, target, alpha))
        return norm((1 - alpha) * h_row + alpha * target)

    d, d_mlp = config.d_model, config.d_mlp
    h = w["E_input.weight"][tokens]
    for i in range(config.n_layers):
        p = f"layers.{i}."
        s_qk = effective(p + "attention.s_qk", "s_qk", (config.n_heads, config.d_k))
        outs = []
        for head, (q, k, v) in enumerate(
            zip(
                *(heads_of(h, w[f"{p}attention.W_{m}.weight"], config.n_heads) for m in "qkv"),
                strict=True,
            )
        ):
            turn = norm if config.qk_norm else (lambda row: row)
            q = np.stack(
                [turn(rotary(r, t, config.rope_base)) * s_qk[head] for t, r in enumerate(q)]
            )
            k = np.stack(
                [turn(rotary(r, t, config.rope_base)) * s_qk[head] for t, r in enumerate(k)]
            )
            outs.append(causal_attention(q, k, v, np.sqrt(config.d_k)))
        block = np.concatenate(outs, axis=1) @ w[p + "attention.W_o.weight"].T
        alpha = np.abs(effective(p + "alpha_A", "alpha", (d,)))
        h = np.stack([update(row, new, alpha) for row, new in zip(h, block, strict=True)])
        u = h @ w[p + "mlp.W_u.weight"].T * effective(p + "mlp.s_u", "s_u", (d_mlp,))
        nu = h @ w[p + "mlp.W_nu.weight"].T * effective(p + "mlp.s_nu", "s_nu", (d_mlp,))
        block = (u * silu(nu * np.sqrt(d))) @ w[p + "mlp.W_oMLP.weight"].T
        alpha = np.abs(effective(p + "alpha_M", "alpha", (d,)))
        h = np.stack([update(row, new, alpha) for row, new in zip(h, block, strict=True)])
    return h @ w["E_output.weight"].T * effective("s_z", "s_z", (config.vocab_size,))


def cross_entropy(logits, targets):
    """Mean of -log softmax(logits)[target], Eq. 2."""
    total = 0.0
    for row, target in zip(logits, targets, strict=True):
        total += np.log(np.sum(np.exp(row - row.max()))) + row.max() - row[target]
    return total / len(targets)
