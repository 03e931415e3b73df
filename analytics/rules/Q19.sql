/*---
id = "Q19"
version = 2
name_zh = "虚假标记/超标标无效"
name_en = "mark abuse"
group = "quality"
severity = "S1"
basis = "Regulation on Environmental Monitoring art. 25(5); MEE Announcement 2022 No. 21"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 696
evidence = ["hours", "limit_hour"]
reason_zh = "{factor} 截至 {end} 的 30 天内有 {points} 小时超标数据被标记为无效而排放源仍在运行，占超标小时的 {observed}{unit}。"
reason_en = "In the 30 days before {end} {points} hours of {factor} above the limit were marked as not valid while the source was visibly running: {observed}{unit} of the hours above the limit."

[episode]
quiet_gap_h = 72

[params.percent]
default = 50.0
min = 5.0
max = 100.0
unit = "%"
doc = "suspicious share of the hours above the limit"

[params.hours]
default = 5
min = 1
max = 240
unit = "h"
doc = "suspicious hours needed"

[params.days]
default = 30
min = 7
max = 30
unit = "d"
doc = "days looked at, the judged one included"

[params.stopped_o2]
default = 19.0
min = 16.0
max = 21.0
unit = "%"
doc = "oxygen from which on a source counts as stopped"

[screen]
look = "concentration AND (marked OR limit_changes)"
passed = "CASE WHEN concentration AND limit_hour > 0.0 THEN 1 ELSE 0 END"

[screen.unevaluated]
no_limit = "CASE WHEN concentration AND ((limit_hour > 0.0) IS NOT TRUE) THEN 1 ELSE 0 END"
---*/
-- Suspicious is an hour above the limit whose data are marked (not calibration, that is Q18) although
-- the oxygen or flow of the same hour, measured and unmarked, shows the source running: when the
-- source has stopped, they say so too, and when the whole station is marked nothing tells, so such
-- hours above the limit are counted apart and the day is not called clean because of them. An hour
-- marked on the platform after the deadline is suspicious as well.
WITH limits AS (
  SELECT mn, factor, in_force_from, in_force_to, limit_value, basis, ref_o2
  FROM mn_limits
  WHERE averaging = 'hour' AND limit_value > 0.0
),
hours AS (
  SELECT h.mn, h.factor, h.hour, h.date, h.valid, h.mark, h.o2, h.flow, l.limit_value, l.basis, l.ref_o2,
         CASE WHEN l.basis = 'converted' THEN h.converted ELSE h.value END AS observed
  FROM hourly h
  JOIN limits l ON l.mn = h.mn AND l.factor = h.factor
               AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
  WHERE is_concentration(h.factor)
),
marked AS (
  SELECT *, o2 IS NOT NULL OR flow IS NOT NULL AS seen
  FROM hours
  WHERE NOT valid AND mark NOT IN ('missing', 'C')
    AND mark_class(mark) IN ('instrument', 'manual', 'stopped', 'condition')
    AND (o2 < $stopped_o2 OR (o2 IS NULL AND flow > 0.0)
         OR (o2 IS NULL AND flow IS NULL AND mark_class(mark) IN ('instrument', 'manual')))
),
raw AS (
  SELECT m.mn, m.factor, m.hour, m.seen,
         ordered_sum(CASE WHEN m.basis = 'converted'
                          THEN coalesce(r.zs_value, r.value * (21.0 - m.ref_o2) / (21.0 - m.o2))
                          ELSE r.value END, r.data_time) / count(*) AS observed
  FROM marked m
  JOIN readings_raw r ON r.mn = m.mn AND r.factor = m.factor AND r.granularity = 'minute'
                     AND r.date = m.date AND r.data_time >= m.hour AND r.data_time < m.hour + INTERVAL '1 hour'
  WHERE r.value IS NOT NULL
  GROUP BY m.mn, m.factor, m.hour, m.seen
),
late AS (
  SELECT DISTINCT h.mn, h.factor, h.hour
  FROM hours h
  JOIN marks_in_force m ON m.mn = h.mn AND (m.factor IS NULL OR m.factor = h.factor)
                       AND h.hour >= m.from_time AND h.hour < m.to_time AND h.hour < m.in_time_from
  WHERE h.valid AND h.observed > h.limit_value AND m.ticket_id IS NULL AND m.source = 'manual'
),
tickets AS (
  SELECT DISTINCT r.mn, r.factor, r.hour
  FROM raw r
  JOIN marks_in_force m ON m.mn = r.mn AND (m.factor IS NULL OR m.factor = r.factor)
                       AND r.hour >= m.from_time AND r.hour < m.to_time
  WHERE m.ticket_id IS NOT NULL
),
days AS (
  SELECT h.mn, h.factor, h.date,
         count(*) FILTER (WHERE (h.valid AND h.observed > h.limit_value)
                             OR (r.seen AND r.observed > h.limit_value AND t.mn IS NULL)) AS above,
         count(*) FILTER (WHERE l.mn IS NOT NULL
                             OR (r.seen AND r.observed > h.limit_value AND t.mn IS NULL)) AS suspicious,
         count(*) FILTER (WHERE NOT r.seen AND r.observed > h.limit_value AND t.mn IS NULL) AS unseen
  FROM hours h
  LEFT JOIN raw r ON r.mn = h.mn AND r.factor = h.factor AND r.hour = h.hour
  LEFT JOIN late l ON l.mn = h.mn AND l.factor = h.factor AND l.hour = h.hour
  LEFT JOIN tickets t ON t.mn = h.mn AND t.factor = h.factor AND t.hour = h.hour
  GROUP BY h.mn, h.factor, h.date
),
spans AS (
  SELECT mn, factor, date, trailing_sum(above, date, $days) OVER series AS above,
         trailing_sum(suspicious, date, $days) OVER series AS suspicious,
         trailing_sum(unseen, date, $days) OVER series AS unseen
  FROM days
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
),
factors AS (
  SELECT DISTINCT h.mn, h.factor, h.date
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  WHERE is_concentration(h.factor)
)
SELECT f.mn, f.factor, day_start(f.date) AS window_start,
       day_start(f.date) + INTERVAL '24 hours' AS window_end,
       CASE WHEN s.above > 0.0 THEN 100.0 * s.suspicious / s.above END AS observed,
       $percent AS limit_value, '%' AS unit, s.suspicious AS points,
       CASE WHEN s.mn IS NULL THEN 'not_evaluated'
            WHEN s.suspicious >= $hours AND 100.0 * s.suspicious >= $percent * s.above THEN 'flagged'
            WHEN s.unseen >= $hours THEN 'not_evaluated' ELSE 'passed' END AS outcome,
       CASE WHEN s.mn IS NULL THEN 'no_limit'
            WHEN s.unseen >= $hours
             AND NOT (s.suspicious >= $hours AND 100.0 * s.suspicious >= $percent * s.above)
            THEN 'no_physical_signs' END AS why,
       concat('{"above":', s.above, ',"suspicious":', s.suspicious, ',"without_signs":', s.unseen, '}') AS detail
FROM factors f
LEFT JOIN spans s ON s.mn = f.mn AND s.factor = f.factor AND s.date = f.date
