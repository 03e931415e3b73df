/*---
id = "Q03"
version = 2
name_zh = "负值"
name_en = "negative value"
group = "quality"
severity = "S3"
basis = "Ecological and Environmental Code art. 1086; rule set of 18 kinds of abnormal automatic data, no. 3"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration, flow, velocity (a01011), oxygen (a19001)" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours", "minutes"]
exempts = ["M1", "M4"]
reason_zh = "{factor} 自 {start} 至 {end} 出现负值，最低 {observed}，共 {points} 小时。"
reason_en = "{factor} was negative between {start} and {end}, down to {observed}, in {points} hour(s)."

[episode]
quiet_gap_h = 6
lowest = true

[params.below]
default = 0.0
min = -100.0
max = 0.0
unit = "unit of the factor"
doc = "hours with a value below this are flagged"

[screen]
look = "(concentration OR ((factor IN ('a19001', 'a01011', 'a00000', 'w00000')) IS TRUE)) AND (watched AND gas OR valid < hours OR lowest < $below OR ((converted_lowest < $below) IS TRUE))"
passed = "CASE WHEN (concentration OR ((factor IN ('a19001', 'a01011', 'a00000', 'w00000')) IS TRUE)) THEN hours ELSE 0 END"
---*/
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       lowest AS observed, $below AS limit_value, NULL AS unit, 1 AS points,
       CASE WHEN NOT normal THEN 'not_evaluated'
            WHEN lowest < $below THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN NOT valid THEN CASE WHEN mark = 'missing' THEN 'too_few_valid_minutes'
                                     ELSE concat('marked_', mark_class(mark)) END
            WHEN at_rest THEN 'not_in_production' END AS why,
       CASE WHEN mark <> 'missing' THEN mark_exemption(mark) END AS exempt,
       NULL AS severity, NULL AS detail
FROM (
  SELECT *, least(value, coalesce(converted, value)) AS lowest
  FROM normal_hours
  WHERE (is_concentration(factor) OR factor IN ('a19001', 'a01011', 'a00000', 'w00000'))
    AND hour + INTERVAL '1 hour' <= $as_of
)
