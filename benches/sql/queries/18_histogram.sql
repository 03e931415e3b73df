-- distribution of a factor, a quarter
SELECT floor(value / 2) AS bucket, count(*) AS n
FROM readings
WHERE factor = '{factor}' AND granularity = 'hour'
  AND date BETWEEN '{quarter_from}' AND '{quarter_to}'
GROUP BY floor(value / 2)
ORDER BY bucket
