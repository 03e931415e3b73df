/*---
id = "Q04"
version = 3
name_zh = "零值"
name_en = "zero value"
group = "quality"
severity = "S3"
basis = "MEE Announcement 2019 No. 50 (waste incineration: zero has to be marked within 1 h)"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "gas", factor = "pollutants with a concentration, oxygen (a19001)" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours", "minutes"]
exempts = ["M1", "M3"]
reason_zh = "{factor} 自 {start} 至 {end} 连续 {points} 小时为零且无标记。"
reason_en = "{factor} was exactly zero and unmarked for {points} consecutive hours from {start} to {end}."

[params.hours]
default = 2
min = 1
max = 24
unit = "h"
doc = "consecutive hours at zero"

[params.incineration_hours]
default = 1
min = 1
max = 24
unit = "h"
doc = "the same for waste incineration (industry 4417)"

[screen]
look = "(concentration OR ((factor = 'a19001') IS TRUE)) AND (watched AND gas OR zeros > 0 OR valid = 0)"
passed = "CASE WHEN (concentration OR ((factor = 'a19001') IS TRUE)) THEN 1 ELSE 0 END"
---*/
-- Hours in which power or process values show the production at rest end a run: zero is right then.
-- Waste water: zero can be a value below the detection limit, so it is not judged. The next value of a
-- slow analyser may be a cycle away (`daily` says how long that is).
WITH hours AS (
  SELECT h.mn, h.factor, h.hour, h.date, h.mark,
         CASE WHEN h.normal THEN h.value END AS usable, h.valid AND h.at_rest AS at_rest,
         CASE WHEN i.mn IS NOT NULL THEN $incineration_hours ELSE $hours END AS needed,
         coalesce(s.cadence_s, 3600) AS cadence_s
  FROM normal_hours h
  LEFT JOIN (SELECT mn, factor, date, cadence_s FROM daily WHERE cadence_s > 3600) s
    ON s.mn = h.mn AND s.factor = h.factor AND s.date = h.date
  LEFT JOIN (
    SELECT DISTINCT mn FROM mn_outlets
    WHERE strpos(concat(',', coalesce(industry_codes, ''), ','), ',4417,') > 0
  ) i ON i.mn = h.mn
  WHERE (is_concentration(h.factor) OR h.factor = 'a19001')
    AND h.hour + INTERVAL '1 hour' <= $as_of
),
runs AS (
  SELECT mn, factor, r['from_time'] AS from_time,
         r['to_time'] + INTERVAL '1 hour' AS to_time, r['points'] AS points
  FROM (
    SELECT mn, factor, unnest(constant_runs(hour, usable, needed, cadence_s)) AS r
    FROM hours
    GROUP BY mn, factor
  )
  WHERE r['value'] = 0.0
),
days AS (
  SELECT mn, factor, date, min(hour) AS from_time, max(hour) + INTERVAL '1 hour' AS to_time,
         count(usable) AS usable, count(*) FILTER (WHERE at_rest) AS at_rest
  FROM hours
  GROUP BY mn, factor, date
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       from_time AS window_start, to_time AS window_end, CAST(0 AS DOUBLE) AS observed,
       CAST(NULL AS DOUBLE) AS limit_value, NULL AS unit, points,
       CASE WHEN is_gas(factor) THEN 'flagged' ELSE 'not_evaluated' END AS outcome,
       CASE WHEN NOT is_gas(factor) THEN 'zero_may_be_below_detection' END AS why,
       NULL AS exempt, NULL AS severity, NULL AS detail
FROM runs
UNION ALL
SELECT d.mn, d.factor, NULL, NULL, NULL, d.from_time, d.to_time, NULL, NULL, NULL, d.usable,
       CASE WHEN d.usable = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN d.usable = 0 THEN CASE WHEN d.at_rest > 0 THEN 'not_in_production' ELSE 'no_valid_hour' END END, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (
  SELECT 1 FROM runs r
  WHERE r.mn = d.mn AND r.factor = d.factor AND r.from_time < d.to_time AND d.from_time < r.to_time
)
