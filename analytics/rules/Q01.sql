/*---
id = "Q01"
version = 3
name_zh = "恒值"
name_en = "constant value"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; rule set of 18 kinds of abnormal automatic data, no. 3"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration, velocity (a01011), oxygen (a19001)" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours"]
exempts = ["M1", "M3"]
reason_zh = "{factor} 自 {start} 至 {end} 连续 {points} 小时均值恒为 {observed}。"
reason_en = "{factor} kept the same hourly value {observed} for {points} consecutive hours from {start} to {end}."

[reason.slow]
zh = "{factor} 自 {start} 至 {end} 连续 {points} 个测量周期的值恒为 {observed}。"
en = "{factor} gave the same value {observed} in {points} consecutive measuring cycles from {start} to {end}."

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
doc = "the same for waste water; consecutive values where an analyser gives one per two hours or fewer"

[screen]
look = "(concentration OR ((factor IN ('a19001', 'a01011')) IS TRUE)) AND (watched AND gas OR run >= CASE WHEN gas THEN $hours ELSE $water_hours END OR valid <= negatives OR NOT gas AND hours * 3 <= 2 * logger_last + 3)"
passed = "CASE WHEN (concentration OR ((factor IN ('a19001', 'a01011')) IS TRUE)) THEN 1 ELSE 0 END"
---*/
-- Hours of waste gas in which power or process values show the production at rest end a run.
-- An analyser that gives a value every two hours or more seldom is judged by its own values: the next
-- one may be a cycle away (`daily` says how long that is), and as many equal ones are flagged.
WITH hours AS (
  SELECT h.mn, h.factor, h.hour, h.date,
         CASE WHEN h.normal AND h.value >= 0.0 THEN h.value END AS usable, h.valid AND h.at_rest AS at_rest,
         CASE WHEN is_gas(h.factor) THEN $hours ELSE $water_hours END AS needed,
         coalesce(s.cadence_s, 3600) AS cadence_s
  FROM normal_hours h
  LEFT JOIN (SELECT mn, factor, date, cadence_s FROM daily WHERE cadence_s > 3600) s
    ON s.mn = h.mn AND s.factor = h.factor AND s.date = h.date
  WHERE (is_concentration(h.factor) OR h.factor IN ('a19001', 'a01011'))
    AND h.hour + INTERVAL '1 hour' <= $as_of
),
runs AS (
  SELECT mn, factor, r['from_time'] AS from_time,
         r['to_time'] + INTERVAL '1 hour' AS to_time, r['points'] AS points, r['value'] AS value,
         slow
  FROM (
    SELECT mn, factor, max(cadence_s) > 3600 AS slow,
           unnest(constant_runs(hour, usable, needed, cadence_s)) AS r
    FROM hours
    GROUP BY mn, factor
  )
),
days AS (
  SELECT mn, factor, date, min(hour) AS from_time, max(hour) + INTERVAL '1 hour' AS to_time,
         count(usable) AS usable, count(*) FILTER (WHERE at_rest) AS at_rest
  FROM hours
  GROUP BY mn, factor, date
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       from_time AS window_start, to_time AS window_end, value AS observed,
       CAST(NULL AS DOUBLE) AS limit_value, NULL AS unit, points,
       'flagged' AS outcome, NULL AS why, NULL AS exempt, NULL AS severity, NULL AS detail,
       CASE WHEN slow THEN 'slow' END AS say
FROM runs
UNION ALL
SELECT d.mn, d.factor, NULL, NULL, NULL, d.from_time, d.to_time, NULL, NULL, NULL, d.usable,
       CASE WHEN d.usable = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN d.usable = 0 THEN CASE WHEN d.at_rest > 0 THEN 'not_in_production' ELSE 'no_valid_hour' END END, NULL, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (
  SELECT 1 FROM runs r
  WHERE r.mn = d.mn AND r.factor = d.factor AND r.from_time < d.to_time AND d.from_time < r.to_time
)
