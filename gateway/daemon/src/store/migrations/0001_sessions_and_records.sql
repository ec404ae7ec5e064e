-- Times are milliseconds since 1970, UTC. Hashes are 32 bytes. Words are those of gateway-record and gateway-api.

-- Who writes: one row, made with the database.
create table gateway (
    one           integer primary key check (one = 1),
    word          text    not null,
    created_at    integer not null
) strict;

-- The journals. `private` names people, computers and addresses; the hash covers only its salted digest, so that it can
-- be sealed or forgotten while the chain stays whole.
create table records (
    gateway        text    not null,
    journal        text    not null,
    sequence       integer not null,
    time           integer not null,
    kind           text    not null,
    session        integer,
    structure      text,
    fields         text    not null,
    private_digest blob,
    private        text,
    previous       blob    not null,
    hash           blob    not null,
    primary key (gateway, journal, sequence)
) strict;

create index records_by_time on records (journal, time);
create index records_by_session on records (session) where session is not null;
create index records_by_hash on records (hash);

-- Where each chain ends, noted in the same transaction as its last record.
create table chains (
    gateway        text    not null,
    journal        text    not null,
    last_sequence  integer not null,
    last_hash      blob    not null,
    primary key (gateway, journal)
) strict;

-- What was deleted because its time was over: the chain begins after the latest cut.
create table cuts (
    id             integer primary key,
    gateway        text    not null,
    journal        text    not null,
    last_sequence  integer not null,
    last_hash      blob    not null,
    records        integer not null,
    cut_at         integer not null
) strict;

-- A session is open exactly while `closed_at` is null. Nobody is named here.
create table sessions (
    number         integer primary key,
    gateway        text    not null,
    structure      text    not null,
    opened_at      integer not null,
    closed_at      integer,
    reason         text
) strict;

create index sessions_open on sessions (gateway) where closed_at is null;
