-- readings sent again with another value, three days
SELECT count(*) AS n, sum(copies) AS copies
FROM (
  SELECT mn, factor, granularity, data_time, count(*) AS copies
  FROM readings_raw
  WHERE date BETWEEN '{days_from}' AND '{days_to}'
  GROUP BY mn, factor, granularity, data_time
  HAVING min(value) < max(value)
) t
