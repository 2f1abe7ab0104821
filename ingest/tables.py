"""The raw contract: every table that the ingest writes into schema `raw`.

Raw tables hold facts (sums, weights, selections by rank), never a threshold or a label: those are SQL in `models/`.
Every row belongs to a run. Sums are additive over `part`; NULL stands for "was not measured" or "does not exist".
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.names import GROUPS

SCHEMA = "raw"
TOP_PARTNERS = 50
STRATA = ("text", "newline", "bos")


@dataclass(frozen=True)
class Column:
    """A column: its name, its DuckDB type, what it means."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A raw table; `key` names the columns that identify a row (no index is made for it)."""

    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def ddl(self) -> list[str]:
        """Statements that create the table and its comments where they are missing."""
        name = f"{SCHEMA}.{self.name}"
        body = ", ".join(f"{c.name} {c.type}" for c in self.columns)
        return [
            f"create table if not exists {name} ({body})",
            f"comment on table {name} is {_quoted(self.comment)}",
            *(f"comment on column {name}.{c.name} is {_quoted(c.comment)}" for c in self.columns),
        ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_RUN = Column("run", "varchar not null", "fingerprint of the run's plan")
_MODEL = Column("model", "varchar not null", "name of the model in the study")
_LAYER = Column("layer", "usmallint not null", "block of the model, from 0")
_NEURON = Column("neuron", "uinteger not null", "entry of the MLP's hidden vector, from 0")
_OTHER = Column("other_model", "varchar not null", "the partner model")
_OTHER_LAYER = Column("other_layer", "usmallint not null", "layer of the partner model")
_SITE = Column(
    "site", "varchar not null", "mlp: MLP hidden layer; resid: residual stream; head_z: attention heads' output"
)
_UNIT = Column("neuron", "uinteger not null", "entry of the site's vector in that layer, from 0")
_UNIT_KEY = (_RUN, _SITE, _MODEL, _LAYER, _UNIT)
_NEURON_KEY = (_RUN, _MODEL, _LAYER, _NEURON)


def _power_sums(prefix: str, of: str) -> tuple[Column, ...]:
    powers = tuple(Column(f"{prefix}_sum_{k}", "double not null", f"sum of ({of} - shift)^{k}") for k in (1, 2, 3, 4))
    return (
        Column(
            f"{prefix}_shift", "double not null", f"shift of the power sums of the {of}, its mean on the pilot rows"
        ),
        *powers,
        Column(f"{prefix}_min", "double not null", f"smallest {of}"),
        Column(f"{prefix}_max", "double not null", f"largest {of}"),
    )


RUNS = Table(
    "runs",
    "One row per run: what was computed, on which tokens, how, and whether it is finished.",
    ("run",),
    (
        _RUN,
        Column("parent", "varchar", "run that this one extends"),
        Column("study", "varchar not null", "name of the study"),
        Column("kind", "varchar not null", "ingest: measured here"),
        Column("status", "varchar not null", "running or finished"),
        Column("plan", "json not null", "everything that decides the bits of the result; its hash is the run"),
        Column("device", "varchar not null", "torch device of the forward passes"),
        Column("dtype", "varchar not null", "number format of the forward passes"),
        Column(
            "method", "varchar", "how correlations were computed: exact, refined, sketch; NULL without correlations"
        ),
        Column("method_reason", "varchar", "why that method: the study asked for it, or the cost model's figures"),
        Column("buckets", "uinteger", "buckets of each of the two sketches; NULL for exact"),
        Column("sketch_seed", "bigint", "seed of buckets and signs; NULL for exact"),
        Column("pilot_tokens", "ubigint", "token positions that candidates were chosen on; NULL unless refined"),
        Column("n_candidates", "double", "candidates per neuron and partner model, mean; NULL unless refined"),
        Column("n_passes", "usmallint", "times that the text was read because not all pairs fit in memory at once"),
        Column(
            "peak_memory", "ubigint", "largest memory that the process held, bytes; device memory on an accelerator"
        ),
        Column("n_parts", "uinteger not null", "parts of the run; 0 for a study of weights alone"),
        Column("n_tokens", "ubigint", "token positions of the corpus, all strata"),
        Column("n_positions", "ubigint", "positions of stratum text, which the correlations are over"),
        Column("n_documents", "ubigint", "documents with at least one token in the corpus"),
        Column("parity_error", "double", "largest difference of an activation, plain model against TransformerLens"),
        Column("tokens_fingerprint", "varchar", "hash of the token ids"),
        Column("baseline_draws", "usmallint", "random rotations per layer of a partner model"),
        Column("started_at", "timestamp with time zone not null", "when the run was first started"),
        Column("finished_at", "timestamp with time zone", "when its last row was written"),
        Column("version", "varchar not null", "version of neuron-warehouse"),
        Column("threads", "usmallint not null", "CPU threads of the run"),
    ),
)

PARTS = Table(
    "parts",
    "The ledger: one row per finished part of a run, written in one transaction with the part's sums.",
    ("run", "pass", "part"),
    (
        _RUN,
        Column("pass", "usmallint not null", "number of the pass over the text, from 0"),
        Column("part", "uinteger not null", "number of the part, from 0"),
        Column("doc_group", "usmallint not null", "group of documents that the part's rows are from, 0 to 15"),
        Column("n_rows", "ubigint not null", "rows of the corpus in the part"),
        Column(
            "state_file", "varchar", "file with the pair sums of all parts up to this one, in the run's state folder"
        ),
        Column("state_hash", "varchar", "sha256 of that file"),
        Column("done_at", "timestamp with time zone not null", "when the part was written"),
    ),
)

CORPORA = Table(
    "corpora",
    "One row per run that read text: the token rows and where they come from.",
    ("run",),
    (
        _RUN,
        Column("source", "varchar not null", "the study's [corpus] source"),
        Column("split", "varchar", "split of a hub data set"),
        Column("part", "varchar", "part of the standard library's source"),
        Column("revision", "varchar", "revision of a hub data set"),
        Column("context", "uinteger not null", "tokens per row, BOS included"),
        Column("bos", "varchar not null", "row: every row starts with BOS; none: it does not"),
        Column("sample", "varchar not null", "how rows were chosen: shuffle or head"),
        Column("sample_seed", "bigint", "seed of the shuffle"),
        Column("n_rows", "ubigint not null", "token rows"),
        Column("n_tokens", "ubigint not null", "token positions of all strata"),
        Column("n_text", "ubigint not null", "positions of stratum text"),
        Column("n_newline", "ubigint not null", "positions whose token is exactly one newline"),
        Column("n_bos", "ubigint not null", "positions of BOS, EOS, padding and position 0"),
        Column("n_documents", "ubigint not null", "documents with at least one token in the rows"),
        Column("n_skipped", "ubigint not null", "files or records that could not be read as text"),
        Column("tokenizer_hash", "varchar not null", "hash of the tokenizer"),
        Column("tokens_fingerprint", "varchar not null", "hash of the token ids"),
        Column("python_version", "varchar not null", "interpreter, which decides what python-stdlib holds"),
    ),
)

MODELS = Table(
    "models",
    "One row per run and model: shape, origin and identity of the weights.",
    ("run", "model"),
    (
        _RUN,
        _MODEL,
        Column("model_family", "varchar not null", "models of one architecture and size trained alike"),
        Column("seed", "bigint", "training seed"),
        Column("step", "bigint", "training step of the checkpoint"),
        Column("source", "varchar not null", "hub id or folder, as the study has it"),
        Column("revision", "varchar", "revision on the hub"),
        Column("architecture", "varchar not null", "class of the Hugging Face model"),
        Column("n_layers", "usmallint not null", "blocks with an MLP"),
        Column("d_model", "uinteger not null", "width of the residual stream"),
        Column("d_mlp", "uinteger not null", "neurons per layer"),
        Column("d_vocab", "uinteger not null", "ids that the tokenizer has"),
        Column("activation", "varchar", "activation function of the MLP"),
        Column("is_gated", "boolean not null", "whether the MLP has a gate"),
        Column("norm", "varchar not null", "layer or rms: the norm in front of the MLP"),
        Column("processing", "varchar not null", "what was folded and centred for the weight statistics"),
        Column("weights_hash", "varchar not null", "hash of all parameters"),
        Column("tokenizer_hash", "varchar not null", "hash of the tokenizer"),
        Column("parity_error", "double", "largest difference of an activation, plain model against TransformerLens"),
    ),
)

PAIRS = Table(
    "pairs",
    "One row per run and ordered pair of models whose neurons were correlated.",
    ("run", "model", "other_model"),
    (
        _RUN,
        _MODEL,
        _OTHER,
        Column("relation", "varchar not null", "seed, step, size, self or mixed (seed and step both differ)"),
    ),
)

MOMENTS = Table(
    "moments",
    "One row per run, part, neuron and stratum: sums from which every moment over any strata follows.",
    ("run", "part", "model", "layer", "neuron", "stratum"),
    (
        _RUN,
        Column("part", "uinteger not null", "part of the run"),
        _MODEL,
        _LAYER,
        _NEURON,
        Column("stratum", "varchar not null", "text, newline or bos: kind of token position"),
        Column("n", "ubigint not null", "positions"),
        Column("n_positive", "ubigint not null", "positions with a pre-activation above 0"),
        *_power_sums("pre", "pre-activation"),
        *_power_sums("post", "post-activation"),
    ),
)

WEIGHTS = Table(
    "weights",
    "One row per run and neuron: facts of the processed weights (folded norms, centred writing weights).",
    ("run", "model", "layer", "neuron"),
    (
        *_NEURON_KEY,
        Column("w_in_norm", "double not null", "Euclidean norm of the input weights; of the gate's, if there is one"),
        Column("w_up_norm", "double", "norm of the up projection's weights in a gated MLP"),
        Column("w_out_norm", "double not null", "norm of the output weights"),
        Column("input_bias", "double", "bias of the pre-activation after folding; NULL if the layer has none"),
        Column("in_out_sim", "double", "cosine of input and output weights; NULL if one of them is zero"),
        Column("up_out_sim", "double", "cosine of the up projection's and the output weights in a gated MLP"),
    ),
)

VOCABULARY_SUMS = Table(
    "vocabulary_sums",
    "One row per run, neuron and effect: power sums over the vocabulary of cosines with the (un)embedding.",
    ("run", "model", "layer", "neuron", "effect"),
    (
        *_NEURON_KEY,
        Column("effect", "varchar not null", "out: cos(W_U, w_out); in: cos(W_E, w_in)"),
        Column("n", "ubigint not null", "tokens of the vocabulary"),
        *(Column(f"sum_{k}", "double not null", f"sum of cosine^{k}") for k in (1, 2, 3, 4)),
    ),
)

PARTNERS = Table(
    "partners",
    "The 50 most and the 50 least correlated partners of every unit in every partner model; none for dead units. "
    "Sketched correlations are the means of two sketches, biased outwards by the choice of the extremes.",
    ("run", "site", "model", "layer", "neuron", "other_model", "side", "rank"),
    (
        *_UNIT_KEY,
        _OTHER,
        Column("side", "varchar not null", "top: largest correlations; bottom: smallest"),
        Column("rank", "usmallint not null", "1 is the most extreme"),
        _OTHER_LAYER,
        Column("other_neuron", "uinteger not null", "unit of the partner model"),
        Column("corr", "float not null", "Pearson correlation of the post-activations over stratum text"),
    ),
)

BESTS = Table(
    "bests",
    "Best partner and best anti-partner of every unit in every partner model; none for dead units.",
    ("run", "site", "model", "layer", "neuron", "other_model"),
    (
        *_UNIT_KEY,
        _OTHER,
        _OTHER_LAYER,
        Column("other_neuron", "uinteger not null", "unit of the partner model with the largest correlation"),
        Column(
            "max_corr",
            "float not null",
            "that correlation; from sketches, the mean of the two sketches' values of either one's winner",
        ),
        Column("min_layer", "usmallint not null", "layer of the unit with the smallest correlation"),
        Column("min_neuron", "uinteger not null", "unit of the partner model with the smallest correlation"),
        Column("min_corr", "float not null", "that correlation"),
        Column(
            "influence",
            f"float[{GROUPS}]",
            "what each group of documents adds to the jackknife variance of Fisher's z of max_corr, as signed roots: "
            "their sum of squares is the variance; NULL where the partner was not followed",
        ),
        Column("n_groups", "usmallint", "blocks of the jackknife; one less are the degrees of freedom"),
    ),
)

BASELINES = Table(
    "baselines",
    "Largest correlation of every unit with a partner model that cannot know it; none for dead units.",
    ("run", "site", "model", "layer", "neuron", "other_model", "kind", "draw"),
    (
        *_UNIT_KEY,
        _OTHER,
        Column(
            "kind",
            "varchar not null",
            "rotation: layers of the partner randomly rotated; shift: its positions moved along the text by a random "
            "offset; noise: Gaussian noise in its place; twin: its architecture with random weights",
        ),
        Column("draw", "usmallint not null", "number of the random draw, from 0"),
        Column("max_corr", "float not null", "largest correlation"),
    ),
)

PARTIAL_BESTS = Table(
    "partial_bests",
    "Best correlation and rotation baseline over some groups of documents only; none for dead units.",
    ("run", "site", "model", "layer", "neuron", "other_model", "first_group", "last_group"),
    (
        *_UNIT_KEY,
        _OTHER,
        Column("first_group", "usmallint not null", "first group of documents"),
        Column("last_group", "usmallint not null", "group after the last one"),
        Column("n_positions", "ubigint not null", "positions of stratum text in these groups"),
        Column("max_corr", "float not null", "largest correlation over these positions"),
        Column("baseline", "float not null", "rotation baseline over these positions, mean over draws"),
    ),
)

PROBES = Table(
    "probes",
    "Error of sketched correlations against exact ones over the same positions, for a block of random units.",
    ("run", "site", "model", "other_model"),
    (
        _RUN,
        _SITE,
        _MODEL,
        _OTHER,
        Column("n", "uinteger not null", "pairs of units in the block"),
        Column("bias", "double not null", "mean of sketched minus exact"),
        Column("sd", "double not null", "root mean square of sketched minus exact"),
        Column("max_error", "double not null", "largest absolute difference"),
    ),
)

SITES = Table(
    "sites",
    "One row per run, site and model: shape of what was correlated there.",
    ("run", "site", "model"),
    (
        _RUN,
        _SITE,
        _MODEL,
        Column("n_layers", "usmallint not null", "layers"),
        Column("width", "uinteger not null", "units per layer"),
    ),
)

# What is written of pairs when a run is finished.
SELECTIONS = (PARTNERS, BESTS, BASELINES, PARTIAL_BESTS, PROBES)

TABLES = (
    RUNS,
    PARTS,
    CORPORA,
    MODELS,
    SITES,
    PAIRS,
    MOMENTS,
    WEIGHTS,
    VOCABULARY_SUMS,
    *SELECTIONS,
)
