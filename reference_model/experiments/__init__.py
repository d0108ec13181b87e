"""Experiments of arXiv 2410.01131: ``python -m reference_model.experiments.NAME --scale tiny``.

Each trains what it needs under ``runs/experiments/SCALE/``, goes on where it was interrupted,
shares finished runs with the others, and writes ``results/SCALE/NAME.csv`` with its settings
beside it.
"""
