/*---
id = "Q06"
version = 1
name_zh = "量程2%内"
name_en = "values within two percent of the range"
group = "quality"
severity = "S3"
basis = "Ecological and Environmental Code art. 80, 1088; list of 35 situations of abnormal automatic monitoring, no. 22 and 32"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours"]
exempts = ["M3"]
reason_zh = "{factor} 截至 {end} 的半月内 {observed}{unit} 的有效小时不足量程的五十分之一（阈值 {limit}{unit}），量程疑似过大。"
reason_en = "In the half-month before {end} {observed}{unit} of the valid hours of {factor} lay within a fiftieth of the measuring range (threshold {limit}{unit}): the range looks too wide."

[episode]
quiet_gap_h = 72

[params.low]
default = 2.0
min = 0.5
max = 10.0
unit = "%"
doc = "below this share of the range an hour counts"

[params.percent]
default = 80.0
min = 10.0
max = 100.0
unit = "%"
doc = "this share of such hours or more is flagged"

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
doc = "valid hours with a known range those days need"

[screen]
look = "concentration AND ranged"
passed = "0"

[screen.unevaluated]
no_range = "CASE WHEN concentration THEN 1 ELSE 0 END"
---*/
-- An instrument that is read at the bottom of its range tells little. The range is the one reported by
-- the instrument (i13001), else the one filed. Zeros are Q04's.
WITH ranges AS (
  SELECT mn, factor, in_force_from, in_force_to, value AS upper, 0 AS place
  FROM equipment_parameters
  WHERE parameter = 'i13001' AND value > 0.0
  UNION ALL
  SELECT mn, factor, in_force_from, in_force_to, value, 1
  FROM filed_parameters
  WHERE parameter = 'i13001' AND value > 0.0
),
hours AS (
  SELECT h.mn, h.factor, h.date, h.valid, h.value, coalesce(r.upper, f.upper) AS upper
  FROM hourly h
  LEFT JOIN (SELECT * FROM ranges WHERE place = 0) r
    ON r.mn = h.mn AND r.factor = h.factor AND h.hour >= r.in_force_from AND h.hour < r.in_force_to
  LEFT JOIN (SELECT * FROM ranges WHERE place = 1) f
    ON f.mn = h.mn AND f.factor = h.factor AND h.hour >= f.in_force_from AND h.hour < f.in_force_to
  WHERE is_concentration(h.factor)
),
days AS (
  SELECT mn, factor, date, max(upper) AS upper,
         count(*) FILTER (WHERE valid AND upper IS NOT NULL AND value <> 0.0) AS hours,
         count(*) FILTER (WHERE valid AND value <> 0.0 AND value < upper * $low / 100.0) AS low
  FROM hours
  GROUP BY mn, factor, date
),
spans AS (
  SELECT mn, factor, date, upper,
         trailing_sum(hours, date, $days) OVER series AS hours,
         trailing_sum(low, date, $days) OVER series AS low
  FROM days
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
),
judged AS (
  SELECT s.*, 100.0 * low / hours AS share,
         CASE WHEN hours = 0.0 AND upper IS NULL THEN 'no_range'
              WHEN hours < $min_hours THEN 'too_few_valid_hours' END AS why
  FROM spans s
  JOIN core c ON c.mn = s.mn AND c.date = s.date
)
SELECT mn, factor, day_start(date) AS window_start,
       day_start(date) + INTERVAL '24 hours' AS window_end,
       share AS observed, $percent AS limit_value, '%' AS unit, hours AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN share >= $percent THEN 'flagged' ELSE 'passed' END AS outcome,
       why, concat('{"range":', upper, ',"hours":', hours, ',"low":', low, '}') AS detail
FROM judged
