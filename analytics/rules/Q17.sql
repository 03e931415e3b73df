/*---
id = "Q17"
version = 1
name_zh = "三级数据不一致"
name_en = "levels of data do not agree"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; HJ 356-2019 (platform and instrument within 1 %)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "gas", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours", "minutes"]
exempts = ["M6"]
reason_zh = "{factor} 自 {start} 至 {end} 上报小时值 {observed} 与分钟值均值 {limit} 不一致，共 {points} 小时。"
reason_en = "{factor}: the hourly value {observed} sent between {start} and {end} is not the mean {limit} of its minute values, in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.percent]
default = 1.0
min = 0.1
max = 50.0
unit = "%"
doc = "difference tolerated, of the mean of the minutes"

[params.absolute]
default = 0.05
min = 0.0
max = 10.0
unit = "unit of the factor"
doc = "difference tolerated in any case (rounding)"

[screen]
look = "false"
passed = "0"
---*/
-- Hourly value as sent against the mean of the minute values as sent. Only hours with every minute
-- value, all unmarked: what a station leaves out of its mean it may leave out.
SELECT mn, factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       uploaded_value AS observed, value AS limit_value, reading_unit(mn, factor) AS unit,
       CASE WHEN n_received < n_due OR n_used < n_received OR value IS NULL THEN 'not_evaluated'
            WHEN abs(uploaded_value - value) > $percent / 100.0 * abs(value)
             AND abs(uploaded_value - value) > $absolute THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN n_used < n_received OR value IS NULL THEN 'marked_values'
            WHEN n_received < n_due THEN 'hour_incomplete' END AS why
FROM hourly
WHERE source = 'minutes' AND uploaded_value IS NOT NULL AND is_gas(factor)
  AND is_concentration(factor) AND hour + INTERVAL '1 hour' <= $as_of
