/*---
id = "X08"
version = 1
name_zh = "派生值逐项复算"
name_en = "recompute every derived value"
group = "quality"
severity = "S3"
basis = "Idea of the ECMPS hourly checks; HJ 212-2017 D.25"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
daily = true
enabled = false
evidence = ["hours"]
reason_zh = "{factor} {day} 上报日均值 {observed} 与由有效小时复算的 {limit} 不一致。"
reason_en = "{factor}: the daily mean {observed} sent for {day} does not agree with {limit} recomputed from valid hours."

[episode]
quiet_gap_h = 72

[params.percent]
default = 2.0
min = 0.1
max = 50.0
unit = "%"
doc = "difference tolerated, of the recomputed mean"

[params.absolute]
default = 0.05
min = 0.0
max = 10.0
unit = "unit of the factor"
doc = "difference tolerated in any case"
---*/
-- The uploaded day (CN 2031) against the recomputed one; the conversion, the mass, the flow and the
-- hourly mean have rules of their own (Q14, Q15, Q27, Q17).
WITH sent AS (
  SELECT r.mn, r.factor, r.date,
         last_value(r.value ORDER BY r.received_at, r.kafka_partition, r.kafka_offset) AS value
  FROM readings_raw r
  JOIN core c ON c.mn = r.mn AND c.date = r.date
  WHERE r.granularity = 'day' AND is_concentration(r.factor)
  GROUP BY r.mn, r.factor, r.date
)
SELECT s.mn, s.factor, day_start(s.date) AS window_start, day_start(s.date) + INTERVAL '24 hours' AS window_end,
       s.value AS observed, d.value AS limit_value, reading_unit(s.mn, s.factor) AS unit, d.n_used AS points,
       CASE WHEN s.value IS NULL OR d.value IS NULL OR NOT d.valid THEN 'not_evaluated'
            WHEN abs(s.value - d.value) > $percent / 100.0 * abs(d.value)
             AND abs(s.value - d.value) > $absolute THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN s.value IS NULL THEN 'no_value' WHEN d.value IS NULL OR NOT d.valid THEN 'day_not_valid' END AS why
FROM sent s
LEFT JOIN daily d ON d.mn = s.mn AND d.factor = s.factor AND d.date = s.date
