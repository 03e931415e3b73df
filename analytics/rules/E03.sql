/*---
id = "E03"
version = 4
name_zh = "废气日均值超标"
name_en = "gas daily-mean exceedance"
group = "exceedance"
severity = "S2"
basis = "Ecological and Environmental Code art. 1103, 1107; HJ 75-2017 (valid day: 20 valid hours)"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "gas", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
evidence = ["hours", "limit"]
exempts = ["M1", "M2"]
reason_zh = "{start} 起的自然日，{factor} 日均值 {observed} {unit}，超过许可限值 {limit} {unit}（由有效小时均值复算）。"
reason_en = "{factor} had a daily mean of {observed} {unit} on the day from {start}, above the permitted {limit} {unit} (recomputed from valid hours)."

[params.factor]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the limit is multiplied by this before comparing"

[params.min_valid_hours]
default = 20
min = 1
max = 24
unit = "h"
doc = "valid hours a day needs"

[screen]
look = "concentration AND gas AND over AND (watched OR NOT day_judged OR due = 0 OR valid < $min_valid_hours OR day_observed > limit_day * $factor)"
passed = "CASE WHEN concentration AND gas AND over THEN 1 ELSE 0 END"
---*/
-- The mean is of unmarked hours in which power and process values do not show the production at rest
-- (`normal_days`). A mark on one of the others excuses nothing: only a mark of the whole day does.
WITH judged AS (
  SELECT *,
         CASE WHEN stopped THEN 'stopped' WHEN n_used < $min_valid_hours THEN 'too_few_valid_hours' ELSE why END AS problem
  FROM days_judged
  WHERE is_gas(factor) AND day_start + INTERVAL '24 hours' <= $as_of
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       day_start AS window_start, day_start + INTERVAL '24 hours' AS window_end,
       observed, limit_value, unit, n_used AS points,
       CASE WHEN problem IS NOT NULL THEN 'not_evaluated'
            WHEN observed > limit_value * $factor THEN 'flagged'
            ELSE 'passed' END AS outcome,
       problem AS why,
       NULL AS exempt, NULL AS severity,
       CASE WHEN problem IS NULL AND observed > limit_value * $factor
            THEN concat('{"hours_used":', n_used, ',"hours_dropped":', dropped, '}') END AS detail
FROM judged
