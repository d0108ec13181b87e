"""The words everything else is written in: roles, their facts, and the columns of the table.

Roles are spelled as in arXiv 2410.01131. Matrices are described in the layout of
`torch.nn.Linear`, (out, in): a row of W_q reads from the hidden state, a column of W_o
writes to it.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple


class Kind(StrEnum):
    """What sort of thing a role is, hence which measures make sense on it."""

    EMBEDDING = "embedding"
    MATRIX = "matrix"
    EIGEN_LEARNING_RATE = "eigen learning rate"
    SCALING = "scaling factor"
    GAIN = "norm gain"
    POSITION = "position embedding"
    OTHER = "other parameter"


class MatrixAxis(StrEnum):
    """An axis of a matrix in (out, in) layout, named by the vectors it holds."""

    ROWS = "rows"
    COLUMNS = "columns"


@dataclass(frozen=True, kw_only=True)
class RoleFacts:
    """What is known of a role before any file is opened."""

    kind: Kind
    symbol: str
    """For labels: Unicode and the HTML subscripts plotly understands."""
    shape: str
    """Shape letters in (out, in) layout."""
    meaning: str
    unit_axis: MatrixAxis | None = None
    """The vectors nGPT keeps at unit norm: those of length d_model (section 2.6, step 2)."""
    head_axis: MatrixAxis | None = None
    """The axis that splits into one block a head."""


class Role(StrEnum):
    """A weight's part in the model; the value is how tables and options spell it."""

    E_INPUT = "E_input"
    E_OUTPUT = "E_output"
    W_Q = "W_q"
    W_K = "W_k"
    W_V = "W_v"
    W_O = "W_o"
    W_U = "W_u"
    W_NU = "W_nu"
    W_O_MLP = "W_oMLP"
    W_ROUTER = "W_router"
    W_GATE_A = "W_gateA"
    W_Q_A = "W_q_a"
    W_Q_B = "W_q_b"
    W_KV_A = "W_kv_a"
    W_KV_B = "W_kv_b"
    M_IN = "M_in"
    M_INNER = "M_inner"
    M_OUT = "M_out"
    X_IN = "X_in"
    X_INNER = "X_inner"
    X_OUT = "X_out"
    ALPHA_A = "alpha_A"
    ALPHA_M = "alpha_M"
    S_QK = "s_qk"
    S_Q = "s_q"
    S_K = "s_k"
    S_U = "s_u"
    S_NU = "s_nu"
    S_Z = "s_z"
    E_POSITION = "E_position"
    GAIN_A = "gain_A"
    GAIN_M = "gain_M"
    GAIN_FINAL = "gain_final"
    GAIN_POST_A = "gain_postA"
    GAIN_POST_M = "gain_postM"
    GAIN_Q = "gain_q"
    GAIN_K = "gain_k"
    GAIN_Q_A = "gain_q_a"
    GAIN_KV_A = "gain_kv_a"
    SINK = "sink"
    DECAY = "decay"

    @property
    def facts(self) -> RoleFacts:
        """Kind, symbol, shape letters and axes of this role."""
        return FACTS[self]


def _role(
    kind: Kind,
    symbol: str,
    shape: str,
    meaning: str,
    head_axis: MatrixAxis | None = None,
    unit_axis: MatrixAxis | None = None,
) -> RoleFacts:
    return RoleFacts(
        kind=kind,
        symbol=symbol,
        shape=shape,
        unit_axis=unit_axis,
        head_axis=head_axis,
        meaning=meaning,
    )


_embedding = partial(_role, Kind.EMBEDDING, unit_axis=MatrixAxis.ROWS)
_reader = partial(_role, Kind.MATRIX, unit_axis=MatrixAxis.ROWS)
"""A matrix that reads from the hidden state: unit rows."""
_writer = partial(_role, Kind.MATRIX, unit_axis=MatrixAxis.COLUMNS)
"""One that writes to it: unit columns."""
_inner = partial(_role, Kind.MATRIX)
"""One between two spaces neither of which is that of the hidden state."""
_rate = partial(_role, Kind.EIGEN_LEARNING_RATE)
_scale = partial(_role, Kind.SCALING)
_gain = partial(_role, Kind.GAIN)

