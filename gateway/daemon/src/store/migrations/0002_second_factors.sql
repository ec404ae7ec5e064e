-- Second factors, across restarts. Nobody is named here: `person` is a keyed hash of the directory's identity, and what is
-- kept is sealed with a key that is not in the database.
create table second_factors (
    person        blob primary key,
    sealed        blob not null
) strict, without rowid;
