SELECT count(*) AS n, sum(value) AS v, avg(most) AS most
FROM (
  SELECT value, max AS most, row_number() OVER (
           PARTITION BY date, mn, granularity, factor, data_time
           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
  FROM readings_raw
  WHERE date BETWEEN '{month_from}' AND '{month_to}'
) t
WHERE copy = 1
