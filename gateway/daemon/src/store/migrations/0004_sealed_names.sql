-- Names as they are kept from now on: sealed, under the key of the day on which they were written, which is not in the database.
-- `private` holds what was written before, until its time is over.
alter table records add column sealed blob;

-- Whose session it was, for a worker who is there: a hash under a key of two months that is not in the database.
alter table sessions add column worker blob;
create index sessions_by_worker on sessions (worker) where worker is not null;
