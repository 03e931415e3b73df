/*---
id = "Q23"
version = 1
name_zh = "借用其他设备数据"
name_en = "copied from another outlet"
group = "quality"
severity = "S1"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry (fabrication)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
daily = true
evidence = ["hours"]
reason_zh = "{factor} {day} 的数据与同一单位另一排放口几乎相同（相关系数 {observed}，阈值 {limit}）。"
reason_en = "{factor}: the data of {day} are nearly those of another outlet of the same unit (correlation {observed}, threshold {limit})."

[episode]
quiet_gap_h = 48

[params.r]
default = 0.99
min = 0.9
max = 1.0
unit = "1"
doc = "correlation from which on two series are one"

[params.apart]
default = 0.01
min = 0.0
max = 0.1
unit = "1"
doc = "mean difference, of the mean value, up to which they are one"

[params.min_hours]
default = 20
min = 6
max = 24
unit = "h"
doc = "common valid hours a day needs"

[screen]
look = "concentration AND paired"
passed = "0"

[screen.unevaluated]
no_other_outlet = "CASE WHEN concentration THEN 1 ELSE 0 END"
---*/
-- Loggers of one permit that stand for different outlets, hour by hour. Outlets that share a stack
-- have one outlet number and are not compared.
WITH outlets AS (
  SELECT mn, max(permit_no) AS permit_no, max(outlet_uid) AS outlet_uid
  FROM mn_outlets
  GROUP BY mn
),
series AS (
  SELECT h.mn, o.permit_no, o.outlet_uid, h.factor, h.hour, h.date, h.value
  FROM hourly h
  JOIN outlets o ON o.mn = h.mn
  WHERE h.valid AND is_concentration(h.factor)
),
pairs AS (
  SELECT a.mn, b.mn AS other, a.factor, a.date, compare_series(a.hour, a.value, b.value) AS alike
  FROM series a
  JOIN series b ON b.permit_no = a.permit_no AND b.factor = a.factor AND b.hour = a.hour
               AND b.outlet_uid <> a.outlet_uid
  GROUP BY a.mn, b.mn, a.factor, a.date
),
days AS (
  SELECT mn, factor, date, max(alike['n']) AS hours, max(alike['r']) AS r,
         max(CASE WHEN alike['n'] >= $min_hours AND alike['r'] >= $r AND alike['apart'] <= $apart
                  THEN other END) AS copy_of
  FROM pairs
  GROUP BY mn, factor, date
),
factors AS (
  SELECT DISTINCT h.mn, h.factor, h.date
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  WHERE is_concentration(h.factor)
)
SELECT f.mn, f.factor, day_start(f.date) AS window_start,
       day_start(f.date) + INTERVAL '24 hours' AS window_end,
       d.r AS observed, $r AS limit_value, '1' AS unit, d.hours AS points,
       CASE WHEN d.copy_of IS NOT NULL THEN 'flagged'
            WHEN d.hours >= $min_hours THEN 'passed' ELSE 'not_evaluated' END AS outcome,
       CASE WHEN d.mn IS NULL THEN 'no_other_outlet'
            WHEN d.copy_of IS NULL AND d.hours < $min_hours THEN 'too_few_common_hours' END AS why,
       CASE WHEN d.copy_of IS NOT NULL THEN concat('{"other":"', d.copy_of, '"}') END AS detail
FROM factors f
LEFT JOIN days d ON d.mn = f.mn AND d.factor = f.factor AND d.date = f.date
