"""What the small warehouse of these tests holds."""

from __future__ import annotations

from pathlib import Path

import duckdb

SCHEMA = """
create schema raw; create schema staging; create schema intermediate; create schema marts;
create table raw.t (a integer not null, v float[3], primary key (a));
comment on table raw.t is 'the table';
comment on column raw.t.a is 'it''s a';
insert into raw.t select i, [i, i, i] from range(1000) as r(i);
create sequence raw.numbers;
create view staging.v as select a as x from raw.t;
comment on view staging.v is 'the view';
create macro marts.rule_high(cutoff) as table select * from staging.v where x >= cutoff;
comment on macro table marts.rule_high is 'the rule';
create macro marts.twice(a, times := 2) as a * times;
create view marts.high as select * from marts.rule_high(995);
create table marts.neurons as
    select 'm' as model, i % 3 as layer, i as neuron, i / 1000 as max_corr, i > 500 as is_universal
    from range(1000) as r(i);
create table marts.builds (build varchar, built_at timestamptz);
create table raw.runs (run varchar, study varchar, status varchar, n_parts uinteger, n_passes usmallint,
    n_tokens ubigint, started_at timestamptz, finished_at timestamptz);
create table raw.parts (run varchar, part uinteger);
create table raw.models (run varchar, model varchar);
insert into raw.runs values ('r1', 's', 'running', 3, 1, 100, now(), null);
insert into raw.parts values ('r1', 0), ('r1', 1);
insert into raw.models values ('r1', 'm');
"""


def end_build(warehouse: Path, name: str) -> None:
    """Does what the end of `dbt build` does: leaves the build's id."""
    with duckdb.connect(str(warehouse)) as con:
        con.execute("insert into marts.builds values (?, now())", [name])
