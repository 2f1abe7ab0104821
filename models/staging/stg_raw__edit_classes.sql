with

raw as (
    select * from {{ source('raw', 'edit_classes') }}
),

typed as (
    select
        run,
        place::smallint as place,
        class
    from raw
)

select * from typed
