"""Raw tables of runs, their models and texts, and the sums of every neuron's activations."""

from __future__ import annotations

from ingest.tables.columns import LAYER, MODEL, NEURON, OTHER, RUN, Column, Table, power_sums

STRATA = ("text", "newline", "bos")

RUNS = Table(
    "runs",
    "One row per run: what was computed, on which tokens, how, and whether it is finished.",
    ("run",),
    (
        RUN,
        Column("parent", "varchar", "run that this one extends"),
        Column("study", "varchar not null", "name of the study"),
        Column(
            "kind",
            "varchar not null",
            "ingest: measures; simulated: simulated seeds; import: a published file; or the kind of an experiment",
        ),
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
        Column(
            "n_positions",
            "ubigint",
            "positions of stratum text, which the correlations are over; of an experiment, those that count",
        ),
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
        RUN,
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

SHARES = Table(
    "shares",
    "The ledger of a run that several workers share: one row per finished share, written in one transaction with its "
    "rows.",
    ("run", "share"),
    (
        RUN,
        Column("share", "uinteger not null", "number of its first piece"),
        Column("pieces", "uinteger[] not null", "the models, from 0, and then the pairs that were computed together"),
        Column("host", "varchar not null", "machine that computed it"),
        Column("seconds", "double not null", "that it took there, its token shards not counted"),
        Column("peak_memory", "ubigint not null", "largest memory that its process held, bytes"),
        Column("n_candidates", "ubigint not null", "pairs of units with exact sums; 0 unless the run is refined"),
        Column("n_directed", "ubigint not null", "units that have some, in every direction"),
        Column("sequences", "uinteger[] not null", "rows of the corpus that examples are from"),
        Column("done_at", "timestamp with time zone not null", "when it was written"),
    ),
)

CORPORA = Table(
    "corpora",
    "One row per run that read text: the token rows and where they come from.",
    ("run",),
    (
        RUN,
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
        RUN,
        MODEL,
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
        Column(
            "processing",
            "varchar not null",
            "what was folded and centred, and what could not be read of attention",
        ),
        Column("weights_hash", "varchar not null", "hash of all parameters"),
        Column("tokenizer_hash", "varchar not null", "hash of the tokenizer"),
        Column("parity_error", "double", "largest difference of an activation, plain model against TransformerLens"),
        Column("taken_from", "varchar", "finished run that has the model's rows; NULL where they are this run's own"),
    ),
)

PAIRS = Table(
    "pairs",
    "One row per run and ordered pair of models whose neurons were correlated.",
    ("run", "model", "other_model"),
    (
        RUN,
        MODEL,
        OTHER,
        Column("relation", "varchar not null", "seed, step, size, self or mixed (seed and step both differ)"),
        Column("taken_from", "varchar", "finished run that has the pair's rows; NULL where they are this run's own"),
    ),
)

MOMENTS = Table(
    "moments",
    "One row per run, part, neuron and stratum: sums from which every moment over any strata follows.",
    ("run", "part", "model", "layer", "neuron", "stratum"),
    (
        RUN,
        Column("part", "uinteger not null", "part of the run"),
        MODEL,
        LAYER,
        NEURON,
        Column("stratum", "varchar not null", "text, newline or bos: kind of token position"),
        Column("n", "ubigint not null", "positions"),
        Column("n_positive", "ubigint not null", "positions with a pre-activation above 0"),
        *power_sums("pre", "pre-activation"),
        *power_sums("post", "post-activation"),
    ),
)
