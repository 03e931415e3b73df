-- loggers with most gaps, a week
WITH steps AS (
  SELECT mn, data_time, lag(data_time) OVER (PARTITION BY mn ORDER BY data_time) AS before
  FROM readings
  WHERE factor = '{factor}' AND granularity = 'hour' AND date BETWEEN '{week_from}' AND '{week_to}'
)
SELECT mn, count(*) AS gaps
FROM steps
WHERE data_time - before > INTERVAL '1 hour'
GROUP BY mn
ORDER BY gaps DESC, mn
LIMIT 20
