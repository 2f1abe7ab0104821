-- The error is that of a ratio of sums over documents: the square root of the sum of squares of x - ratio * n, over n.
with

edits as (
    select * from {{ ref('int_edits') }}
    where experiment = 'ablation'
),

sums as (
    select
        run,
        model,
        edit,
        sequence,
        generate_subscripts(class_loss, 1) as place,
        unnest(class_n) as n,
        unnest(class_loss) as loss
    from {{ ref('stg_raw__edit_sums') }}
    where class_loss is not null
),

sequences as (
    select * from {{ ref('stg_raw__experiment_sequences') }}
),

classes as (
    select * from {{ ref('stg_raw__edit_classes') }}
),

clean as (
    select * from sums
    where edit = 0
),

documents as (
    select
        edits.run,
        edits.model,
        edits.neurons,
        edits.scope,
        edits.kind,
        edits.control,
        edits.draw,
        clean.place,
        sequences.document,
        sum(clean.n) as n,
        sum(clean.loss order by sums.sequence) as clean_loss,
        sum(sums.loss - clean.loss order by sums.sequence) as delta_loss
    from sums
    inner join edits
        on
            sums.run = edits.run
            and sums.model = edits.model
            and sums.edit = edits.edit
    inner join clean
        on
            sums.run = clean.run
            and sums.model = clean.model
            and sums.sequence = clean.sequence
            and sums.place = clean.place
    inner join sequences
        on
            sums.run = sequences.run
            and sums.sequence = sequences.sequence
    where sums.edit > 0 and clean.n > 0
    group by all
),

sets as (
    select
        run,
        model,
        neurons,
        scope,
        kind,
        control,
        draw,
        place,
        sum(n)::bigint as n_positions,
        count(*)::integer as n_documents,
        sum(clean_loss order by document) / sum(n) as clean_loss,
        sum(delta_loss order by document) / sum(n) as delta_loss
    from documents
    group by all
),

controls as (
    select
        run,
        model,
        neurons,
        scope,
        kind,
        place,
        count(*)::integer as n_controls,
        avg(delta_loss order by draw) as delta_loss
    from sets
    where control = 'random'
    group by all
),

squares as (
    select
        sets.run,
        sets.model,
        sets.neurons,
        sets.scope,
        sets.kind,
        sets.place,
        sum((documents.delta_loss - sets.delta_loss * documents.n) ** 2 order by documents.document) as squares
    from sets
    inner join documents
        on
            sets.run = documents.run
            and sets.model = documents.model
            and sets.neurons = documents.neurons
            and sets.scope = documents.scope
            and sets.kind = documents.kind
            and sets.place = documents.place
            and sets.control = documents.control
    where sets.control = 'asked'
    group by sets.run, sets.model, sets.neurons, sets.scope, sets.kind, sets.place
),

asked as (
    select
        sets.*,
        sqrt(squares.squares * sets.n_documents / nullif(sets.n_documents - 1, 0)) / sets.n_positions as delta_loss_se
    from sets
    inner join squares
        on
            sets.run = squares.run
            and sets.model = squares.model
            and sets.neurons = squares.neurons
            and sets.scope = squares.scope
            and sets.kind = squares.kind
            and sets.place = squares.place
    where sets.control = 'asked'
),

named as (
    select
        asked.model,
        asked.neurons,
        asked.scope,
        asked.kind as mode,
        classes.class as next_class,
        asked.n_positions,
        asked.n_documents,
        asked.clean_loss,
        asked.delta_loss,
        asked.delta_loss_se,
        coalesce(controls.n_controls, 0) as n_controls,
        controls.delta_loss as control_delta_loss,
        asked.run
    from asked
    inner join classes
        on
            asked.run = classes.run
            and asked.place = classes.place
    left join controls
        on
            asked.run = controls.run
            and asked.model = controls.model
            and asked.neurons = controls.neurons
            and asked.scope = controls.scope
            and asked.kind = controls.kind
            and asked.place = controls.place
)

select * from named
order by model, neurons, scope, mode, next_class