_TOKENS = "vocab_size, d_model"
_QUERY_HEADS = "n_heads*d_k, d_model"
_KV_HEADS = "n_kv_heads*d_k, d_model"

FACTS: dict[Role, RoleFacts] = {
    Role.E_INPUT: _embedding("E<sub>input</sub>", _TOKENS, "input embeddings, one row a token"),
    Role.E_OUTPUT: _embedding(
        "E<sub>output</sub>", _TOKENS, "output embeddings, one row a token (eq. 1)"
    ),
    Role.W_Q: _reader("W<sub>q</sub>", _QUERY_HEADS, "queries (eq. 12)", MatrixAxis.ROWS),
    Role.W_K: _reader("W<sub>k</sub>", _KV_HEADS, "keys (eq. 12)", MatrixAxis.ROWS),
    Role.W_V: _reader("W<sub>v</sub>", _KV_HEADS, "values (eq. 12)", MatrixAxis.ROWS),
    Role.W_O: _writer(
        "W<sub>o</sub>", "d_model, n_heads*d_k", "attention output (eq. 14)", MatrixAxis.COLUMNS
    ),
    Role.W_U: _reader("W<sub>u</sub>", "d_mlp, d_model", "MLP up projection (eq. 17)"),
    Role.W_NU: _reader("W<sub>ν</sub>", "d_mlp, d_model", "MLP gate, under SiLU (eq. 17)"),
    Role.W_O_MLP: _writer("W<sub>oMLP</sub>", "d_model, d_mlp", "MLP output (eq. 19)"),
    Role.W_ROUTER: _reader("W<sub>router</sub>", "n_experts, d_model", "router of a mixture"),
    Role.W_GATE_A: _reader("W<sub>gateA</sub>", "d_gate, d_model", "gate of the attention output"),
    Role.W_Q_A: _reader("W<sub>q,a</sub>", "d_q, d_model", "latent of the queries (MLA)"),
    Role.W_Q_B: _inner("W<sub>q,b</sub>", "n_heads*d_k, d_q", "queries of it", MatrixAxis.ROWS),
    Role.W_KV_A: _reader(
        "W<sub>kv,a</sub>", "d_kv, d_model", "latent of keys and values, and rotated keys (MLA)"
    ),
    Role.W_KV_B: _inner(
        "W<sub>kv,b</sub>", "n_heads*(d_k + d_v), d_kv", "keys and values of it", MatrixAxis.ROWS
    ),
    Role.M_IN: _reader(
        "M<sub>in</sub>", "any, d_model", "into an SSM, linear attention or convolution"
    ),
    Role.M_INNER: _inner("M<sub>inner</sub>", "any, any", "inside one of these mixers"),
    Role.M_OUT: _writer("M<sub>out</sub>", "d_model, any", "out of one of these mixers"),
    Role.X_IN: _reader(
        "X<sub>in</sub>",
        "any, d_model",
        "into a side path: cross attention, an index of tokens, a low rank beside a block",
    ),
    Role.X_INNER: _inner("X<sub>inner</sub>", "any, any", "inside a side path"),
    Role.X_OUT: _writer("X<sub>out</sub>", "d_model, any", "out of a side path"),
    Role.ALPHA_A: _rate("α<sub>A</sub>", "d_model", "step of the attention block (eq. 10)"),
    Role.ALPHA_M: _rate("α<sub>M</sub>", "d_model", "step of the MLP block (eq. 11)"),
    Role.S_QK: _scale(
        "s<sub>qk</sub>", "n_heads, d_k", "scale of unit queries and keys (eq. 15-16)"
    ),
    Role.S_Q: _scale(
        "s<sub>q</sub>",
        "n_heads, d_k",
        "scale of unit queries alone, where keys have another or none",
    ),
    Role.S_K: _scale("s<sub>k</sub>", "n_kv_heads, d_k", "scale of unit keys alone"),
    Role.S_U: _scale("s<sub>u</sub>", "d_mlp", "scale of u (eq. 20)"),
    Role.S_NU: _scale("s<sub>ν</sub>", "d_mlp", "scale of the gate, before its sqrt(d) (eq. 21)"),
    Role.S_Z: _scale("s<sub>z</sub>", "vocab_size", "scale of the logits (eq. 3)"),
    Role.E_POSITION: _role(
        Kind.POSITION, "E<sub>pos</sub>", "context, d_model", "learned position embeddings"
    ),
    Role.GAIN_A: _gain("g<sub>A</sub>", "d_model", "norm gain before attention"),
    Role.GAIN_M: _gain("g<sub>M</sub>", "d_model", "norm gain before the MLP"),
    Role.GAIN_FINAL: _gain("g<sub>final</sub>", "d_model", "gain of the final norm"),
    Role.GAIN_POST_A: _gain("g<sub>postA</sub>", "d_model", "norm gain after attention"),
    Role.GAIN_POST_M: _gain("g<sub>postM</sub>", "d_model", "norm gain after the MLP"),
    Role.GAIN_Q: _gain("g<sub>q</sub>", "d_k", "norm gain of queries"),
    Role.GAIN_K: _gain("g<sub>k</sub>", "d_k", "norm gain of keys"),
    Role.GAIN_Q_A: _gain("g<sub>q,a</sub>", "d_q", "gain of the queries' latent"),
    Role.GAIN_KV_A: _gain("g<sub>kv,a</sub>", "d_kv", "gain of the latent of keys and values"),
    Role.SINK: _role(Kind.OTHER, "sink", "n_heads", "a logit of each head for no token"),
    Role.DECAY: _role(Kind.OTHER, "decay", "any", "how fast a mixer forgets"),
}


