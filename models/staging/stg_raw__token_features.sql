with

raw as (
    select * from {{ source('raw', 'token_features') }}
),

typed as (
    select
        run,
        feature,
        token_id::integer as token_id
    from raw
)

select * from typed
