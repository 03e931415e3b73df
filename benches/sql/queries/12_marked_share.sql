-- share of marked hours by day, a quarter
SELECT date, count(*) AS n, sum(CASE WHEN flag <> 'N' THEN 1 ELSE 0 END) AS marked
FROM readings
WHERE granularity = 'hour' AND date BETWEEN '{quarter_from}' AND '{quarter_to}'
GROUP BY date
ORDER BY date