NAMED_ONLY = RoleFacts(kind=Kind.MATRIX, symbol="", shape="out, in", meaning="no role is known")
"""What is known of a matrix that has a name and no role: it is measured whole."""

SEVERAL = (
    *(Role.W_ROUTER, Role.M_IN, Role.M_INNER, Role.M_OUT),
    *(Role.X_IN, Role.X_INNER, Role.X_OUT, Role.DECAY),
)
"""Roles that several tensors of one layer may have; their names tell them apart."""

QK_SCALES = (Role.S_QK, Role.S_Q, Role.S_K)
"""Ways to scale queries and keys: both by one vector, or apart. A model has one way."""


def roles_of(*kinds: Kind) -> tuple[Role, ...]:
    """Return the roles of these kinds, in the paper's order."""
    return tuple(role for role in Role if role.facts.kind in kinds)


ATTENTION = (Role.W_Q, Role.W_K, Role.W_V, Role.W_O)
MLP = (Role.W_U, Role.W_NU, Role.W_O_MLP)
EMBEDDINGS = roles_of(Kind.EMBEDDING)
RATES = roles_of(Kind.EIGEN_LEARNING_RATE)

OUTSIDE_LAYERS = (Role.E_INPUT, Role.E_OUTPUT, Role.S_Z, Role.E_POSITION, Role.GAIN_FINAL)
"""Roles that a model has once, not once a layer."""


class Status(StrEnum):
    """How far a value can be trusted."""

    OK = "ok"
    RANK_DEFICIENT = "rank_deficient"
    """The smallest singular value is zero to float64 rounding; kappa is inf."""
    BELOW_RESOLUTION = "below_resolution"
    """Rounding to the stored dtype may have moved sigma_min by more than a third, so that kappa
    may be off by a factor of 1.5; or float64 gives it to no more than 1 %. `reason` gives
    the bound."""
    SAMPLED = "sampled"
    """Estimated from a random sample; `reason` gives the standard error."""
    SKIPPED = "skipped"
    """Not measured; `reason` says why."""


TIED = "tied to E_input"
"""The reason given for an output embedding that is the input embedding: it is measured there."""

COLUMNS = (
    "checkpoint",
    "step",
    "architecture",
    "layer",
    "role",
    "expert",
    "head",
    "tensor",
    "index",
    "partner",
    "measure",
    "statistic",
    "value",
    "status",
    "reason",
)
"""Columns of every table. `expert` numbers the experts of a mixture, `partner` is the second
token of a pair; both are null almost everywhere. `tensor` is the name in the file; a matrix that
no layout gives a role has nothing else: its `role` is null. `statistic`
is null for a single value; else it says what the value is over all that the row leaves null."""


class Series(NamedTuple):
    """Rows of one quantity: its single values, or one statistic of them."""

    measure: str
    statistic: str | None = None

    def __str__(self) -> str:
        """Name it for a person: ``condition_number``, ``mean dot``."""
        return " ".join(filter(None, (self.statistic, self.measure)))
