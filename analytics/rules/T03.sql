/*---
id = "T03"
version = 2
name_zh = "逾期未补传"
name_en = "back-fill overdue"
group = "transmission"
severity = "S3"
basis = "HJ 212; rule set of 18 kinds of abnormal automatic data, no. 1"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "day"
exempts = ["M6", "M7"]
reason_zh = "数采仪 {mn} 自 {start} 至 {end} 有 {points} 小时数据缺失，超过 {limit} 小时仍未补传。"
reason_en = "Data logger {mn}: {points} hour(s) between {start} and {end} are missing and were not back-filled within {limit} hours."

[reason.factor]
zh = "数采仪 {mn} 自 {start} 至 {end}（因子 {factor}）有 {points} 小时缺失，超过 {limit} 小时仍未补传。"
en = "Data logger {mn}: {points} hour(s) of {factor} between {start} and {end} are missing and were not back-filled within {limit} hours."

[episode]
quiet_gap_h = 24

[params.hours]
default = 168
min = 24
max = 720
unit = "h"
doc = "how long after the end of the day back-filling may take"

[screen]
look = "begun AND (marked OR (hours < 24 AND NOT (NOT over AND hours > 0 AND alike AND gap_before_s = 0 AND NOT slow)))"
passed = "CASE WHEN hours = 24 THEN 1 ELSE 0 END"
of_logger = true

[screen.unevaluated]
not_overdue_yet = "CASE WHEN first AND hours < 24 AND NOT over AND hours > 0 THEN 1 ELSE 0 END"
---*/
-- Hours of a day without any value of a factor that was measured that day, and silences of a day or
-- more per logger. An incomplete day is due from its end, a silence from its first hour. Hours that all
-- factors of a logger miss alike are one gap of the logger.
WITH present AS (
  SELECT h.mn, h.factor, h.date, count(*) AS hours, max(o.cadence_s) AS cadence_s
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  LEFT JOIN (SELECT mn, max(cadence_s) AS cadence_s FROM mn_outlets GROUP BY mn) o ON o.mn = h.mn
  GROUP BY h.mn, h.factor, h.date
),
alike AS (
  SELECT mn, date, min(hours) AS hours, max(cadence_s) AS cadence_s
  FROM present
  GROUP BY mn, date
  HAVING min(hours) = max(hours) AND min(hours) < 24 AND count(*) > 1
),
gaps AS (
  SELECT p.mn, p.factor, p.cadence_s, 24 - p.hours AS missing, day_start(p.date) AS from_time,
         day_start(p.date) + INTERVAL '24 hours' AS to_time,
         day_start(p.date) + INTERVAL '24 hours' AS due_from
  FROM present p
  LEFT ANTI JOIN alike a ON a.mn = p.mn AND a.date = p.date
  UNION ALL
  SELECT mn, NULL, cadence_s, 24 - hours, day_start(date), day_start(date) + INTERVAL '24 hours',
         day_start(date) + INTERVAL '24 hours'
  FROM alike
  UNION ALL
  SELECT mn, NULL, NULL, seconds / 3600, from_time, coalesce(to_time, $as_of), from_time + INTERVAL '1 hour'
  FROM silences
  WHERE seconds >= 86400 AND mn IN (SELECT mn FROM core)
),
judged AS (
  SELECT g.mn, g.factor, g.cadence_s, g.missing, g.from_time, g.to_time, m.code,
         g.due_from + arrow_cast($hours * 3600000000, 'Duration(Microsecond)') <= $as_of AS overdue
  FROM gaps g
  LEFT JOIN (
    SELECT mn, from_time, to_time, max(code) AS code
    FROM marks_in_force
    WHERE code IN ('communication_break', 'not_attributable')
    GROUP BY mn, from_time, to_time
  ) m ON m.mn = g.mn AND m.from_time <= g.from_time AND m.to_time >= g.to_time
)
SELECT mn, factor, from_time AS window_start, to_time AS window_end,
       missing AS observed, $hours AS limit_value, 'h' AS unit, missing AS points,
       CASE WHEN missing = 0 THEN 'passed'
            WHEN cadence_s > 3600 OR NOT overdue THEN 'not_evaluated' ELSE 'flagged' END AS outcome,
       CASE WHEN missing > 0 AND cadence_s > 3600 THEN 'cadence_over_an_hour'
            WHEN missing > 0 AND NOT overdue THEN 'not_overdue_yet' END AS why,
       CASE code WHEN 'communication_break' THEN 'M6' WHEN 'not_attributable' THEN 'M7' END AS exempt,
       CASE WHEN factor IS NOT NULL THEN 'factor' END AS say
FROM judged
