-- daily means of all factors over one outlet's month
-- point
SELECT date, factor, count(*) AS n, avg(value) AS mean
FROM readings
WHERE mn = '{mn}' AND granularity = 'hour' AND date BETWEEN '{month_from}' AND '{month_to}'
GROUP BY date, factor
ORDER BY date, factor
