"""Measures of checkpoints as one tidy table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import MissingRole, WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import Measure, Values
from ngpt_inspect.numerics.heartbeat import heard_by
from ngpt_inspect.sameness import remarks_on
from ngpt_inspect.tables.asked import (
    Source,
    device_for,
    layers_named,
    measures_named,
    opened,
    roles_named,
    settings_of,
)
from ngpt_inspect.tables.executors import results as results_of
from ngpt_inspect.tables.jobs import Job, Taking
from ngpt_inspect.tables.provenance import provenance
from ngpt_inspect.tables.rows import Measured, entry_of
from ngpt_inspect.tables.token_words import in_ids
from ngpt_inspect.vocabulary import TIED, Role
from ngpt_inspect.weights import Weight, WeightSet

Progress = Callable[[float, float], None]
"""Called with (work done, work in all). Of measures that is the time they are expected to take, on
any machine but for a factor: what is done and how long it took tell what is left."""


def measure(
    checkpoints: Source | Sequence[Source],
    measures: str | Sequence[str],
    *,
    layers: int | Sequence[int] | None = None,
    roles: str | Sequence[str] | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Measure checkpoints and return one tidy table, a row a number.

    Parameters
    ----------
    checkpoints
        What `open_checkpoint` returns, or takes; one or several.
    measures
        Names from `MEASURES`, one or several.
    layers, roles
        Restrict to these 0-based layers and these roles (spelled ``W_q``), one or several.
    device
        ``cpu`` or ``cuda``; the CPU, and a remark in `attrs`, where there is no such GPU.
    executor
        Where to compute: any `concurrent.futures.Executor`. Work is shipped as names, never as
        tensors, so the files must be readable there; rows come back as if computed here, to the
        last bit.
    workers
        Without an executor: how many small matrices are computed side by side, by default one
        a core and at most 8. Large ones come one at a time and take all cores.
    progress
        Called after every weight, and on the way through a large one. May raise to end the work.
    **options
        Settings of the measures, by name.

    Returns
    -------
    pandas.DataFrame
        Columns as in docs/table.md; printed are those that differ between rows. `attrs` holds
        the tool's version, the settings, and of each checkpoint its fingerprint, constants and
        coverage.

    Raises
    ------
    WrongOption
        No such measure, role, option or device.
    MissingRole
        A layer or role that none of the checkpoints has.
    InspectError
        A checkpoint cannot be opened.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> table = ni.measure(["runs/gpt", "runs/ngpt"], "condition_numbers", roles="W_q", layers=0)
    >>> heads = table[(table["measure"] == "condition_number") & table["head"].notna()]
    >>> heads[heads["checkpoint"] == "gpt"]["value"].round(3).tolist()
    [2.0, 3.0, 4.0, 5.0]
    """
    found = measured(
        checkpoints,
        measures,
        layers=layers,
        roles=roles,
        device=device,
        executor=executor,
        workers=workers,
        progress=progress,
        **options,
    )
    return found.frame


