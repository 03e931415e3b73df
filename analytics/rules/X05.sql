/*---
id = "X05"
version = 1
name_zh = "无效数据预算"
name_en = "discard budget"
group = "quality"
severity = "S3"
basis = "Idea of the Industrial Emissions Directive, annex VI part 8"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
daily = true
enabled = false
evidence = ["hours"]
exempts = ["M1"]
reason_zh = "{factor} {day} 因仪器故障或维护丢弃 {observed} 小时，超过每日 {limit} 小时。"
reason_en = "{factor}: {observed} hours of {day} were discarded for faults or maintenance, more than {limit} a day."

[episode]
quiet_gap_h = 72

[params.hours]
default = 5
min = 1
max = 24
unit = "h"
doc = "discarded hours a day may have"
---*/
SELECT d.mn, d.factor, day_start(d.date) AS window_start, day_start(d.date) + INTERVAL '24 hours' AS window_end,
       CAST(d.n_instrument AS DOUBLE) AS observed, $hours AS limit_value, 'h' AS unit, d.n_instrument AS points,
       CASE WHEN d.n_due <= 0 THEN 'not_evaluated'
            WHEN d.n_instrument > $hours THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN d.n_due <= 0 THEN 'stopped' END AS why
FROM daily d
JOIN core c ON c.mn = d.mn AND c.date = d.date
WHERE is_concentration(d.factor)
