"""A summarised table with every quantity of docs/table.md, made from a seed and no checkpoint."""

from functools import lru_cache
from zlib import crc32

import numpy as np
import pandas as pd
from models import series_of

from ngpt_inspect.vocabulary import COLUMNS, Role

N_LAYERS, N_HEADS, D_MODEL, VOCAB = 6, 4, 32, 64
ATTENTION = (Role.W_Q, Role.W_K, Role.W_V, Role.W_O)
MATRICES = (*ATTENTION, Role.W_U, Role.W_NU, Role.W_O_MLP)
LEVELS = {"min": 0, "low": 0.25, "median": 0.5, "high": 0.75, "max": 1}
STRIDE = 25
PER_MILLE = np.arange(0, 1001, STRIDE)
"""Fewer points than real curves have (1001): the tables are drawn a few hundred times."""


class Rows:
    """Collects the rows of one checkpoint, column by column."""

    def __init__(self, label, family, step):
        self.label, self.family, self.step = label, family, step
        self.frames = []

    def add(self, role, measure, value, *, layer=None, head=None, index=None, partner=None):
        """Append one value, or a column of them counted by `index` or `head`: ``median norm``."""
        value = np.atleast_1d(np.asarray(value, dtype=float))
        *statistic, measure = measure.split()
        name = {"role": str(role), "measure": measure, "statistic": (*statistic, None)[0]}
        place = {"layer": layer, "head": head, "index": index, "partner": partner}
        self.frames.append({**name, "value": value, **place})

    def values(self, role, measure):
        """Return what was added of one quantity of a role, in all layers."""
        *statistic, measure = measure.split()
        wanted = (str(role), measure, (*statistic, None)[0])
        names = ("role", "measure", "statistic")
        mine = [e for e in self.frames if tuple(e[name] for name in names) == wanted]
        return np.concatenate([entry["value"] for entry in mine])

    def table(self):
        """Return what was added, columns as docs/table.md orders them."""
        sizes = [len(entry["value"]) for entry in self.frames]
        columns = {name: self._column(name, sizes) for name in COLUMNS if name in self.frames[0]}
        columns |= {"checkpoint": self.label, "step": self.step, "expert": None, "tensor": None}
        ngpt = self.family == "nGPT"
        columns |= {"architecture": "reference_ngpt" if ngpt else "reference_gpt"}
        columns |= {"status": "ok", "reason": ""}
        table = pd.DataFrame(columns)[list(COLUMNS)]
        return table.astype({"step": "Int64", "expert": "Int64"})

    def _column(self, name, sizes):
        entries = [entry[name] for entry in self.frames]
        if name in ("role", "measure", "statistic"):
            return np.repeat(np.array(entries, dtype=object), sizes)
        if name == "value":
            return np.concatenate(entries)
        pairs = list(zip(entries, sizes, strict=True))
        values = [np.broadcast_to(0 if entry is None else entry, size) for entry, size in pairs]
        null = np.repeat([entry is None for entry in entries], sizes)
        return pd.arrays.IntegerArray(np.concatenate(values).astype("int64"), null)

    def add_column(self, role, measure, values, layer=None, *, density=False, raw=True):
        """Append a column of values, its mean, magnitude, spread, rank curve and density."""
        if raw:
            self.add(role, measure, values, layer=layer, index=np.arange(len(values)))
        self.add(role, f"mean {measure}", values.mean(), layer=layer)
        self.add(role, f"std {measure}", values.std(), layer=layer)
        for suffix, level in {"low": 0.25, "high": 0.75}.items():
            size = np.quantile(np.abs(values), level)
            self.add(role, f"abs_{suffix} {measure}", size, layer=layer)
        self.add(role, f"abs_mean {measure}", np.abs(values).mean(), layer=layer)
        self.add_quantiles(role, measure, values, layer)
        if density:
            self.add_density(role, measure, values, layer)

    def add_density(self, role, measure, values, layer=None):
        """Append a Gaussian kernel density of these values."""
        at = np.linspace(values.min() - 0.1, values.max() + 0.1, 200)
        width = values.std() * len(values) ** -0.2 + 1e-3
        curve = np.exp(-(((at[:, None] - values) / width) ** 2) / 2).mean(axis=1)
        curve /= width * np.sqrt(2 * np.pi)
        self.add(role, f"density_at {measure}", at, layer=layer, index=np.arange(200))
        self.add(role, f"density {measure}", curve, layer=layer, index=np.arange(200))

    def add_bins(self, role, measure, values, *, log=False):
        """Append the histogram of these values: ten equal bins, or bins of equal ratio."""
        edges = (np.geomspace if log else np.linspace)(values.min(), values.max(), 11)
        count, edges = np.histogram(values, edges) if np.ptp(values) else ([len(values)], edges[:2])
        index = np.arange(len(count))
        self.add(role, f"bin_left {measure}", edges[:-1], index=index)
        self.add(role, f"bin_count {measure}", count, index=index)
        if log:
            self.add(role, f"bin_zero {measure}", 2)

    def add_pool(self, role, measure, values):
        """Append the summaries over all layers."""
        self.add(role, f"mean {measure}", values.mean())
        self.add(role, f"std {measure}", values.std())
        self.add(role, f"abs_mean {measure}", np.abs(values).mean())
        self.add_bins(role, measure, values)
        self.add_density(role, measure, values)

    def add_spectra(self, role, random, heads, layer):
        """Append the singular values of each head and of the whole."""
        for head in [*range(heads), None] if heads > 1 else [None]:
            sigma = np.sort(random.uniform(0.3, 2, D_MODEL if head is None else D_MODEL // heads))
            place = {"layer": layer, "head": head}
            self.add(role, "singular_value", sigma[::-1], index=np.arange(len(sigma)), **place)

    def add_pooled_levels(self, role, measure, values):
        """Append the five summaries over the heads of all layers."""
        for suffix, level in LEVELS.items():
            self.add(role, f"{suffix} {measure}", np.quantile(values, level))

    def add_quantiles(self, role, measure, values, layer=None):
        """Append the rank curve of these values."""
        curve = np.quantile(values, PER_MILLE / 1000)
        self.add(role, f"quantile {measure}", curve, layer=layer, index=PER_MILLE)

    def add_heads(self, role, measure, values, layer):
        """Append one value a head and the five summaries over heads."""
        if len(values) > 1:
            self.add(role, measure, values, layer=layer, head=np.arange(len(values)))
            self.add(role, measure, 40 * values.max(), layer=layer)
        else:
            self.add(role, measure, values, layer=layer)
        for suffix, level in LEVELS.items():
            value = np.quantile(values, level, method="linear")
            self.add(role, f"{suffix} {measure}", value, layer=layer)


def add_embeddings(rows, random):
    """Append Figure 4's quantities: GPT norms vary, nGPT's are one."""
    ngpt = rows.family == "nGPT"
    for role in (Role.E_INPUT, Role.E_OUTPUT):
        norms = np.ones(VOCAB) if ngpt else random.lognormal(0.1, 0.3, VOCAB)
        rows.add_column(role, "embedding_norm", norms)
        rows.add_bins(role, "embedding_norm", norms)
        spectrum = np.sort(random.lognormal(0, 0.2 if ngpt else 0.8, D_MODEL))[::-1]
        rank = np.arange(D_MODEL)
        rows.add(role, "covariance_eigenvalue", spectrum, index=rank)
        over = spectrum / np.median(spectrum)
        rows.add(role, "covariance_eigenvalue_over_median", over, index=rank)
        rows.add_quantiles(role, "covariance_eigenvalue_over_median", over)
        rows.add_bins(role, "covariance_eigenvalue_over_median", over, log=True)
        scalars = {"mean_norm": norms.mean(), "anisotropy": 0.04, "isotropy": 0.7, "isoscore": 0.6}
        scalars |= {"near_duplicate_share": 0.1, "low_norm_tokens": 3}
        for name, value in scalars.items():
            rows.add(role, name, value)
        for kind, spread in (("dot", 0.1 if ngpt else 0.4), ("cosine", 0.1 if ngpt else 0.2)):
            dots = np.sort(random.normal(0.02, spread, VOCAB * (VOCAB - 1) // 2))
            rows.add_quantiles(role, kind, dots)
            count, edge = np.histogram(dots, bins=50)
            rows.add(role, f"bin_left {kind}", edge[:-1], index=np.arange(50))
            rows.add(role, f"bin_count {kind}", count, index=np.arange(50))
            rows.add(role, f"mean {kind}", dots.mean())
            rows.add(role, f"std {kind}", dots.std())
            rows.add(role, f"{kind}_largest", dots[-1], index=3, partner=5)
            rows.add(role, f"{kind}_smallest", dots[0], index=2, partner=9)
        add_tokens(rows, role, norms, random)


def add_tokens(rows, role, norms, random):
    """Append what is measured of single tokens."""
    nearest = random.uniform(0.2, 0.99, VOCAB)
    token = np.arange(VOCAB)
    rows.add(role, "nearest_cosine", nearest, index=token, partner=(token + 1) % VOCAB)
    rows.add_quantiles(role, "nearest_cosine", nearest)
    rows.add_quantiles(role, "norm_z", np.log(norms / np.median(norms)) / 0.3)
    rows.add_quantiles(role, "mean_cosine", random.uniform(-0.2, 0.6, VOCAB))
    neighbours = np.sort(nearest)[:-11:-1]
    for name in ("neighbour_cosine", "neighbour_dot"):
        rows.add(role, name, neighbours, index=0, partner=np.arange(1, 11))


def add_matrices(rows, random):
    """Append what is measured of the seven matrices of each layer."""
    ngpt = rows.family == "nGPT"
    for layer in range(N_LAYERS):
        for role in MATRICES:
            heads = N_HEADS if role in ATTENTION else 1
            kappa = random.lognormal(1.0 if ngpt else 4.0, 0.3, heads)
            rows.add_heads(role, "condition_number", kappa, layer)
            rows.add_heads(
                role, "normalized_condition_number", kappa ** (1 if ngpt else 0.5), layer
            )
            if heads > 1:
                rows.add(role, "pooled_condition_number", 1.5 * kappa.max(), layer=layer)
            for rank in ("stable_rank", "effective_rank"):
                rows.add_heads(role, rank, random.uniform(2, 8, heads), layer)
            sigma = random.uniform(0.3 if ngpt else 0.01, 2, D_MODEL)
            rows.add_quantiles(role, "singular_value", sigma, layer)
            rows.add_spectra(role, random, heads, layer)
            for axis, measure in (("rows", "row"), ("columns", "column")):
                unit = ngpt and role.facts.unit_axis == axis
                norms = np.ones(D_MODEL) if unit else random.lognormal(0, 0.2, D_MODEL)
                rows.add_column(role, f"{measure}_norm", norms, layer, raw=False)
            add_unit_norm(rows, role, random, layer)
    for role in (Role.E_INPUT, Role.E_OUTPUT):
        add_unit_norm(rows, role, random)
    add_matrix_pools(rows)


def add_matrix_pools(rows):
    """Append the summaries over layers of what is measured of the matrices."""
    kappas = ("condition_number", "normalized_condition_number")
    for role in MATRICES:
        for measure in (*kappas, "stable_rank", "effective_rank", "unit_deviation"):
            rows.add_pooled_levels(role, measure, rows.values(role, measure))
        for norm in ("row_norm", "column_norm"):
            for suffix in ("mean", "std"):
                value = rows.values(role, f"{suffix} {norm}").mean()
                rows.add(role, f"{suffix} {norm}", value)


def add_unit_norm(rows, role, random, layer=None):
    """Append the distance of the norms from one and the tolerance of the stored dtype."""
    for axis, measure in (("rows", "row_deviation"), ("columns", "column_deviation")):
        unit = rows.family == "nGPT" and role.facts.unit_axis == axis
        value = random.uniform(0.5, 1.5) * (1e-7 if unit else 0.3)
        rows.add(role, measure, value, layer=layer)
        if role.facts.unit_axis == axis:
            rows.add(role, "unit_deviation", value, layer=layer)
    rows.add(role, "tolerance", 1e-5, layer=layer)
    rows.add(role, "unit_norm", float(rows.family == "nGPT"), layer=layer)


def add_vectors(rows, random):
    """Append the learned vectors: alphas and scales of nGPT, gains of GPT."""
    learned = {"eigen_learning_rate": (Role.ALPHA_A, Role.ALPHA_M)} if rows.family == "nGPT" else {}
    learned["scaling_factor"] = (
        (Role.S_QK, Role.S_U, Role.S_NU) if rows.family == "nGPT" else (Role.GAIN_A, Role.GAIN_M)
    )
    for measure, roles in learned.items():
        for role in roles:
            centre, spread = (0.25, 0.05) if measure == "eigen_learning_rate" else (1.2, 0.1)
            drawn = np.abs(random.normal(centre, spread, (N_LAYERS, D_MODEL)))
            for layer, values in enumerate(drawn):
                rows.add_column(role, measure, values, layer, density=True)
            rows.add_pool(role, measure, drawn.ravel())
    last = Role.S_Z if rows.family == "nGPT" else Role.GAIN_FINAL
    values = random.normal(60, 8, VOCAB) if last is Role.S_Z else random.normal(1, 0.1, D_MODEL)
    rows.add_column(last, "scaling_factor", values, density=True)
    rows.add_bins(last, "scaling_factor", values)


def make(models=(("gpt", "GPT", 200), ("ngpt", "nGPT", 200))):
    """Return the summarised table of these (label, family, step) models: yours to change."""
    return _make(tuple(models)).copy()


@lru_cache(maxsize=8)
def _make(models):
    parts, checkpoints = [], []
    for label, family, step in models:
        random = np.random.default_rng(crc32(f"{label}{step}".encode()))
        rows = Rows(label, family, step)
        add_embeddings(rows, random)
        add_matrices(rows, random)
        add_vectors(rows, random)
        parts.append(rows.table())
        shape = {"n_layers": N_LAYERS}
        told = {"label": label, "step": step, "tokens": step and 2048 * step, "family": family}
        checkpoints.append(told | {"shape": shape})
    table = pd.concat(parts, ignore_index=True)
    table.attrs = {"tool": "ngpt-inspect", "settings": {}, "checkpoints": checkpoints}
    return table


def without(table, *roles):
    """Return a table whose checkpoints have not these roles."""
    return table[~table["role"].isin([str(role) for role in roles])]


def broken():
    """Return a table with a lost rank, an unresolved value and a tensor that holds NaN."""
    table = make()
    gpt = (table["checkpoint"] == "gpt") & (table["role"] == "W_q")

    def at(layer, *measures):
        return gpt & (table["layer"] == layer) & series_of(table).isin(measures)

    lost = at(2, "median condition_number", "high condition_number")
    table.loc[lost, ["value", "status", "reason"]] = [np.inf, "ok", "3 of 4 rank_deficient"]
    coarse = at(4, "median condition_number")
    table.loc[coarse, ["status", "reason"]] = ["below_resolution", "BF16 moves sigma_min"]
    zero = at(1, "quantile singular_value") & (table["index"] < 250)
    table.loc[zero, "value"] = 0.0
    table = table[~(gpt & (table["layer"] == 3))]
    skips = pd.DataFrame(
        [
            ["gpt", 200, "reference_gpt", 3, "W_q", measure, np.nan, "skipped", "q.3: 5 NaN"]
            for measure in ("condition_number", "effective_rank", "row_norm", "unit_deviation")
        ],
        columns=[
            *("checkpoint", "step", "architecture", "layer", "role"),
            *("measure", "value", "status", "reason"),
        ],
    )
    joined = pd.concat([table, skips.astype(table.dtypes[skips.columns].to_dict())])
    joined.attrs = table.attrs
    return joined.reset_index(drop=True)[list(COLUMNS)]


FIVE = (
    ("gpt", "GPT", 200),
    ("ngpt", "nGPT", 200),
    ("ngpt-slerp", "nGPT", 200),
    ("gpt-long", "GPT", 400),
    ("ngpt-long", "nGPT", 400),
)
STEPS = (("gpt", "GPT", 200), *(("ngpt", "nGPT", step) for step in (100, 200, 300)))

STATES = {
    "one": lambda: make((("ngpt", "nGPT", 200),)),
    "two": make,
    "five": lambda: make(FIVE),
    "steps": lambda: make(STEPS),
    "gpt_only": lambda: make((("gpt", "GPT", None),)),
    "no_gate": lambda: without(make(), Role.W_NU, Role.E_OUTPUT),
    "broken": broken,
    "nothing": lambda: make().iloc[:0],
}
"""The states every figure must cope with, each as a function that makes its table."""
