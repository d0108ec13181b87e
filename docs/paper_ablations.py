"""Changes of the loss that arXiv 2410.01131 prints in its Tables 4, 5 and 6."""

TABLE_4 = {
    ("s_qk", "0.33", "1/sqrt(d)"): "−0.33 %",
    ("s_qk", "0.05", "1/sqrt(d)"): "−0.09 %",
    ("s_qk", "1", "1"): "−0.09 %",
    ("s_qk", "0.33", "1"): "−0.08 %",
    ("s_qk", "0.05", "1"): "+1.94 %",
    ("s_u & s_nu", "1/sqrt(d)", "1"): "+0.92 %",
    ("s_u & s_nu", "1", "1/sqrt(d)"): "+0.05 %",
    ("s_u & s_nu", "1/sqrt(d)", "1/sqrt(d)"): "+0.48 %",
    ("s_z", "sqrt(d)", "1/sqrt(d)"): "+1.06 %",
    ("s_z", "1", "1"): "+3.12 %",
    ("s_z", "sqrt(d)", "1"): "+1.66 %",
}
"""By parameter, init and scale."""
TABLE_5 = {
    "svvv": "+0.22 %",
    "vsvv": "+0.07 %",
    "vvsv": "+0.20 %",
    "vvvs": "+0.22 %",
    "ssvv": "+0.17 %",
    "sssv": "+0.30 %",
    "ssss": "+0.62 %",
    "fvvv": "+0.11 %",
    "vfvv": "+0.05 %",
    "ffvv": "+0.20 %",
    "ffsv": "+0.40 %",
}
"""By the kinds of s_qk, s_u and s_nu, s_z, alpha: vector, scalar or fixed."""
TABLE_6 = {"no QK norm": ("without QK norm (Table 6)", "+0.12 %")}
HERE_ONLY = {
    "slerp": "SLERP instead of LERP",
    "alpha 0.2 s_z 10": "α from 0.2 and s_z from 10",
}
"""Variants that the paper does not have, with what they are called."""
