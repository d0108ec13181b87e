"""Figure 5 of arXiv 2410.01131 with matplotlib, from the tidy table.

Needs the extra: pip install 'ngpt-inspect[examples]'. Then

python examples/matplotlib_condition_numbers.py runs/demo/gpt runs/demo/ngpt
"""

import sys

import matplotlib as mpl
import matplotlib.pyplot as plt

import ngpt_inspect as ni

mpl.rcParams |= {"font.size": 8, "pdf.fonttype": 42}  # TrueType: some venues refuse Type 3
table = ni.summarise(ni.measure(sys.argv[1:], "condition_numbers"))
kappas = table[(table["measure"] == "condition_number") & (table["statistic"] == "median")]
medians = kappas[kappas["layer"].notna()]  # without a layer: over all layers
roles = list(medians["role"].unique())
figure, axes = plt.subplots(1, len(roles), figsize=(6.75, 1.9), sharey=True, layout="constrained")
for ax, role in zip(axes, roles, strict=True):
    for checkpoint, rows in medians[medians["role"] == role].groupby("checkpoint", sort=False):
        color = "#1f77b4" if "ngpt" in rows["architecture"].iloc[0] else "#d95f02"
        layers = rows["layer"] / max(rows["layer"].max(), 1)
        ax.plot(layers, rows["value"], marker=".", color=color, label=checkpoint)
    ax.set(title=role, yscale="log")
axes[0].set_ylabel("median condition number")
figure.supxlabel("normalized layer index", size=8)
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
figure.savefig("condition_numbers.pdf")
