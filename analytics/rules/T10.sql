/*---
id = "T10"
version = 2
name_zh = "日审核未完成"
name_en = "daily audit not done"
group = "transmission"
severity = "S4"
basis = "MEE Announcement 2022 No. 21 (marks until 12:00 of the next day)"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 48
reason_zh = "数采仪 {mn} {day} 有 {observed} 小时数据异常，至次日 12 时仍无标记。"
reason_en = "Data logger {mn} had {observed} hours on {day} that needed a mark, and none was set until 12:00 of the next day."

[reason.factor]
zh = "{factor} {day} 有 {observed} 小时数据异常，至次日 12 时仍无标记。"
en = "{factor} had {observed} hours on {day} that needed a mark, and none was set until 12:00 of the next day."

[episode]
quiet_gap_h = 72

[params.hours]
default = 1
min = 1
max = 24
unit = "h"
doc = "hours that need a mark from which on a day is judged"

[screen]
look = "concentration AND NOT slow AND 24 - valid >= $hours"
passed = "CASE WHEN concentration AND NOT slow THEN 1 ELSE 0 END"
---*/
-- Silence counts as consent to the data, so only a day with something to say is judged: hours missing
-- or with instrument marks, that no mark on the platform explains.
WITH days AS (
  SELECT h.mn, h.factor, h.date,
         count(*) FILTER (WHERE NOT valid) + 24 - count(*) AS odd
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  LEFT JOIN (SELECT mn, max(cadence_s) AS cadence_s FROM mn_outlets GROUP BY mn) o ON o.mn = h.mn
  WHERE is_concentration(h.factor) AND coalesce(o.cadence_s, 0) <= 3600
  GROUP BY h.mn, h.factor, h.date
),
told AS (
  SELECT DISTINCT d.mn, d.factor, d.date
  FROM days d
  JOIN marks_in_force m ON m.mn = d.mn AND (m.factor IS NULL OR m.factor = d.factor)
                       AND m.from_time < day_start(d.date) + INTERVAL '24 hours'
                       AND m.to_time > day_start(d.date)
                       AND m.marked_at <= day_start(d.date) + INTERVAL '36 hours'
),
users AS (
  SELECT DISTINCT mn FROM marks_in_force
),
judged AS (
  SELECT d.mn, d.factor, d.date, d.odd,
         CASE WHEN d.odd < $hours OR t.mn IS NOT NULL THEN 'passed'
              WHEN day_start(d.date) + INTERVAL '36 hours' > $as_of OR u.mn IS NULL THEN 'not_evaluated'
              ELSE 'flagged' END AS outcome,
         CASE WHEN d.odd < $hours OR t.mn IS NOT NULL THEN NULL
              WHEN day_start(d.date) + INTERVAL '36 hours' > $as_of THEN 'deadline_ahead'
              WHEN u.mn IS NULL THEN 'no_marks_of_this_logger' END AS why
  FROM days d
  LEFT JOIN told t ON t.mn = d.mn AND t.factor = d.factor AND t.date = d.date
  LEFT JOIN users u ON u.mn = d.mn
),
-- The audit is of the logger's day: what all its pollutants lack alike is said once.
alike AS (
  SELECT mn, date, max(odd) AS odd
  FROM judged
  GROUP BY mn, date
  HAVING count(*) > 1 AND count(*) = count(*) FILTER (WHERE outcome = 'flagged')
)
SELECT j.mn, j.factor, day_start(j.date) AS window_start, day_start(j.date) + INTERVAL '24 hours' AS window_end,
       CAST(j.odd AS DOUBLE) AS observed, $hours AS limit_value, 'h' AS unit, j.odd AS points,
       j.outcome, j.why, 'factor' AS say
FROM judged j
LEFT ANTI JOIN alike a ON a.mn = j.mn AND a.date = j.date
UNION ALL
SELECT mn, NULL, day_start(date), day_start(date) + INTERVAL '24 hours', CAST(odd AS DOUBLE), $hours, 'h',
       odd, 'flagged', NULL, NULL
FROM alike
