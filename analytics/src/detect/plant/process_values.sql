-- Signals over time: minute values, or real-time ones of a logger without minute values.
WITH latest AS (
  SELECT mn, unit, role, factor, data_time, date, granularity, value, flag
  FROM (
    SELECT r.mn, s.unit, s.role, r.factor, r.data_time, r.date, r.granularity, r.value, r.flag,
           row_number() OVER (PARTITION BY r.mn, s.unit, s.role, r.factor, r.granularity, r.data_time
                              ORDER BY r.received_at DESC, r.kafka_partition DESC,
                                       r.kafka_offset DESC) AS copy
    FROM readings_raw r
    JOIN process_signals s ON s.mn = r.mn AND s.factor = r.factor
    WHERE r.granularity IN ('minute', 'realtime')
  )
  WHERE copy = 1
),
finest AS (
  SELECT l.mn, l.unit, l.role, l.factor, l.data_time, l.date,
         CASE WHEN mark_class(l.flag) IN ('normal', 'over_range') THEN l.value END AS value, l.flag
  FROM latest l
  LEFT JOIN (
    SELECT mn, unit, role, factor, date, count(*) AS minutes
    FROM latest
    WHERE granularity = 'minute'
    GROUP BY mn, unit, role, factor, date
  ) m ON m.mn = l.mn AND m.unit = l.unit AND m.role = l.role AND m.factor = l.factor
     AND m.date = l.date
  WHERE l.granularity = 'minute' OR m.minutes IS NULL
),
instants AS (
  SELECT DISTINCT mn, unit, data_time, date FROM finest
)
SELECT i.mn, i.unit, s.role, s.factor, i.data_time, i.date, f.value,
       CASE WHEN f.mn IS NULL THEN 'missing' ELSE coalesce(f.flag, 'N') END AS mark
FROM instants i
JOIN process_signals s ON s.mn = i.mn AND s.unit = i.unit
LEFT JOIN finest f
  ON f.mn = i.mn AND f.unit = i.unit AND f.role = s.role AND f.factor = s.factor
 AND f.data_time = i.data_time
