/*---
id = "E05"
version = 1
name_zh = "pH超范围"
name_en = "pH out of range"
group = "exceedance"
severity = "S3"
basis = "Ecological and Environmental Code art. 1103; HJ 356-2019 (pH is never averaged)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "water", factor = "pH (w01001)" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours", "limit"]
exempts = ["M1", "M3"]
reason_zh = "{start} 至 {end}，pH 连续 {points} 个小时值超出许可范围，最偏离值 {observed}（界限 {limit}）。"
reason_en = "pH was out of the permitted range in {points} consecutive values between {start} and {end}, furthest {observed} (bound {limit})."

[episode]
quiet_gap_h = 6

[params.values]
default = 2
min = 1
max = 24
unit = "1"
doc = "consecutive values out of range that are flagged"

[screen]
look = "((factor = 'w01001') IS TRUE) AND (valid < hours OR hours < logger_hours OR flows < logger_hours OR flow_lowest <= 0.0 OR NOT bound OR NOT limited OR ((lowest < limit_low) IS TRUE) OR ((highest > limit_hour) IS TRUE))"
passed = "CASE WHEN factor = 'w01001' THEN hours ELSE 0 END"
---*/
-- Only while water flows: a stopped outlet's electrode says nothing.
WITH hours AS (
  SELECT h.mn, h.factor, h.date, h.hour, h.mark, l.outlet_uid, l.permit_no, l.permit_version,
         l.limit_low, l.limit_value, greatest(coalesce(o.cadence_s, 3600), 3600) AS cadence_s,
         CASE WHEN h.valid THEN h.value END AS value,
         CASE WHEN mark_class(h.mark) NOT IN ('normal', 'over_range') AND h.mark <> 'missing'
                   THEN concat('marked_', mark_class(h.mark))
              WHEN NOT h.valid THEN 'too_few_valid_minutes'
              WHEN o.mn IS NULL THEN 'no_permit'
              WHEN l.limit_low IS NULL AND l.limit_value IS NULL THEN 'no_limit'
              WHEN h.flow IS NULL THEN 'no_flow'
              WHEN h.flow <= 0.0 THEN 'not_discharging' END AS why
  FROM hourly h
  LEFT JOIN mn_limits l
    ON l.mn = h.mn AND l.factor = h.factor AND l.averaging = 'hour'
   AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
  LEFT JOIN (SELECT mn, max(cadence_s) AS cadence_s FROM mn_outlets GROUP BY mn) o ON o.mn = h.mn
  WHERE h.factor = 'w01001' AND h.hour + INTERVAL '1 hour' <= $as_of
),
runs AS (
  SELECT mn, factor, limit_low, limit_value, outlet_uid, permit_no, permit_version,
         unnest(runs_where(hour, value,
                           why IS NULL AND (coalesce(value < limit_low, FALSE)
                                            OR coalesce(value > limit_value, FALSE)),
                           cadence_s * 3 / 2)) AS r
  FROM hours
  GROUP BY mn, factor, limit_low, limit_value, outlet_uid, permit_no, permit_version
),
flagged AS (
  SELECT *, r['from_time'] AS from_time, r['to_time'] + INTERVAL '1 hour' AS to_time,
         r['points'] AS points,
         coalesce(limit_low - r['least'] > r['most'] - limit_value, limit_value IS NULL) AS low,
         r['least'] AS least, r['most'] AS most
  FROM runs
  WHERE r['points'] >= $values
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       from_time AS window_start, to_time AS window_end,
       CASE WHEN low THEN least ELSE most END AS observed,
       CASE WHEN low THEN limit_low ELSE limit_value END AS limit_value, '1' AS unit, points,
       'flagged' AS outcome, NULL AS why, NULL AS exempt, NULL AS severity, NULL AS detail
FROM flagged
UNION ALL
SELECT h.mn, h.factor, h.outlet_uid, h.permit_no, h.permit_version, h.hour,
       h.hour + INTERVAL '1 hour', h.value, NULL, '1', 1,
       CASE WHEN h.why IS NULL THEN 'passed' ELSE 'not_evaluated' END, h.why, NULL, NULL, NULL
FROM hours h
WHERE NOT EXISTS (
  SELECT 1 FROM flagged f WHERE f.mn = h.mn AND h.hour >= f.from_time AND h.hour < f.to_time
)
