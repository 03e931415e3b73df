/*---
id = "X01"
version = 1
name_zh = "质保状态失效"
name_en = "QA status expired"
group = "quality"
severity = "S3"
basis = "Idea of the ECMPS quality-assurance status codes; HJ 75-2017 (calibration intervals)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
daily = true
enabled = false
evidence = ["hours"]
reason_zh = "{factor} {day} 距上次通过的校准已 {observed} 天（应不超过 {limit} 天）。"
reason_en = "{factor}: on {day} the last passed calibration was {observed} days ago (at most {limit} days)."

[episode]
quiet_gap_h = 72

[params.days]
default = 15
min = 1
max = 180
unit = "d"
doc = "days a passed calibration holds"
---*/
-- Calibrations and standard checks as the logger reports them (CN 3011, 2062); a check that failed
-- does not count. Loggers that never reported one are not judged.
WITH checks AS (
  SELECT mn, factor, at FROM equipment_events
  WHERE kind IN ('zero_calibration', 'span_calibration', 'calibration', 'standard_check')
    AND coalesce(passed, true)
),
days AS (
  SELECT h.mn, h.factor, h.date, count(*) AS hours
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  WHERE h.valid AND is_concentration(h.factor)
  GROUP BY h.mn, h.factor, h.date
),
last AS (
  SELECT d.mn, d.factor, d.date, d.hours, max(k.at) AS at
  FROM days d
  LEFT JOIN checks k ON k.mn = d.mn AND (k.factor IS NULL OR k.factor = d.factor)
                    AND k.at < day_start(d.date) + INTERVAL '24 hours'
  GROUP BY d.mn, d.factor, d.date, d.hours
),
judged AS (
  SELECT *, arrow_cast(date, 'Int32') - arrow_cast(day_of(at), 'Int32') AS age
  FROM last
)
SELECT mn, factor, day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end, CAST(age AS DOUBLE) AS observed, $days AS limit_value, 'd' AS unit, hours AS points,
       CASE WHEN at IS NULL THEN 'not_evaluated' WHEN age > $days THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN at IS NULL THEN 'no_calibration_reported' END AS why
FROM judged
