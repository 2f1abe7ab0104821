with

power_sums as (
    select * from {{ ref('int_power_sums') }}
    where {{ of_new_runs('run') }}
),

-- Moments about the shift.
shifted as (
    select
        run,
        model,
        layer,
        neuron,
        quantity,
        shift,
        sum_1 / nullif(n, 0) as m_1,
        sum_2 / nullif(n, 0) as m_2,
        sum_3 / nullif(n, 0) as m_3,
        sum_4 / nullif(n, 0) as m_4
    from power_sums
),

central as (
    select
        *,
        -- Rounding can leave a constant quantity with a variance below 0.
        case when m_2 < m_1 ** 2 then 0 else m_2 - m_1 ** 2 end as c_2,
        m_3 - 3 * m_1 * m_2 + 2 * m_1 ** 3 as c_3,
        m_4 - 4 * m_1 * m_3 + 6 * m_1 ** 2 * m_2 - 3 * m_1 ** 4 as c_4
    from shifted
),

-- With a mean a thousand standard deviations away from the shift, the fourth moment has lost all but three digits.
judged as (
    select
        *,
        c_2 > 1e-6 * m_2 and c_2 ** 2 > 0 as has_shape
    from central
),

moments as (
    select
        run,
        model,
        layer,
        neuron,
        quantity,
        shift + m_1 as mean,
        c_2 as var,
        case when has_shape then c_3 / c_2 ** 1.5 end as skew,
        case when has_shape then c_4 / c_2 ** 2 end as kurt
    from judged
)

select * from moments
