-- Hours of loggers whose production is watched (`production_points`): in how many quarters of the hour
-- it was seen running, and in how many it was seen at rest. A quarter is at rest when every value that
-- watches the logger was there and none passed its level; where one is missing nobody knows. `at_rest`: at
-- rest for 45 minutes, which is what an hour needs to be marked as stopped (HJ 75, mark F). An hour
-- value stands for its four quarters where its meter has no finer one.
WITH latest AS (
  SELECT mn, factor, granularity, data_time, value
  FROM (
    SELECT r.mn, r.factor, r.granularity, r.data_time, r.value, r.flag,
           row_number() OVER (PARTITION BY r.mn, r.factor, r.granularity, r.data_time
                              ORDER BY r.received_at DESC, r.kafka_partition DESC,
                                       r.kafka_offset DESC) AS copy
    FROM {readings} r
    LEFT SEMI JOIN production_points w ON w.watch_mn = r.mn AND w.watch_factor = r.factor
    WHERE r.granularity IN ('minute', 'hour', 'realtime')
  )
  WHERE copy = 1 AND value IS NOT NULL AND mark_class(flag) IN ('normal', 'over_range')
),
placed AS (
  SELECT w.mn, l.mn AS watch_mn, l.factor AS watch_factor, l.granularity = 'hour' AS whole,
         arrow_cast(l.data_time, 'Int64') / 900000000 AS quarter, l.value > w.on_above AS running
  FROM latest l
  JOIN production_points w
    ON w.watch_mn = l.mn AND w.watch_factor = l.factor
   AND l.data_time >= w.from_time AND l.data_time < w.to_time
),
fine AS (
  SELECT mn, watch_mn, watch_factor, quarter, bool_or(running) AS running
  FROM placed
  WHERE NOT whole
  GROUP BY mn, watch_mn, watch_factor, quarter
),
coarse AS (
  SELECT p.mn, p.watch_mn, p.watch_factor, p.quarter, p.running
  FROM (
    SELECT mn, watch_mn, watch_factor, running, hour, hour * 4 + n AS quarter
    FROM (
      SELECT mn, watch_mn, watch_factor, running, quarter / 4 AS hour,
             unnest(make_array(0, 1, 2, 3)) AS n
      FROM placed
      WHERE whole
    )
  ) p
  LEFT ANTI JOIN (SELECT DISTINCT mn, watch_mn, watch_factor, quarter / 4 AS hour FROM fine) f
    ON f.mn = p.mn AND f.watch_mn = p.watch_mn AND f.watch_factor = p.watch_factor AND f.hour = p.hour
),
seen AS (
  SELECT mn, quarter, count(*) AS values_seen, bool_or(running) AS running
  FROM (
    SELECT mn, watch_mn, watch_factor, quarter, running FROM fine
    UNION ALL
    SELECT mn, watch_mn, watch_factor, quarter, running FROM coarse
  )
  GROUP BY mn, quarter
),
quarters AS (
  SELECT s.mn, s.quarter, s.quarter / 4 AS hour, s.values_seen, s.running,
         count(DISTINCT concat(w.watch_mn, '/', w.watch_factor)) AS values_due
  FROM seen s
  JOIN production_points w
    ON w.mn = s.mn
   AND s.quarter * 900000000 >= arrow_cast(w.from_time, 'Int64')
   AND s.quarter * 900000000 < arrow_cast(w.to_time, 'Int64')
  GROUP BY s.mn, s.quarter, s.values_seen, s.running
)
SELECT mn, arrow_cast(hour * 3600000000, 'Timestamp(Microsecond, Some("UTC"))') AS hour,
       quarters_on, quarters_off, quarters_off >= 3 AS at_rest
FROM (
  SELECT mn, hour, count(*) FILTER (WHERE running) AS quarters_on,
         count(*) FILTER (WHERE NOT running AND values_seen >= values_due) AS quarters_off
  FROM quarters
  GROUP BY mn, hour
)
