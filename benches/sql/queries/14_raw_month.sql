-- the same of the table, copies included
SELECT count(*) AS n, sum(value) AS v, avg(max) AS most
FROM readings_raw
WHERE date BETWEEN '{month_from}' AND '{month_to}'
