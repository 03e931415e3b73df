-- The current copy of every reading: of several copies of one (mn, granularity, factor, data_time)
-- the latest received one counts. Restrict by `date` (and `mn`): both are pushed into the scan.
SELECT mn, factor, granularity, data_time, value, zs_value, min, max, cou, zs_min, zs_max, flag,
       value_text, extra, note, period_s, factor_raw, st, cn, edition, resend, sent_at, received_at,
       kafka_topic, kafka_partition, kafka_offset, date
FROM (
  SELECT *, row_number() OVER (
           PARTITION BY date, mn, granularity, factor, data_time
           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
  FROM readings_raw
)
WHERE copy = 1
