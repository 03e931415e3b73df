-- loggers with missing hours on a day
SELECT mn, count(*) AS n
FROM readings
WHERE date = '{date}' AND granularity = 'hour' AND factor = '{factor}'
GROUP BY mn
HAVING count(*) < 24
ORDER BY mn
