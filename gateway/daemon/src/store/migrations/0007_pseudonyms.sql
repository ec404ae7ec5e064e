-- What stands for a record's names where it is exported: hashes under a key that goes with the day's key. Not part of the record.
create table pseudonyms (
    gateway        text    not null,
    journal        text    not null,
    sequence       integer not null,
    text           text    not null,
    primary key (gateway, journal, sequence)
) strict, without rowid;
