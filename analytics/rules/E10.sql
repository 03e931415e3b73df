/*---
id = "E10"
version = 2
name_zh = "临近限值预警"
name_en = "approaching the limit"
group = "exceedance"
severity = "S4"
basis = "MEE notice of 2025-07 on automatic monitoring (remind the enterprise at the warning line)"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours", "limit"]
exempts = ["M2"]
reason_zh = "{start} 至 {end}，{factor} 连续 {points} 小时达到许可限值的预警线，最高 {observed} {unit}（限值 {limit} {unit}），请及时检查。"
reason_en = "{factor} stayed near its limit for {points} consecutive hours from {start} to {end}, up to {observed} {unit} (limit {limit} {unit})."

[episode]
quiet_gap_h = 6

[params.share]
default = 0.9
min = 0.5
max = 1.0
unit = "1"
doc = "share of the limit from which an hour counts"

[params.hours]
default = 2
min = 1
max = 24
unit = "h"
doc = "consecutive hours that are flagged"

[screen]
look = "concentration AND (watched AND gas OR judged < hours OR observed >= limit_hour * $share)"
passed = "CASE WHEN concentration THEN hours ELSE 0 END"
---*/
-- Hours above the limit are E01's; this is the reminder before.
WITH runs AS (
  SELECT mn, factor, outlet_uid, permit_no, permit_version, limit_value, unit,
         unnest(runs_where(hour, observed,
                           why IS NULL AND observed >= limit_value * $share AND observed <= limit_value,
                           3600)) AS r
  FROM hours_judged
  WHERE hour + INTERVAL '1 hour' <= $as_of
  GROUP BY mn, factor, outlet_uid, permit_no, permit_version, limit_value, unit
),
flagged AS (
  SELECT *, r['from_time'] AS from_time, r['to_time'] + INTERVAL '1 hour' AS to_time
  FROM runs
  WHERE r['points'] >= $hours
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       from_time AS window_start, to_time AS window_end, r['most'] AS observed, limit_value, unit,
       r['points'] AS points, 'flagged' AS outcome, NULL AS why, NULL AS exempt, NULL AS severity,
       NULL AS detail
FROM flagged
UNION ALL
SELECT h.mn, h.factor, h.outlet_uid, h.permit_no, h.permit_version, h.hour,
       h.hour + INTERVAL '1 hour', h.observed, h.limit_value, h.unit, 1,
       CASE WHEN h.why IS NULL THEN 'passed' ELSE 'not_evaluated' END, h.why, h.exempt, NULL, NULL
FROM hours_judged h
WHERE h.hour + INTERVAL '1 hour' <= $as_of
  AND NOT EXISTS (
    SELECT 1 FROM flagged f
    WHERE f.mn = h.mn AND f.factor = h.factor AND h.hour >= f.from_time AND h.hour < f.to_time
  )
