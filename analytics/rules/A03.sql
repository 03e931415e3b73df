/*---
id = "A03"
version = 1
name_zh = "豁免时长累计"
name_en = "budget of exempted hours"
group = "aggregate"
severity = "S3"
basis = "MEE Order No. 10 and Announcement 2019 No. 50 (waste incineration: hours under marks are limited)"
effective_from = "2026-11-23"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "any" }
owner = "nonsite"
granularity = "day"
reason_zh = "焚烧炉 {mn} 自 {start} 起标记累计 {observed} 小时，达到预算 {limit} 小时的预警线。"
reason_en = "Marks of incinerator {mn} add up to {observed} hours from {start}, near or above the budget of {limit} hours."

[params.year_h]
default = 60.0
min = 1.0
max = 8760.0
unit = "h"
doc = "start-up, shut-down, fault and accident per year"

[params.bake_h]
default = 700.0
min = 1.0
max = 8760.0
unit = "h"
doc = "baking and cooling down per year"

[params.maintenance_h]
default = 30.0
min = 1.0
max = 2000.0
unit = "h"
doc = "maintenance of the monitor per quarter"

[params.warn_share]
default = 0.8
min = 0.1
max = 1.0
unit = "1"
doc = "share of a budget from which it is told"

[screen]
look = "incinerator"
passed = "0"
---*/
-- Marked hours of the year (start, stop, fault, accident; baking and cooling) and of the quarter
-- (maintenance of the monitor) per logger. Hours marked twice count once per mark code.
WITH periods AS (
  SELECT date_trunc('year', $as_of + INTERVAL '8 hours') - INTERVAL '8 hours' AS year_start,
         date_trunc('quarter', $as_of + INTERVAL '8 hours') - INTERVAL '8 hours' AS quarter_start
),
marks AS (
  SELECT DISTINCT m.mark_id, m.mn, m.scope, m.code, m.from_time, least(m.to_time, $as_of) AS to_time
  FROM marks_in_force m
  JOIN incinerators i ON i.mn = m.mn
  WHERE m.from_time < $as_of
),
budgets AS (
  SELECT * FROM (VALUES
    ('condition', 'start_up', 'start_stop_fault', TRUE, $year_h),
    ('condition', 'shut_down', 'start_stop_fault', TRUE, $year_h),
    ('condition', 'fault', 'start_stop_fault', TRUE, $year_h),
    ('condition', 'accident', 'start_stop_fault', TRUE, $year_h),
    ('condition', 'bake', 'bake_cool', TRUE, $bake_h),
    ('condition', 'cool_down', 'bake_cool', TRUE, $bake_h),
    ('device', 'maintenance', 'monitor_maintenance', FALSE, $maintenance_h)
  ) AS b (scope, code, budget, yearly, hours)
),
spent AS (
  SELECT m.mn, b.budget, b.hours,
         CASE WHEN b.yearly THEN p.year_start ELSE p.quarter_start END AS from_time,
         sum(CAST(greatest(0, arrow_cast(m.to_time, 'Int64')
               - arrow_cast(greatest(m.from_time, CASE WHEN b.yearly THEN p.year_start ELSE p.quarter_start END),
                            'Int64')) AS DOUBLE)) / 3600000000.0 AS spent,
         count(*) AS marks
  FROM marks m
  JOIN budgets b ON b.scope = m.scope AND b.code = m.code
  CROSS JOIN periods p
  GROUP BY m.mn, b.budget, b.hours, CASE WHEN b.yearly THEN p.year_start ELSE p.quarter_start END
),
looked_at AS (SELECT DISTINCT c.mn FROM core c JOIN incinerators i ON i.mn = c.mn),
judged AS (
  SELECT l.mn, s.budget, s.hours, s.from_time, s.spent, s.marks
  FROM looked_at l
  LEFT JOIN spent s ON s.mn = l.mn
)
SELECT mn, budget AS factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       coalesce(from_time, (SELECT year_start FROM periods)) AS window_start, $as_of AS window_end,
       spent AS observed, hours AS limit_value, 'h' AS unit, coalesce(marks, 0) AS points,
       CASE WHEN spent IS NULL THEN 'not_evaluated' WHEN spent >= hours * $warn_share THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN spent IS NULL THEN 'no_marks' END AS why, NULL AS exempt,
       CASE WHEN spent > hours THEN 'S2' END AS severity,
       CASE WHEN spent IS NOT NULL THEN concat('{"budget":"', budget, '","share":', spent / hours, '}') END AS detail
FROM judged
