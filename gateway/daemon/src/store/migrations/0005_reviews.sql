-- What is kept of reviews: requests, general notices, who has which role. Sealed by a key that is not in the database.
create table reviews (
    what          text    not null,
    number        integer not null,
    changed_at    integer not null,
    sealed        blob    not null,
    primary key (what, number)
) strict, without rowid;

-- Whom a record of the workers' journal names: a hash under the same key of two months as the worker of a session. Beside the chain, not
-- in it: it finds records, and proves nothing.
create table record_workers (
    gateway       text    not null,
    sequence      integer not null,
    worker        blob    not null,
    primary key (gateway, sequence)
) strict, without rowid;

create index record_workers_by_worker on record_workers (worker);
