WITH steps AS (
  SELECT mn, data_time,
         lagInFrame(data_time, 1, data_time) OVER (PARTITION BY mn ORDER BY data_time
           ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before
  FROM readings
  WHERE factor = '{factor}' AND granularity = 'hour' AND date BETWEEN '{week_from}' AND '{week_to}'
)
SELECT mn, count(*) AS gaps
FROM steps
WHERE dateDiff('second', before, data_time) > 3600
GROUP BY mn
ORDER BY gaps DESC, mn
LIMIT 20
