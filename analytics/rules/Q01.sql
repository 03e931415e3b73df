/*---
id = "Q01"
version = 1
name_zh = "恒值"
name_en = "constant value"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; rule set of 18 kinds of abnormal automatic data, no. 3"
granularity = "hour"
lookback_h = 24
evidence = ["hours"]
exempts = ["M1", "M3"]
reason_zh = "{factor} 自 {start} 至 {end} 连续 {points} 小时均值恒为 {observed}。"
reason_en = "{factor} kept the same hourly value {observed} for {points} consecutive hours from {start} to {end}."

[params.hours]
default = 4
min = 2
max = 24
unit = "h"
doc = "consecutive hours with the same value, waste gas"

[params.water_hours]
default = 4
min = 2
max = 24
unit = "h"
doc = "the same for waste water; raise it where analysers give one value per two hours"

[screen]
look = "(concentration OR ((factor IN ('a19001', 'a01011')) IS TRUE)) AND (run >= CASE WHEN gas THEN $hours ELSE $water_hours END OR valid <= negatives)"
passed = "CASE WHEN (concentration OR ((factor IN ('a19001', 'a01011')) IS TRUE)) THEN 1 ELSE 0 END"
---*/
WITH hours AS (
  SELECT mn, factor, hour, date, source,
         CASE WHEN valid AND value >= 0.0 THEN value END AS usable, mark,
         CASE WHEN is_gas(factor) THEN $hours ELSE $water_hours END AS needed
  FROM hourly
  WHERE (is_concentration(factor) OR factor IN ('a19001', 'a01011'))
    AND hour + INTERVAL '1 hour' <= $as_of
),
runs AS (
  SELECT mn, factor, r['from_time'] AS from_time,
         r['to_time'] + INTERVAL '1 hour' AS to_time, r['points'] AS points, r['value'] AS value,
         needed
  FROM (
    SELECT mn, factor, max(needed) AS needed, unnest(constant_runs(hour, usable, needed, 3600)) AS r
    FROM hours
    GROUP BY mn, factor
  )
),
days AS (
  SELECT mn, factor, date, min(hour) AS from_time, max(hour) + INTERVAL '1 hour' AS to_time,
         count(usable) AS usable
  FROM hours
  GROUP BY mn, factor, date
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       from_time AS window_start, to_time AS window_end, value AS observed,
       CAST(NULL AS DOUBLE) AS limit_value, NULL AS unit, points,
       'flagged' AS outcome, NULL AS why, NULL AS exempt, NULL AS severity, NULL AS detail
FROM runs
UNION ALL
SELECT d.mn, d.factor, NULL, NULL, NULL, d.from_time, d.to_time, NULL, NULL, NULL, d.usable,
       CASE WHEN d.usable = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN d.usable = 0 THEN 'no_valid_hour' END, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (
  SELECT 1 FROM runs r
  WHERE r.mn = d.mn AND r.factor = d.factor AND r.from_time < d.to_time AND d.from_time < r.to_time
)
