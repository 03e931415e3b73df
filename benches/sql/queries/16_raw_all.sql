-- the whole table, copies included
SELECT count(*) AS n, sum(value) AS v
FROM readings_raw