def measured(
    checkpoints: Source | Sequence[Source],
    measures: str | Sequence[str],
    *,
    layers: int | Sequence[int] | None = None,
    roles: str | Sequence[str] | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Measured:
    """Return what `measure` does before it is a DataFrame: pandas takes 0.3 s and 70 MB."""
    chosen = measures_named(measures)
    models = distinct(opened(checkpoints))
    wanted, layers = roles_named(roles), layers_named(layers)
    settings = settings_of(chosen, options)
    device, device_note = device_for(device, executor)
    plan = _plan(models, chosen, wanted, layers)
    _check_present(models, plan, wanted, layers)

    found = _found(_jobs(plan, settings, device), executor, workers, progress)
    entries = []
    for part in plan:
        for weight in part.weights:
            of_weight = found[id(part.checkpoint), id(weight), part.measure.name]
            entries += [entry_of(part.checkpoint, weight.role, v, weight) for v in of_weight]
        for role, reason in part.absent.items():
            entries.append(entry_of(part.checkpoint, role, part.measure.skipped(reason), None))
    facts = provenance(entries, models, chosen, settings | {"device": device})
    facts["remarks"] = [*([device_note] if device_note else []), *remarks_on(models)]
    return Measured(entries, facts)


def expected_seconds(
    checkpoint: WeightSet,
    measures: Sequence[str],
    *,
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    **options: Any,
) -> float:
    """Return about how long `measure` takes of one checkpoint, on one core: to tell what is sooner.

    Parameters
    ----------
    checkpoint, measures, layers, roles, options
        As in `measure`.

    Raises
    ------
    WrongOption
        As `measure`.
    """
    chosen = measures_named(measures)
    plan = _plan([checkpoint], chosen, roles_named(roles), layers_named(layers))
    return sum(job.cost for job in _jobs(plan, settings_of(chosen, options), "cpu")) / 1e9


def _plan(
    models: Sequence[WeightSet],
    chosen: Sequence[Measure],
    wanted: tuple[Role, ...] | None,
    layers: Sequence[int] | None,
) -> list[_Part]:
    return [_part(checkpoint, each, wanted, layers) for checkpoint in models for each in chosen]


def _jobs(plan: Sequence[_Part], settings: Mapping[str, Any], device: str) -> list[Job]:
    """Return a job for each weight, with all that is asked of it."""
    asked: dict[tuple[int, int], tuple[_Part, Weight, list[Taking]]] = {}
    for part in plan:
        taking = Taking(measure=part.measure, options=_of_checkpoint(settings, part))
        for weight in part.weights:
            place = id(part.checkpoint), id(weight)
            asked.setdefault(place, (part, weight, []))[2].append(taking)
    return [
        Job(checkpoint=part.checkpoint, weight=weight, takings=tuple(takings), device=device)
        for part, weight, takings in asked.values()
    ]


def _found(
    jobs: Sequence[Job], executor: Executor | None, workers: int | None, progress: Progress | None
) -> dict[tuple[int, int, str], list[Values]]:
    """Return what the jobs found, by checkpoint, weight and measure; tell how far they are."""
    results = iter(results_of(jobs, executor, workers))
    found: dict[tuple[int, int, str], list[Values]] = {}
    total, done = sum(job.cost for job in jobs), 0.0
    for job in jobs:
        with _heard(progress, done, job.cost, total):
            of_job = next(results)
        for taking, of_measure in zip(job.takings, of_job, strict=True):
            found[id(job.checkpoint), id(job.weight), taking.measure.name] = of_measure
        done += job.cost
        if progress is not None:
            progress(done, total)
    return found


@contextmanager
def _heard(progress: Progress | None, done: float, here: float, total: float) -> Iterator[None]:
    """Hear how far the measures of the next weight are, which cost `here`."""
    if progress is None:
        yield
        return
    with heard_by(lambda share: progress(done + here * share, total)):
        yield


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What one measure reads of one checkpoint, and what it looked for in vain."""

    checkpoint: WeightSet
    measure: Measure
    weights: tuple[Weight, ...]
    absent: Mapping[Role, str]


def _part(
    checkpoint: WeightSet,
    each: Measure,
    wanted: tuple[Role, ...] | None,
    layers: Sequence[int] | None,
) -> _Part:
    roles = each.reads if wanted is None else tuple(r for r in each.roles if r in wanted)
    here = None if layers is None else tuple(n for n in layers if n < checkpoint.shape.n_layers)
    weights = checkpoint.select(roles, here)
    absent = {role: why for role, why in checkpoint.absent.items() if role in roles}
    if wanted is None and checkpoint.select(roles):
        # Without a gate there is no W_nu: a fact of the model. A tied E_output is a number
        # that somebody may look for.
        absent = {role: why for role, why in absent.items() if why == TIED}
    return _Part(checkpoint=checkpoint, measure=each, weights=weights, absent=absent)


def _check_present(
    models: list[WeightSet],
    plan: list[_Part],
    wanted: tuple[Role, ...] | None,
    layers: Sequence[int] | None,
) -> None:
    """Refuse a layer or a role that no checkpoint has, and a choice of nothing."""
    for name, chosen in (("layers", layers), ("roles", wanted)):
        if chosen is not None and not chosen:
            raise WrongOption(f"no {name} are named", next_step="leave the choice out, or make it")
    deepest = max(checkpoint.shape.n_layers for checkpoint in models)
    for layer in layers or ():
        if not 0 <= layer < deepest:
            raise MissingRole(
                f"no layer {layer}",
                where=", ".join(checkpoint.label for checkpoint in models),
                next_step=f"layers are 0 to {deepest - 1}"
                if deepest
                else "without a layout nothing says which layer a tensor is of: leave it out",
            )
    for role in wanted or ():
        reads = [part for part in plan if role in part.measure.roles]
        if not reads:
            names = sorted({part.measure.command for part in plan})
            covered = dict.fromkeys(r for part in plan for r in part.measure.roles)
            raise WrongOption(
                f"{', '.join(names)} does not measure {role}",
                next_step=f"it measures {', '.join(covered)}",
            )
        if not any(role in part.checkpoint.roles for part in reads):
            first = reads[0].checkpoint
            raise MissingRole(
                f"no {role}: {first.absent.get(role, 'none here')}",
                where=first.label,
                next_step=f"it has {', '.join(first.roles)}",
            )
    roles = {role for part in plan for role in part.measure.roles if role in (wanted or Role)}
    there = [weight for checkpoint in models for weight in checkpoint if weight.role in roles]
    if layers and there and all(weight.layer is None for weight in there):
        raise WrongOption(
            f"{', '.join(dict.fromkeys(str(w.role) for w in there))}: not in any layer",
            next_step="leave the layers out",
        )


def _of_checkpoint(settings: Mapping[str, Any], part: _Part) -> dict[str, Any]:
    """Return the settings with ids for texts of tokens, as this checkpoint numbers them."""
    texts = [setting.name for setting in part.measure.options if setting.of_tokens]
    ids = {name: in_ids(settings[name], part.checkpoint) for name in texts}
    return {**settings, **ids}
