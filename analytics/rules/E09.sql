/*---
id = "E09"
version = 1
name_zh = "分钟级超标预警"
name_en = "ten-minute early warning"
group = "exceedance"
severity = "S4"
basis = "Three-stage early warning of local supervision (notice before the hour is over); never evidence"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "realtime"
evidence = ["minutes", "limit_hour"]
exempts = ["M1", "M2"]
reason_zh = "{start} 至 {end}，{factor} 连续 {points} 个 10 分钟均值高于许可限值 {limit} {unit}，最高 {observed}，请及时处置。"
reason_en = "{factor} had {points} consecutive 10-minute means above its limit of {limit} {unit} between {start} and {end}, up to {observed}: a notice to the enterprise, not evidence."

[episode]
quiet_gap_h = 1

[params.windows]
default = 3
min = 1
max = 6
unit = "1"
doc = "consecutive 10-minute means above the limit"

[screen]
look = "false"
passed = "0"
---*/
-- Values as sent: where the limit is meant at reference oxygen, the station's own converted value.
WITH tens AS (
  SELECT mn, factor, date,
         arrow_cast(date_bin(INTERVAL '10 minutes', data_time),
                    'Timestamp(Microsecond, Some("UTC"))') AS from_time,
         ordered_sum(value, data_time) / count(value) AS value,
         ordered_sum(zs_value, data_time) / count(zs_value) AS converted
  FROM readings
  WHERE granularity = 'minute' AND is_concentration(factor)
    AND mark_class(flag) IN ('normal', 'over_range')
    AND date_bin(INTERVAL '10 minutes', data_time) + INTERVAL '10 minutes' <= $as_of
  GROUP BY mn, factor, date, date_bin(INTERVAL '10 minutes', data_time)
),
judged AS (
  SELECT t.mn, t.factor, t.date, t.from_time, l.outlet_uid, l.permit_no, l.permit_version,
         l.limit_value, l.unit, l.unit_problem,
         CASE WHEN l.basis = 'converted' THEN t.converted ELSE t.value END AS observed
  FROM tens t
  LEFT JOIN mn_limits l
    ON l.mn = t.mn AND l.factor = t.factor AND l.averaging = 'hour'
   AND t.from_time >= l.in_force_from AND t.from_time < l.in_force_to
),
series AS (
  SELECT mn, factor, date, outlet_uid, permit_no, permit_version, limit_value, unit,
         max(unit_problem) AS unit_problem, min(from_time) AS first_time, max(from_time) AS last_time,
         count(*) AS windows, count(observed) AS judged,
         runs_where(from_time, observed, observed > limit_value, 600) AS stretches
  FROM judged
  GROUP BY mn, factor, date, outlet_uid, permit_no, permit_version, limit_value, unit
),
flagged AS (
  SELECT *
  FROM (SELECT *, unnest(stretches) AS s FROM series)
  WHERE s['points'] >= $windows
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       s['from_time'] AS window_start, s['to_time'] + INTERVAL '10 minutes' AS window_end,
       s['most'] AS observed, limit_value, unit, s['points'] AS points, 'flagged' AS outcome,
       NULL AS why, NULL AS exempt, NULL AS severity, NULL AS detail
FROM flagged
UNION ALL
SELECT q.mn, q.factor, q.outlet_uid, q.permit_no, q.permit_version, q.first_time,
       q.last_time + INTERVAL '10 minutes', NULL, q.limit_value, q.unit, q.windows,
       CASE WHEN q.limit_value IS NULL OR q.judged = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN q.unit_problem IS NOT NULL THEN q.unit_problem WHEN q.limit_value IS NULL THEN 'no_limit'
            WHEN q.judged = 0 THEN 'no_conversion' END, NULL, NULL, NULL
FROM series q
WHERE NOT EXISTS (
  SELECT 1 FROM flagged f
  WHERE f.mn = q.mn AND f.factor = q.factor AND f.date = q.date
)
