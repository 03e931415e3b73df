/*---
id = "T09"
version = 1
name_zh = "季度捕集率低"
name_en = "quarterly capture rate"
group = "transmission"
severity = "S3"
basis = "HJ 75-2017 (75 % of a quarter)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
daily = true
reason_zh = "{factor} 本季度数据捕集率 {observed}{unit}，低于 {limit}{unit}（自 {start}）。"
reason_en = "Of {factor} only {observed}{unit} of the due hours of the quarter from {start} are valid, less than {limit}{unit}."

[params.percent]
default = 75.0
min = 10.0
max = 100.0
unit = "%"
doc = "capture rate below which a quarter is flagged"

[params.min_days]
default = 30
min = 1
max = 92
unit = "d"
doc = "due days the quarter needs so far"

[screen]
of_presence = true
---*/
-- Valid hours over due hours, stopped hours not due, from the daily masses that every run keeps: so
-- only factors whose mass is known, that is with a flow. Judged from the second month of a quarter on.
WITH quarters AS (
  SELECT DISTINCT h.mn, h.factor, date_trunc('quarter', h.date) AS starts
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  WHERE is_concentration(h.factor)
),
sums AS (
  SELECT q.mn, q.factor, arrow_cast(q.starts, 'Date32') AS starts, max(m.date) AS last,
         sum(m.hours) AS valid, sum(m.hours + m.hours_missing) AS due
  FROM quarters q
  LEFT JOIN daily_masses m ON m.mn = q.mn AND m.factor = q.factor
                          AND m.date >= q.starts AND m.date < q.starts + INTERVAL '3 months'
                          AND day_start(m.date) + INTERVAL '24 hours' <= $as_of
  GROUP BY q.mn, q.factor, q.starts
)
SELECT mn, factor, day_start(starts) AS window_start,
       coalesce(day_start(last) + INTERVAL '24 hours', $as_of) AS window_end,
       CASE WHEN due > 0 THEN 100.0 * valid / due END AS observed, $percent AS limit_value, '%' AS unit,
       coalesce(valid, 0) AS points,
       CASE WHEN due IS NULL OR due < $min_days * 24 THEN 'not_evaluated'
            WHEN 100.0 * valid < $percent * due THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN due IS NULL THEN 'no_mass' WHEN due < $min_days * 24 THEN 'quarter_too_young' END AS why,
       concat('{"valid":', valid, ',"due":', due, '}') AS detail
FROM sums
