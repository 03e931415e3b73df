/*---
id = "Q02"
version = 3
name_zh = "半月低波动"
name_en = "half-month low variation"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; rule set of 18 kinds of abnormal automatic data, no. 3"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours"]
exempts = ["M3"]
reason_zh = "{factor} 截至 {end} 的半月内正常生产小时值波动仅 {observed}{unit}（阈值 {limit}{unit}）。"
reason_en = "In the half-month before {end} the hourly values of {factor} varied by no more than {observed}{unit} of their mean (threshold {limit}{unit})."

[episode]
quiet_gap_h = 72
lowest = true

[params.percent]
default = 5.0
min = 0.1
max = 50.0
unit = "%"
doc = "variation below this share of the mean is flagged"

[params.days]
default = 15
min = 5
max = 15
unit = "d"
doc = "days looked at, the judged one included"

[params.min_hours]
default = 180
min = 24
max = 360
by_cadence = { "7200" = 90 }
unit = "h"
doc = "valid hours those days need"

[screen]
look = "concentration AND (watched AND gas OR t_hours >= $min_hours AND (t_total <= 0.0 OR 100.0 * (t_highest - t_lowest) * t_hours < 1.000001 * $percent * t_total))"
passed = "CASE WHEN concentration AND t_hours >= $min_hours THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_valid_hours = "CASE WHEN concentration AND t_hours < $min_hours THEN 1 ELSE 0 END"

[screen.trailing]
t_hours = { sum = "CASE WHEN concentration THEN valid END", days = "$days" }
t_lowest = { min = "CASE WHEN concentration THEN lowest END", days = "$days" }
t_highest = { max = "CASE WHEN concentration THEN highest END", days = "$days" }
t_total = { sum = "CASE WHEN concentration THEN total END", days = "$days" }
---*/
-- Judged per day over the days before it: (highest - lowest) / mean of the valid hours in which
-- power and process values do not show the production at rest.
WITH days AS (
  SELECT mn, factor, date,
         count(*) FILTER (WHERE normal) AS hours,
         min(value) FILTER (WHERE normal) AS lowest,
         max(value) FILTER (WHERE normal) AS highest,
         ordered_sum(value, hour) FILTER (WHERE normal) AS total
  FROM normal_hours
  WHERE is_concentration(factor)
  GROUP BY mn, factor, date
),
spans AS (
  SELECT mn, factor, date,
         trailing_sum(hours, date, $days) OVER series AS hours,
         trailing_min(lowest, date, $days) OVER series AS lowest,
         trailing_max(highest, date, $days) OVER series AS highest,
         trailing_sum(total, date, $days) OVER series AS total
  FROM days
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
),
judged AS (
  SELECT s.*, 100.0 * (highest - lowest) / (total / hours) AS variation,
         CASE WHEN hours < $min_hours THEN 'too_few_valid_hours'
              WHEN total <= 0.0 THEN 'no_positive_mean' END AS why
  FROM spans s
  JOIN core c ON c.mn = s.mn AND c.date = s.date
)
SELECT mn, factor, day_start(date) AS window_start,
       day_start(date) + INTERVAL '24 hours' AS window_end,
       variation AS observed, $percent AS limit_value, '%' AS unit,
       hours AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN variation < $percent THEN 'flagged' ELSE 'passed' END AS outcome,
       why,
       concat('{"lowest":', lowest, ',"highest":', highest, ',"hours":', hours, '}') AS detail
FROM judged
