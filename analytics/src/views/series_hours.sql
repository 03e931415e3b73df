-- Hours of every series by the validity rules, before conversion to reference oxygen.
-- One row per (mn, factor, hour) that has any minute or uploaded hour value.
SELECT mn, factor, date,
       h['hour'] AS hour, h['source'] AS source, h['interval_s'] AS interval_s,
       h['n_due'] AS n_due, h['n_received'] AS n_received, h['n_used'] AS n_used,
       h['n_valid'] AS n_valid, h['n_dropped'] AS n_dropped, h['dropped'] AS dropped,
       h['mark'] AS mark, h['valid'] AS valid, h['value'] AS value, h['zs_value'] AS zs_value,
       h['min'] AS min, h['max'] AS max, h['cou'] AS cou,
       h['uploaded_value'] AS uploaded_value, h['uploaded_zs'] AS uploaded_zs,
       h['copies'] AS copies, h['changed'] AS changed
FROM (
  SELECT mn, factor, date, unnest(hours) AS h
  FROM (
    SELECT mn, factor, date,
           hours_of_day(data_time, granularity, value, zs_value, cou, flag, note, period_s,
                        received_at, kafka_partition, kafka_offset) AS hours
    FROM readings_raw
    WHERE granularity IN ('minute', 'hour')
    GROUP BY mn, factor, date
  )
)
