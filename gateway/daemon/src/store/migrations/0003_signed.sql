-- What the gateway signed of its journals' ends. `heads` is JSON: journal, sequence and hash of each.
create table checkpoints (
    gateway        text    not null,
    number         integer not null,
    time           integer not null,
    heads          text    not null,
    key            blob    not null,
    signature      blob    not null,
    primary key (gateway, number)
) strict;

-- Which of them there should be.
create table checkpoint_notes (
    gateway        text    not null primary key,
    first          integer not null,
    last           integer not null
) strict;

-- Cuts are numbered and signed as well.
alter table cuts add column number integer;
alter table cuts add column key blob;
alter table cuts add column signature blob;
