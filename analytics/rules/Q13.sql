/*---
id = "Q13"
version = 2
name_zh = "横截面积异常"
name_en = "duct cross-section differs from filing"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; rule set of 18 kinds of abnormal automatic data, no. 15"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "gas", factor = "duct cross-section (a01016)" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours"]
reason_zh = "数采仪 {mn} 上报的烟道截面积半月均值 {observed} {unit} 与备案值 {limit} {unit} 不符。"
reason_en = "Data logger {mn}: the duct cross-section sent, {observed} {unit} on average, differs from the filed {limit} {unit}."

[episode]
quiet_gap_h = 72

[params.percent]
default = 30.0
min = 1.0
max = 100.0
unit = "%"
doc = "difference from the filed value that is tolerated"

[params.days]
default = 15
min = 1
max = 15
unit = "d"
doc = "days the mean is taken over"

[screen]
look = "sectioned"
passed = "0"
factor = "a01016"

[screen.unevaluated]
no_cross_section = "CASE WHEN first_gas THEN 1 ELSE 0 END"
---*/
-- The filed value is parameter a01016 (or cross_section) of an equipment filing. Every gas logger has a
-- duct; one that does not send its cross-section cannot be judged.
WITH days AS (
  SELECT mn, date, ordered_sum(value, hour) AS total, count(value) AS hours
  FROM hourly
  WHERE factor = 'a01016' AND value > 0.0
  GROUP BY mn, date
),
spans AS (
  SELECT mn, date, trailing_sum(total, date, $days) OVER series
                     / trailing_sum(hours, date, $days) OVER series AS area
  FROM days
  WINDOW series AS (PARTITION BY mn ORDER BY date)
),
gas AS (
  SELECT DISTINCT h.mn, h.date
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  WHERE h.factor = 'a01016' OR (is_gas(h.factor) AND is_concentration(h.factor))
),
judged AS (
  SELECT g.mn, g.date, s.area, max(f.value) AS filed
  FROM gas g
  LEFT JOIN spans s ON s.mn = g.mn AND s.date = g.date
  LEFT JOIN filed_parameters f
    ON f.mn = g.mn AND f.parameter IN ('a01016', 'cross_section') AND f.value > 0.0
   AND day_start(g.date) >= f.in_force_from AND day_start(g.date) < f.in_force_to
  GROUP BY g.mn, g.date, s.area
)
SELECT mn, 'a01016' AS factor, day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       area AS observed, filed AS limit_value, 'm2' AS unit,
       CASE WHEN area IS NULL OR filed IS NULL THEN 'not_evaluated'
            WHEN 100.0 * abs(area - filed) > $percent * filed THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN area IS NULL THEN 'no_cross_section' WHEN filed IS NULL THEN 'no_filing' END AS why
FROM judged
