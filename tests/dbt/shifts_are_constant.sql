-- Power sums about different shifts must not be added.
select
    run,
    model,
    layer,
    neuron
from {{ ref('stg_raw__moments') }}
where {{ of_untested_runs('run') }}
group by run, model, layer, neuron
having min(pre_shift) <> max(pre_shift) or min(post_shift) <> max(post_shift)
