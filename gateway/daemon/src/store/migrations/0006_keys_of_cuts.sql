-- How many days' keys were destroyed since the cut before. Null in cuts of older versions, whose signatures do not say.
alter table cuts add column keys integer;
