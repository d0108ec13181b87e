"""CSV files as the experiments write them, of runs whose speed-up is known beforehand."""

import csv
import math

FAMILY_RATE = {"GPT": 4e-3, "nGPT": 8e-3}
GPT_BUDGETS, NGPT_BUDGETS = (100, 200, 400, 800), (100, 200, 400)
EVERY = 25


def identity(family="nGPT", **changes):
    """Return the columns that say which run a row is of, its name as the experiments make it."""
    told = {
        "family": family,
        "size": "tiny",
        "variant": "",
        "context_length": 64,
        "batch_size": 32,
        "steps": 100,
        "learning_rate": FAMILY_RATE[family],
        "seed": 0,
    } | changes
    name = (
        f"{family.lower()}-context{told['context_length']}-steps{told['steps']}"
        f"-rate{told['learning_rate']:g}-seed{told['seed']}"
    )
    return {"run": name} | told


def loss_rows(run, losses):
    """Return one row a validation of a run, given its losses by step; None has diverged."""
    per_step = run["batch_size"] * run["context_length"]
    return [
        {**run, "step": s, "tokens": s * per_step, "seconds": s / 10, "validation_loss": loss}
        for s, loss in losses.items()
    ]


def straight(steps):
    """Loss that falls by 0.5 with the logarithm of steps: interpolation makes no error on it."""
    return 6 - 0.5 * math.log(steps)


def family_rows(family, budgets, slower=1.0, curve=straight, **changes):
    """Return the losses of one run a budget, each reached `slower` times later than `curve`."""
    return [
        row
        for steps in budgets
        for row in loss_rows(
            identity(family, steps=steps, **changes),
            {s: curve(s / slower) for s in range(EVERY, steps + 1, EVERY)},
        )
    ]


def both_families(factor, **changes):
    """Return runs in which GPT needs `factor` times the steps of nGPT for any loss."""
    gpt = family_rows("GPT", GPT_BUDGETS, factor, **changes)
    return gpt + family_rows("nGPT", NGPT_BUDGETS, **changes)


def write_rows(path, rows):
    """Write rows as an experiment does: None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def evaluated(seed, text, length, loss, error, family="nGPT", **changes):
    """Return one evaluation of a trained model."""
    run = identity(family, seed=seed, **changes)
    told = {"loss": loss, "standard_error": error, "perplexity": math.exp(loss)}
    return {**run, "text": text, "evaluated_length": length, **told}


ABLATION = {
    "parameter": "",
    "init": "",
    "scale": "",
    "s_qk_kind": "element",
    "s_mlp_kind": "element",
    "s_z_kind": "element",
    "alpha_kind": "element",
    "qk_norm": True,
    "interpolation": "lerp",
}
LEARNED = ("alpha_A", "alpha_M", "s_qk", "s_u", "s_nu", "s_z")


def ablation(seed, loss, table="6", variant="", **changes):
    """Return the row of an ablated nGPT; `changes` may be anything in it."""
    learned = {name: 0.1 * at + 0.01 * seed for at, name in enumerate(LEARNED, 1)}
    run = identity("nGPT", seed=seed, variant=variant)
    run["run"] += f"-{variant}"
    return {**run, "table": table, **ABLATION, **learned, **changes, "validation_loss": loss}


def timings(seconds, context=64, first=0):
    """Return timings of rounds: for each family its seconds in every round."""
    setting = {"size": "tiny", "context_length": context, "batch_size": 32}
    how = {"precision": "float32", "compiled": False}
    return [
        {"family": family, **setting, **how, "round": at, "seconds": value}
        for family, values in seconds.items()
        for at, value in enumerate(values, first)
    ]


def exposed():
    """Return condition numbers of recipes that reach several exposures, and of an nGPT."""
    rows = []
    recipes = [("GPT", "AdamW", decay) for decay in (0.0, 0.3, 1.0)]
    recipes += [("GPT", "Muon", 1.0), ("nGPT", "AdamW", 0.0)]
    for number, (family, recipe, decay) in enumerate(recipes):
        for seed in (0, 1):
            run = identity(family, steps=100, seed=seed, variant=f"{recipe} {decay:g}")
            rows += [
                run
                | {"recipe": recipe, "weight_decay": decay, "step": step, "validation_loss": 3.0}
                | {"exposure": 12 * decay * step / 100, "layer": layer, "weight": weight}
                | {"condition_number": 3.0 + 10 * decay * step * (seed + 1) + number}
                | {"lowest": 2.0, "highest": 1e5, "heads": 4, "d_k": 16, "d_model": 64}
                for step in (50, 100)
                for layer in (0, 1)
                for weight in ("W_q", "W_k", "W_v", "W_o", "QK", "OV")
            ]
    return rows


def answered(accuracies, family="nGPT", step=None, metric="acc", shots=0, **changes):
    """Return what the harness says of one checkpoint: a row a task, with its accuracy."""
    run = identity(family, **changes)
    step = run["steps"] if step is None else step
    told = {"step": step, "tokens": step * run["batch_size"] * run["context_length"]}
    return [
        run
        | told
        | {"task": task, "metric": metric, "shots": shots, "documents": 100, "value": value}
        | {"standard_error": 0.03, "chance": CHANCE.get(task)}
        for task, value in accuracies.items()
    ]


CHANCE = {"cloze": 0.0, "next_line": 0.25, "pairs": 0.5}


def answers():
    """Return checkpoints of both families on three tasks: more tokens, better answers."""
    rows = []
    for family, start in (("GPT", 0.30), ("nGPT", 0.36)):
        for budget, steps in enumerate((100, 200, 400)):
            for seed in (0, 1):
                right = start + 0.05 * budget + 0.01 * seed
                tasks = {"cloze": right - 0.2, "next_line": right, "pairs": right + 0.25}
                rows += answered(tasks, family, steps=steps, seed=seed)
                rows += answered(
                    {"next_line": right + 0.02}, family, metric="acc_norm", steps=steps, seed=seed
                )
                rows += answered(
                    {"rolling": 2.0}, family, metric="bits_per_byte", steps=steps, seed=seed
                )
    return rows
