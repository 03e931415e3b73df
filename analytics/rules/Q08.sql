/*---
id = "Q08"
version = 3
name_zh = "突升突降后保持平稳"
name_en = "jump then flat"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; rule set of 18 kinds of abnormal automatic data, no. 11"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours"]
exempts = ["M3", "M4"]
reason_zh = "{factor} 截至 {end} 的半月内出现 {observed} 次突升或突降后保持平稳（阈值 {limit} 次）。"
reason_en = "In the half-month before {end} {factor} jumped and then stayed flat {observed} times (threshold {limit})."

[episode]
quiet_gap_h = 72

[params.jump_percent]
default = 60.0
min = 10.0
max = 500.0
unit = "%"
doc = "change from one hour to the next, of the hour before"

[params.flat_percent]
default = 5.0
min = 0.1
max = 50.0
unit = "%"
doc = "how far the hours after it may lie from its level"

[params.flat_hours]
default = 5
min = 2
max = 24
unit = "h"
doc = "hours that have to stay at the level"

[params.times]
default = 4
min = 1
max = 50
unit = "1"
doc = "this often or more is flagged"

[params.days]
default = 15
min = 5
max = 15
unit = "d"
doc = "days looked at, the judged one included"

[params.min_hours]
default = 48
min = 6
max = 360
unit = "h"
doc = "valid hours those days need to pass"

[screen]
look = "concentration AND (watched AND gas OR t_steps >= $times)"
passed = "CASE WHEN concentration AND t_hours >= $min_hours THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_valid_hours = "CASE WHEN concentration AND t_hours < $min_hours THEN 1 ELSE 0 END"

[screen.trailing]
t_hours = { sum = "CASE WHEN concentration THEN valid END", days = "$days" }
t_steps = { sum = "CASE WHEN NOT concentration THEN NULL WHEN $jump_percent >= 60.0 THEN steps_60 WHEN $jump_percent >= 30.0 THEN steps_30 ELSE steps_10 END", days = "$days + 1" }
---*/
-- A jump is an hour that differs from the one before by the share or more; it counts when the hours
-- after it keep its level. Hours that are not valid, or in which power or process values
-- show the production at rest, end a pattern. An analyser that gives a value every
-- two hours or more seldom has no hour after a jump, so its days are not judged.
WITH jumps AS (
  SELECT mn, factor, day_of(j['done']) AS date, count(*) AS jumps
  FROM (
    SELECT mn, factor,
           unnest(jumps_then_flat(hour, value, $jump_percent / 100.0, $flat_percent / 100.0,
                                  $flat_hours, 3600)) AS j
    FROM normal_hours
    WHERE normal AND is_concentration(factor)
    GROUP BY mn, factor
  )
  GROUP BY mn, factor, day_of(j['done'])
),
days AS (
  SELECT h.mn, h.factor, h.date, count(*) FILTER (WHERE h.normal) AS hours, count(s.mn) > 0 AS slow
  FROM normal_hours h
  LEFT JOIN (SELECT mn, factor, date, cadence_s FROM daily WHERE cadence_s > 3600) s
    ON s.mn = h.mn AND s.factor = h.factor AND s.date = h.date
  WHERE is_concentration(h.factor)
  GROUP BY h.mn, h.factor, h.date
),
spans AS (
  SELECT d.mn, d.factor, d.date, d.slow,
         trailing_sum(d.hours, d.date, $days) OVER series AS hours,
         trailing_sum(coalesce(j.jumps, 0), d.date, $days) OVER series AS jumps
  FROM days d
  LEFT JOIN jumps j ON j.mn = d.mn AND j.factor = d.factor AND j.date = d.date
  WINDOW series AS (PARTITION BY d.mn, d.factor ORDER BY d.date)
)
SELECT s.mn, s.factor, day_start(s.date) AS window_start,
       day_start(s.date) + INTERVAL '24 hours' AS window_end,
       jumps AS observed, $times AS limit_value, '1' AS unit, jumps AS points,
       CASE WHEN jumps >= $times THEN 'flagged'
            WHEN slow OR hours < $min_hours THEN 'not_evaluated' ELSE 'passed' END AS outcome,
       CASE WHEN jumps >= $times THEN NULL
            WHEN slow THEN 'cadence_over_an_hour'
            WHEN hours < $min_hours THEN 'too_few_valid_hours' END AS why
FROM spans s
JOIN core c ON c.mn = s.mn AND c.date = s.date
