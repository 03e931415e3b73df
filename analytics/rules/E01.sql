/*---
id = "E01"
version = 3
name_zh = "小时均值超标"
name_en = "hourly-mean exceedance"
group = "exceedance"
severity = "S3"
basis = "Ecological and Environmental Code art. 1103, 1107; MEE Announcement 2022 No. 21; HJ 75-2017"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours", "minutes", "limit"]
exempts = ["M1", "M2"]
reason_zh = "{start} 至 {end}，{factor} 小时均值最高 {observed} {unit}，超过许可限值 {limit} {unit}，共 {points} 小时。"
reason_en = "{factor} reached an hourly mean of {observed} {unit} between {start} and {end}, above the permitted {limit} {unit}, in {points} hour(s)."

[episode]
quiet_gap_h = 6
consecutive = 3
severity = "S2"

[params.factor]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the limit is multiplied by this before comparing"

[params.min_valid_minutes]
default = 45
min = 30
max = 60
unit = "min"
doc = "valid minutes an hour needs, scaled to the station's minute interval"

[params.severe_ratio]
default = 2.0
min = 1.0
max = 10.0
unit = "1"
doc = "an hour at or above this multiple of the limit is S2"

[screen]
look = "concentration AND (watched AND gas OR judged < hours OR observed > limit_hour * $factor)"
passed = "CASE WHEN concentration THEN hours ELSE 0 END"
---*/
WITH judged AS (
  SELECT *,
         CASE WHEN why IS NULL AND valid_seconds < $min_valid_minutes * 60 THEN 'too_few_valid_minutes'
              ELSE why END AS problem
  FROM hours_judged
  WHERE hour + INTERVAL '1 hour' <= $as_of
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       observed, limit_value, unit, 1 AS points,
       CASE WHEN problem IS NOT NULL THEN 'not_evaluated'
            WHEN observed > limit_value * $factor THEN 'flagged'
            ELSE 'passed' END AS outcome,
       problem AS why, exempt,
       CASE WHEN observed >= limit_value * $severe_ratio THEN 'S2' END AS severity,
       NULL AS detail
FROM judged
