-- everything a logger sent on a day
-- point
SELECT factor, granularity, count(*) AS n, avg(value) AS mean, max(value) AS most
FROM readings
WHERE mn = '{mn}' AND date = '{date}'
GROUP BY factor, granularity
ORDER BY factor, granularity
