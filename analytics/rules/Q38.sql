/*---
id = "Q38"
version = 1
name_zh = "氧含量显示停运但其他参数不符"
name_en = "oxygen says stopped, other parameters say running"
group = "quality"
severity = "S1"
basis = "Ecological and Environmental Code art. 80, 1088; rule set of 18 kinds of abnormal automatic data, no. 16"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "gas", factor = "oxygen (a19001), velocity, temperature, humidity, flow" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours"]
reason_zh = "数采仪 {mn} 截至 {end} 的半月内氧含量超过 20% 的 {points} 小时中，{observed}{unit} 的小时流速、温度、湿度和流量显示在运行。"
reason_en = "Data logger {mn}: of the {points} hours with oxygen above 20 % in the half-month before {end}, velocity, temperature, humidity and flow looked like operation in {observed}{unit}."

[episode]
quiet_gap_h = 72

[params.oxygen]
default = 20.0
min = 18.0
max = 20.9
unit = "%"
doc = "oxygen above which a source seems to rest"

[params.velocity]
default = 5.0
min = 0.5
max = 30.0
unit = "m/s"
doc = "velocity of operation"

[params.temperature]
default = 60.0
min = 20.0
max = 300.0
unit = "degC"
doc = "temperature of operation"

[params.humidity]
default = 5.0
min = 0.5
max = 30.0
unit = "%"
doc = "humidity of operation"

[params.flow]
default = 80000.0
min = 100.0
max = 5000000.0
unit = "m3/h"
doc = "flow of operation"

[params.signs]
default = 4
min = 1
max = 4
unit = "1"
doc = "parameters that have to look like operation"

[params.hours]
default = 120
min = 1
max = 360
unit = "h"
doc = "more such hours than this are needed"

[params.percent]
default = 80.0
min = 10.0
max = 100.0
unit = "%"
doc = "share of the resting hours that look like operation"

[params.days]
default = 15
min = 1
max = 15
unit = "d"
doc = "days looked at, the judged one included"

[screen]
look = "((factor = 'a19001') IS TRUE) AND t_resting > $hours"
passed = "CASE WHEN ((factor = 'a19001') IS TRUE) THEN 1 ELSE 0 END"

[screen.trailing]
t_resting = { sum = "CASE WHEN ((factor = 'a19001') IS TRUE) THEN CASE WHEN highest > $oxygen THEN valid ELSE 0 END END", days = "$days" }
---*/
-- All four parameters have to speak for operation; set `signs` lower where the guide is read as any
-- two of them.
WITH hours AS (
  SELECT o.mn, o.hour, o.date,
         CASE WHEN v.value >= $velocity THEN 1 ELSE 0 END + CASE WHEN t.value >= $temperature THEN 1 ELSE 0 END
           + CASE WHEN w.value >= $humidity THEN 1 ELSE 0 END
           + CASE WHEN q.value * unit_scale(reading_unit(q.mn, 'a00000'), 'm3/h') >= $flow THEN 1 ELSE 0 END AS signs,
         CASE WHEN v.mn IS NULL THEN 0 ELSE 1 END + CASE WHEN t.mn IS NULL THEN 0 ELSE 1 END
           + CASE WHEN w.mn IS NULL THEN 0 ELSE 1 END + CASE WHEN q.mn IS NULL THEN 0 ELSE 1 END AS known
  FROM hourly o
  LEFT JOIN hourly v ON v.mn = o.mn AND v.hour = o.hour AND v.factor = 'a01011' AND v.valid
  LEFT JOIN hourly t ON t.mn = o.mn AND t.hour = o.hour AND t.factor = 'a01012' AND t.valid
  LEFT JOIN hourly w ON w.mn = o.mn AND w.hour = o.hour AND w.factor = 'a01014' AND w.valid
  LEFT JOIN hourly q ON q.mn = o.mn AND q.hour = o.hour AND q.factor = 'a00000' AND q.valid
  WHERE o.factor = 'a19001' AND o.valid AND o.value > $oxygen
),
days AS (
  SELECT d.mn, d.date, count(h.mn) AS resting,
         count(h.mn) FILTER (WHERE h.known >= $signs) AS measured,
         count(h.mn) FILTER (WHERE h.signs >= $signs) AS running
  FROM (SELECT DISTINCT mn, date FROM hourly WHERE factor = 'a19001') d
  LEFT JOIN hours h ON h.mn = d.mn AND h.date = d.date
  GROUP BY d.mn, d.date
),
spans AS (
  SELECT mn, date, trailing_sum(resting, date, $days) OVER series AS resting,
         trailing_sum(measured, date, $days) OVER series AS measured,
         trailing_sum(running, date, $days) OVER series AS running
  FROM days
  WINDOW series AS (PARTITION BY mn ORDER BY date)
)
SELECT s.mn, 'a19001' AS factor, day_start(s.date) AS window_start,
       day_start(s.date) + INTERVAL '24 hours' AS window_end,
       CASE WHEN resting > 0.0 THEN 100.0 * running / resting END AS observed, $percent AS limit_value,
       '%' AS unit, resting AS points,
       CASE WHEN resting > $hours AND measured <= $hours THEN 'not_evaluated'
            WHEN running > $hours AND 100.0 * running >= $percent * resting THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN resting > $hours AND measured <= $hours THEN 'too_few_parameters' END AS why
FROM spans s
JOIN core c ON c.mn = s.mn AND c.date = s.date
