-- one outlet over all days
SELECT factor, count(*) AS n, avg(value) AS mean
FROM readings
WHERE mn = '{mn}' AND granularity = 'hour'
GROUP BY factor
ORDER BY factor
