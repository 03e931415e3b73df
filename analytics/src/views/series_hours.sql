-- Hours of every series by the validity rules, before conversion to reference oxygen.
-- One row per (mn, factor, hour) that has any minute, uploaded hour or real-time value. Real-time
-- values count only in hours that have neither of the others, so only those are read out.
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
    FROM (
      SELECT mn, factor, date, data_time, granularity, value, zs_value, cou, flag, note, period_s,
             received_at, kafka_partition, kafka_offset
      FROM readings_raw
      WHERE granularity IN ('minute', 'hour')
      UNION ALL
      SELECT r.mn, r.factor, r.date, r.data_time, r.granularity, r.value, r.zs_value, r.cou, r.flag,
             r.note, r.period_s, r.received_at, r.kafka_partition, r.kafka_offset
      FROM readings_raw r
      LEFT ANTI JOIN (
        SELECT DISTINCT mn, factor, date, date_trunc('hour', data_time) AS hour
        FROM readings_raw
        WHERE granularity IN ('minute', 'hour')
      ) c ON c.mn = r.mn AND c.factor = r.factor AND c.date = r.date
         AND c.hour = date_trunc('hour', r.data_time)
      WHERE r.granularity = 'realtime'
    )
    GROUP BY mn, factor, date
  )
)
