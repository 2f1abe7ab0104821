with

-- What changed was taken out by now.
hashed as (
    select * from {{ ref('int_property_hashes') }}
    {% if is_incremental() %}
    where model not in (select known.model from {{ this }} as known)
    {% endif %}
),

neurons as (
    select neurons.*
    from {{ ref('neurons') }} as neurons
    inner join hashed on neurons.model = hashed.model
    where neurons.is_dead is not true
),

{{ percentiles_of(own_properties()) }},

made as (
    select
        percentiles.* exclude (run),  -- noqa: RF02
        hashed.made_of
    from percentiles
    inner join hashed on percentiles.model = hashed.model
)

select * from made
