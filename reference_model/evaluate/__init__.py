"""Downstream tasks of lm-evaluation-harness on the reference models (Figures 3, 8 and 9).

``python -m reference_model.evaluate runs/demo/gpt runs/demo/ngpt --tasks lambada_openai hellaswag``

`scoring` and `generating` compute on token ids and know no harness; `harness` is the model that
the harness asks, `tasks` asks the harness, `command` is the command line.
"""
