/*---
id = "Q34"
version = 2
name_zh = "微小波动"
name_en = "micro-fluctuation"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry (fabrication)"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
daily = true
evidence = ["hours"]
exempts = ["M3"]
reason_zh = "{factor} {day} 小时值几乎恒定：变异系数 {observed}{unit}（阈值 {limit}{unit}）但并不完全相同。"
reason_en = "{factor} was all but constant on {day}: variation {observed}{unit} (threshold {limit}{unit}), yet not equal."

[episode]
quiet_gap_h = 48
lowest = true

[params.percent]
default = 0.5
min = 0.01
max = 5.0
unit = "%"
doc = "variation (standard deviation over mean) below which a day is flagged"

[params.low]
default = 1.0
min = 0.0
max = 100.0
unit = "unit of the factor"
doc = "mean below which nothing is judged"

[params.min_hours]
default = 20
min = 6
max = 24
by_cadence = { "7200" = 10 }
unit = "h"
doc = "valid hours a day needs"

[screen]
look = "concentration AND valid >= $min_hours AND (abs(total / valid - $low) <= 1e-9 * $low OR (total / valid > $low AND variation < 1.000001 * $percent))"
passed = "CASE WHEN concentration AND valid >= $min_hours AND total / valid >= $low THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_valid_hours = "CASE WHEN concentration AND valid > 0 AND valid < $min_hours THEN 1 ELSE 0 END"
value_too_low = "CASE WHEN concentration AND valid >= $min_hours AND total / valid < $low THEN 1 ELSE 0 END"
---*/
-- What a constant with a little noise on it looks like. Equal values are Q01; very low values have no
-- room to vary and are not judged.
WITH days AS (
  SELECT mn, factor, date, d['n'] AS hours, d['mean'] AS mean, d['distinct'] AS different,
         CASE WHEN d['mean'] > 0.0 THEN 100.0 * d['sd'] / d['mean'] END AS variation
  FROM (
    SELECT h.mn, h.factor, h.date, describe_series(h.hour, h.value) AS d
    FROM hourly h
    JOIN core c ON c.mn = h.mn AND c.date = h.date
    WHERE h.valid AND is_concentration(h.factor)
    GROUP BY h.mn, h.factor, h.date
  )
)
SELECT mn, factor, day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       variation AS observed, $percent AS limit_value, '%' AS unit, hours AS points,
       CASE WHEN hours < $min_hours OR mean < $low THEN 'not_evaluated'
            WHEN variation < $percent AND different > 1 THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN hours < $min_hours THEN 'too_few_valid_hours' WHEN mean < $low THEN 'value_too_low' END AS why
FROM days
