with

tokens as (
    select * from {{ ref('stg_raw__tokens') }}
),

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'weights'
),

named as (
    select
        speaking.model,
        tokens.token_id,
        tokens.piece,
        tokens.token,
        tokens.bytes,
        tokens.n,
        tokens.run
    from speaking
    inner join tokens on speaking.run = tokens.run
)

select * from named
