{#
    The 97.5% quantile of Student's t with df degrees of freedom (those of 30 beyond that), a straight line between whole
    ones; NULL below 1.
#}
{% macro t_quantile(df) -%}
    case
        when {{ df }} >= 1
            then
                (1 - ({{ df }} - floor({{ df }}))) * {{ t_quantiles() }}[least(floor({{ df }})::integer, 30)]
                + ({{ df }} - floor({{ df }})) * {{ t_quantiles() }}[least(ceil({{ df }})::integer, 30)]
    end
{%- endmacro %}

{% macro t_quantiles() -%}
    [
        12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
        2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
        2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272
    ]
{%- endmacro %}

{#
    Degrees of freedom of a jackknife: one less than its groups, or than as many equal ones as would vary like these,
    (sum u^2)^2 / sum u^4, where a few groups make most of the error. With n - 1 for all, intervals of heavy-tailed
    neurons hold the long-run value too rarely.
#}
{% macro effective_df(influence, n_groups) -%}
    least(
        {{ n_groups }} - 1,
        greatest(
            1,
            list_sum([part ** 2 for part in {{ influence }}]) ** 2
            / nullif(list_sum([part ** 4 for part in {{ influence }}]), 0) - 1
        )
    )
{%- endmacro %}
