-- all current readings of a month; the others resolve the copies
SELECT count(*) AS n, sum(value) AS v, avg(max) AS most
FROM readings
WHERE date BETWEEN '{month_from}' AND '{month_to}'
