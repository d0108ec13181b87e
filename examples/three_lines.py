"""The condition numbers of two runs, as a table and as Figure 5 of the paper."""

import ngpt_inspect as ni

gpt, ngpt = ni.open_checkpoint("runs/demo/gpt"), ni.open_checkpoint("runs/demo/ngpt")
table = ni.measure([gpt, ngpt], "condition_numbers")  # tidy DataFrame
fig = ni.figure("condition_numbers", [gpt, ngpt])  # plotly Figure
fig.write_image("fig5.pdf")
