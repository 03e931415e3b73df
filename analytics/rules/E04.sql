/*---
id = "E04"
version = 3
name_zh = "废水日均值超标"
name_en = "water daily-mean exceedance"
group = "exceedance"
severity = "S2"
basis = "Ecological and Environmental Code art. 1103, 1107; HJ 356-2019 (flow-weighted daily mean)"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "water", factor = "pollutants with a daily limit, without pH (w01001) and suspended solids (w01012)" }
owner = "nonsite"
granularity = "day"
evidence = ["hours", "limit"]
exempts = ["M1", "M3"]
reason_zh = "{start} 起的自然日，{factor} 流量加权日均值 {observed} {unit}，超过许可限值 {limit} {unit}。"
reason_en = "{factor} had a flow-weighted daily mean of {observed} {unit} on the day from {start}, above the permitted {limit} {unit}."

[params.factor]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the limit is multiplied by this before comparing"

[screen]
look = "concentration AND NOT gas AND factor <> 'w01012' AND over AND (NOT day_judged OR due = 0 OR valid = 0 OR valid * 4 < due * 3 OR day_observed > limit_day * $factor)"
passed = "CASE WHEN concentration AND NOT gas AND factor <> 'w01012' AND over THEN 1 ELSE 0 END"
---*/
-- pH (w01001) and suspended solids (w01012) are not judged by a daily mean. The mean is of unmarked
-- hours with discharge, so a mark or a stop in others excuses nothing: only a mark of the whole day does.
WITH judged AS (
  SELECT *,
         CASE WHEN stopped THEN 'stopped' WHEN NOT valid THEN 'too_few_valid_hours' ELSE why END AS problem
  FROM days_judged
  WHERE NOT is_gas(factor) AND factor NOT IN ('w01001', 'w01012') AND day_start + INTERVAL '24 hours' <= $as_of
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
            THEN concat('{"hours_used":', n_used, ',"volume_m3":', volume_m3,
                        ',"hours_dropped":', dropped, '}') END AS detail
FROM judged
