/*---
id = "Q10"
version = 2
name_zh = "贴限生产"
name_en = "hugging the limit"
group = "quality"
severity = "S3"
basis = "Ecological and Environmental Code art. 80, 1088; rule set of 18 kinds of abnormal automatic data, no. 12"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours", "limit_hour"]
exempts = ["M3"]
reason_zh = "{factor} 截至 {end} 的半月内 {observed}{unit} 的生产小时贴近限值（阈值 {limit}{unit}）。"
reason_en = "In the half-month before {end} {observed}{unit} of the production hours of {factor} lay just below the limit (threshold {limit}{unit})."

[episode]
quiet_gap_h = 72

[params.near]
default = 0.85
min = 0.5
max = 0.99
unit = "1"
doc = "from this share of the limit on an hour is close to it"

[params.percent]
default = 80.0
min = 10.0
max = 100.0
unit = "%"
doc = "this share of close hours or more is flagged"

[params.days]
default = 15
min = 5
max = 15
unit = "d"
doc = "days looked at, the judged one included"

[params.min_hours]
default = 48
min = 12
max = 360
unit = "h"
doc = "production hours those days need"

[screen]
look = "concentration AND (watched AND gas OR (t_unsure > 0 OR (t_hours >= $min_hours AND 100.0 * t_close >= 0.999999 * $percent * t_hours)))"
passed = "CASE WHEN concentration AND t_hours >= $min_hours THEN 1 ELSE 0 END"

[screen.unevaluated]
no_limit = "CASE WHEN concentration AND t_hours = 0 THEN 1 ELSE 0 END"
too_few_valid_hours = "CASE WHEN concentration AND t_hours > 0 AND t_hours < $min_hours THEN 1 ELSE 0 END"

[screen.trailing]
t_hours = { sum = "CASE WHEN concentration THEN limit_hours END", days = "$days" }
t_close = { sum = "CASE WHEN NOT concentration THEN NULL WHEN limit_highest >= 0.999999 * $near * limit_hour AND limit_lowest <= limit_hour THEN limit_hours ELSE 0 END", days = "$days" }
t_unsure = { sum = "CASE WHEN concentration THEN CASE WHEN limit_changes OR limit_problem THEN 1 ELSE 0 END END", days = "$days" }
---*/
-- Share of the production hours (valid, and not at rest by power or process values) that lie just below
-- the hourly limit of their time, the limit included.
WITH hours AS (
  SELECT h.mn, h.factor, h.date, h.normal, h.valid AND h.at_rest AS at_rest, l.limit_value, l.unit_problem,
         CASE WHEN l.basis = 'converted' THEN h.converted ELSE h.value END AS observed
  FROM normal_hours h
  LEFT JOIN mn_limits l
    ON l.mn = h.mn AND l.factor = h.factor AND l.averaging = 'hour'
   AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
  WHERE is_concentration(h.factor)
),
days AS (
  SELECT mn, factor, date, max(unit_problem) AS unit_problem,
         count(*) FILTER (WHERE normal AND observed IS NOT NULL AND limit_value > 0.0) AS hours,
         count(*) FILTER (WHERE normal AND limit_value > 0.0
                            AND observed >= limit_value * $near AND observed <= limit_value) AS close,
         count(*) FILTER (WHERE at_rest AND observed IS NOT NULL AND limit_value > 0.0) AS at_rest
  FROM hours
  GROUP BY mn, factor, date
),
spans AS (
  SELECT mn, factor, date, unit_problem,
         trailing_sum(hours, date, $days) OVER series AS hours,
         trailing_sum(close, date, $days) OVER series AS close,
         trailing_sum(at_rest, date, $days) OVER series AS at_rest
  FROM days
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
),
judged AS (
  SELECT s.*, 100.0 * close / hours AS share,
         CASE WHEN unit_problem IS NOT NULL THEN unit_problem
              WHEN hours = 0.0 AND at_rest > 0.0 THEN 'not_in_production'
              WHEN hours = 0.0 THEN 'no_limit'
              WHEN hours < $min_hours THEN 'too_few_valid_hours' END AS why
  FROM spans s
  JOIN core c ON c.mn = s.mn AND c.date = s.date
)
SELECT mn, factor, day_start(date) AS window_start,
       day_start(date) + INTERVAL '24 hours' AS window_end,
       share AS observed, $percent AS limit_value, '%' AS unit, hours AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN share >= $percent THEN 'flagged' ELSE 'passed' END AS outcome,
       why, concat('{"hours":', hours, ',"close":', close, '}') AS detail
FROM judged
