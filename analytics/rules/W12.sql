/*---
id = "W12"
version = 1
name_zh = "启停窗口超时"
name_en = "start or stop longer than its window"
group = "condition"
severity = "S2"
basis = "MEE Announcement 2019 No. 50 (waste incineration); permit specifications of the industries (HJ 953 boilers, cement, sintering, ceramics)"
effective_from = "2026-11-23"
scope = { industry = "industries whose permit specification states a window", outlet = "gas", factor = "any" }
owner = "nonsite"
granularity = "hour"
reason_zh = "标记的启停（故障）时段 {start} 至 {end} 长 {observed} 小时，超过该行业容许的 {limit} 小时。"
reason_en = "The marked start, stop or fault from {start} to {end} took {observed} hours, more than the {limit} hours the industry is allowed."

[params.incineration_h]
default = 4.0
min = 0.5
max = 100.0
unit = "h"
doc = "waste incineration: start-up, shut-down, fault, accident"

[params.bake_h]
default = 12.0
min = 0.5
max = 200.0
unit = "h"
doc = "waste incineration: baking"

[params.boiler_start_h]
default = 4.0
min = 0.5
max = 100.0
unit = "h"
doc = "boilers: cold start"

[params.boiler_stop_h]
default = 1.0
min = 0.1
max = 100.0
unit = "h"
doc = "boilers: stop"

[params.cement_start_h]
default = 36.0
min = 0.5
max = 200.0
unit = "h"
doc = "cement kilns: cold start"

[params.cement_stop_h]
default = 8.0
min = 0.5
max = 100.0
unit = "h"
doc = "cement kilns: stop"

[params.sinter_h]
default = 8.0
min = 0.5
max = 100.0
unit = "h"
doc = "sintering: start and stop"

[params.kiln_start_h]
default = 4.0
min = 0.5
max = 100.0
unit = "h"
doc = "ceramics and brick kilns: start"

[params.kiln_stop_h]
default = 2.0
min = 0.5
max = 100.0
unit = "h"
doc = "ceramics and brick kilns: stop"

[screen]
look = "marked"
passed = "0"
---*/
-- Condition marks of the enterprise against the longest time its industry may take. An open mark is
-- measured up to now.
WITH allowed AS (
  SELECT * FROM (VALUES
    ('4417', 'start_up', $incineration_h), ('4417', 'shut_down', $incineration_h),
    ('4417', 'bake', $bake_h), ('4417', 'fault', $incineration_h), ('4417', 'accident', $incineration_h),
    ('4430', 'start_up', $boiler_start_h), ('4430', 'shut_down', $boiler_stop_h),
    ('3011', 'start_up', $cement_start_h), ('3011', 'shut_down', $cement_stop_h),
    ('3110', 'start_up', $sinter_h), ('3110', 'shut_down', $sinter_h),
    ('3031', 'start_up', $kiln_start_h), ('3031', 'shut_down', $kiln_stop_h),
    ('3071', 'start_up', $kiln_start_h), ('3071', 'shut_down', $kiln_stop_h)
  ) AS a (industry, code, hours)
),
marks AS (
  SELECT DISTINCT m.mark_id, m.mn, m.code, m.from_time, least(m.to_time, $as_of) AS to_time
  FROM marks_in_force m
  JOIN core c ON c.mn = m.mn
   AND day_start(c.date) < m.to_time AND day_start(c.date) + INTERVAL '24 hours' > m.from_time
  WHERE m.scope = 'condition' AND m.from_time < $as_of
    AND m.code IN ('start_up', 'shut_down', 'bake', 'fault', 'accident')
),
judged AS (
  SELECT m.mark_id, m.mn, m.code, m.from_time, m.to_time, max(o.permit_no) AS permit_no,
         max(o.permit_version) AS permit_version, max(o.outlet_uid) AS outlet_uid,
         max(a.hours) AS hours,
         CAST(arrow_cast(m.to_time, 'Int64') - arrow_cast(m.from_time, 'Int64') AS DOUBLE) / 3600000000.0 AS took
  FROM marks m
  LEFT JOIN mn_outlets o ON o.mn = m.mn AND o.bound_from <= m.from_time AND o.bound_to > m.from_time
  LEFT JOIN allowed a
    ON a.code = m.code AND strpos(concat(',', coalesce(o.industry_codes, ''), ','), concat(',', a.industry, ',')) > 0
  GROUP BY m.mark_id, m.mn, m.code, m.from_time, m.to_time
)
SELECT mn, NULL AS factor, outlet_uid, permit_no, permit_version,
       from_time AS window_start, to_time AS window_end, took AS observed, hours AS limit_value,
       'h' AS unit, 1 AS points,
       CASE WHEN hours IS NULL THEN 'not_evaluated' WHEN took > hours THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN hours IS NULL THEN 'no_window_for_industry' END AS why, NULL AS exempt, NULL AS severity,
       concat('{"mark_id":"', mark_id, '","code":"', code, '"}') AS detail
FROM judged
