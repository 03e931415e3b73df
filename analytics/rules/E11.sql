/*---
id = "E11"
version = 1
name_zh = "排放速率超标"
name_en = "emission-rate exceedance"
group = "exceedance"
severity = "S2"
basis = "Permit form, emission-rate limit (kg/h); Ecological and Environmental Code art. 1103"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "gas", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours"]
exempts = ["M1", "M2"]
reason_zh = "{start} 至 {end}，{factor} 排放速率最高 {observed} {unit}，超过许可速率限值 {limit} {unit}，共 {points} 小时。"
reason_en = "{factor} was emitted at up to {observed} {unit} between {start} and {end}, above the permitted rate of {limit} {unit}, in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.factor]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the rate limit is multiplied by this before comparing"

[screen]
look = "gas AND rated"
passed = "0"
---*/
-- Rate = concentration as measured x volume of the hour. Only where the permit states a rate limit.
WITH rates AS (
  SELECT b.mn, l.factor, l.outlet_uid, l.permit_no, l.permit_version, min(l.rate_limit_kg_h) AS rate_limit,
         greatest(b.bound_from, l.in_force_from) AS from_time, least(b.bound_to, l.in_force_to) AS to_time
  FROM mn_outlets b
  JOIN limits_in_force l ON l.outlet_uid = b.outlet_uid
  WHERE l.rate_limit_kg_h IS NOT NULL
    AND (coalesce(b.factors, '') = ''
         OR strpos(concat(',', b.factors, ','), concat(',', l.factor, ',')) > 0)
  GROUP BY b.mn, l.factor, l.outlet_uid, l.permit_no, l.permit_version,
           greatest(b.bound_from, l.in_force_from), least(b.bound_to, l.in_force_to)
),
hours AS (
  SELECT h.mn, h.factor, h.hour, h.mark, h.value, h.volume_m3, l.outlet_uid, l.permit_no,
         l.permit_version, l.rate_limit, h.valid,
         unit_scale(reading_unit(h.mn, h.factor), 'mg/m3') * h.value * h.volume_m3 * 1e-6 AS rate,
         unit_scale(reading_unit(h.mn, h.factor), 'mg/m3') AS scale
  FROM hourly h
  JOIN rates l
    ON l.mn = h.mn AND l.factor = h.factor AND h.hour >= l.from_time AND h.hour < l.to_time
  WHERE h.hour + INTERVAL '1 hour' <= $as_of AND is_gas(h.factor)
),
judged AS (
  SELECT *,
         CASE WHEN mark_class(mark) NOT IN ('normal', 'over_range') AND mark <> 'missing'
                   THEN concat('marked_', mark_class(mark))
              WHEN NOT valid THEN 'too_few_valid_minutes'
              WHEN volume_m3 IS NULL THEN 'no_flow'
              WHEN scale IS NULL THEN 'unit_unknown' END AS why
  FROM hours
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       rate AS observed, rate_limit AS limit_value, 'kg/h' AS unit, 1 AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN rate > rate_limit * $factor THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why, CASE WHEN mark <> 'missing' THEN mark_exemption(mark) END AS exempt, NULL AS severity,
       CASE WHEN why IS NULL AND rate > rate_limit * $factor
            THEN concat('{"concentration":', value, ',"volume_m3":', volume_m3,
                        ',"formula":"C x Q x 1e-6"}') END AS detail
FROM judged
