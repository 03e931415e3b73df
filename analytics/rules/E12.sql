/*---
id = "E12"
version = 2
name_zh = "排水量超许可"
name_en = "more water discharged than designed"
group = "exceedance"
severity = "S3"
basis = "Permit text on the amount of waste water; Ecological and Environmental Code art. 1103"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "water", factor = "flow (w00000)" }
owner = "nonsite"
granularity = "day"
evidence = ["hours"]
exempts = ["M1"]
reason_zh = "{start} 起的自然日排水量 {observed} {unit}，超过许可（设计）水量 {limit} {unit}。"
reason_en = "{observed} {unit} of waste water were discharged on the day from {start}, above the permitted amount of {limit} {unit}."

[params.factor]
default = 1.1
min = 0.5
max = 3.0
unit = "1"
doc = "the amount per day is multiplied by this before comparing"

[screen]
look = "((factor = 'w00000') IS TRUE)"
passed = "0"
---*/
-- The amount comes from the sheet (`design_m3_day`). The year's amount is not judged: `daily_masses`
-- keeps masses of pollutants, not volumes. The
-- volume is of unmarked hours, so a mark on one of the others excuses nothing.
WITH judged AS (
  SELECT d.mn, d.factor, d.date, d.n_used, d.volume_m3, t.value AS design,
         CASE WHEN NOT d.valid THEN 'too_few_valid_hours' WHEN d.volume_m3 IS NULL THEN 'no_flow' END AS why
  FROM daily d
  JOIN (
    SELECT mn, sum(value) AS value FROM process_thresholds WHERE name = 'design_m3_day' GROUP BY mn
  ) t ON t.mn = d.mn
  WHERE d.factor = 'w00000' AND day_start(d.date) + INTERVAL '24 hours' <= $as_of
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       volume_m3 AS observed, design * $factor AS limit_value, 'm3/d' AS unit, n_used AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN volume_m3 > design * $factor THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why, NULL AS exempt, NULL AS severity, NULL AS detail
FROM judged
UNION ALL
-- A waste water outlet for which no amount is known.
SELECT DISTINCT d.mn, d.factor, o.outlet_uid, o.permit_no, o.permit_version, day_start(d.date),
       day_start(d.date) + INTERVAL '24 hours', d.volume_m3, CAST(NULL AS DOUBLE), 'm3/d', d.n_used,
       'not_evaluated', 'no_permitted_amount', NULL, NULL, NULL
FROM daily d
JOIN mn_outlets o
  ON o.mn = d.mn AND o.bound_from <= day_start(d.date) AND o.bound_to > day_start(d.date)
LEFT ANTI JOIN process_thresholds t ON t.mn = d.mn AND t.name = 'design_m3_day'
WHERE d.factor = 'w00000' AND o.medium = 'water' AND day_start(d.date) + INTERVAL '24 hours' <= $as_of
