-- exact percentile bands of every factor, a month
SELECT factor, percentile_cont(0.05) WITHIN GROUP (ORDER BY value) AS p05,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY value) AS p95
FROM readings
WHERE granularity = 'hour' AND date BETWEEN '{month_from}' AND '{month_to}'
GROUP BY factor
ORDER BY factor
