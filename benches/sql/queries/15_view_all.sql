-- all current readings
SELECT count(*) AS n, sum(value) AS v
FROM readings
