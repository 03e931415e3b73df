/*---
id = "Q11"
version = 2
name_zh = "样气稀释/氧含量异常"
name_en = "sample dilution by air"
group = "quality"
severity = "S1"
basis = "Ecological and Environmental Code art. 80, 1088"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "gas", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
lookback_h = 336
evidence = ["hours", "minutes"]
exempts = ["M2", "M4"]
reason_zh = "{factor} 自 {start} 至 {end} 疑似样气被稀释：氧含量 {observed}{unit}，平时 {limit}{unit}，污染物和湿度同步下降。"
reason_en = "{factor}: the sample looks diluted between {start} and {end}: oxygen {observed}{unit}, usually {limit}{unit}, pollutant and humidity fell together while the source ran."

[episode]
quiet_gap_h = 6

[params.oxygen]
default = 19.0
min = 15.0
max = 20.9
unit = "%"
doc = "oxygen from which on a sample may be diluted"

[params.times]
default = 1.1
min = 1.0
max = 5.0
unit = "1"
doc = "and at least this many times the usual oxygen"

[params.fallen]
default = 0.5
min = 0.05
max = 0.95
unit = "1"
doc = "pollutant at most this share of its usual value"

[params.humidity_fallen]
default = 0.8
min = 0.05
max = 1.0
unit = "1"
doc = "humidity at most this share of its usual value, where measured"

[params.running]
default = 0.7
min = 0.1
max = 1.0
unit = "1"
doc = "flow at least this share of its usual value"

[params.days]
default = 15
min = 5
max = 15
unit = "d"
doc = "days the usual values come from, the judged one included"

[params.min_days]
default = 2
min = 2
max = 15
unit = "d"
doc = "days with oxygen those need"

[params.sure_days]
default = 5
min = 2
max = 15
unit = "d"
doc = "days from which on they are proof enough for S1; S3 before"

[screen]
look = "concentration AND gas AND oxygens > 0 AND o2_highest >= $oxygen"
passed = "CASE WHEN concentration AND gas AND t_known >= $min_days THEN o2_flow_hours ELSE 0 END"

[screen.unevaluated]
no_valid_hour = "CASE WHEN concentration AND gas THEN hours - valid ELSE 0 END"
no_oxygen = "CASE WHEN concentration AND gas THEN valid - o2_hours ELSE 0 END"
no_flow = "CASE WHEN concentration AND gas THEN o2_hours - o2_flow_hours ELSE 0 END"
no_baseline = "CASE WHEN concentration AND gas AND t_known < $min_days THEN o2_flow_hours ELSE 0 END"

[screen.trailing]
t_known = { count = "CASE WHEN o2_hours > 0 THEN 1 END", days = "$days" }
---*/
-- Usual is the median of the days before. A source that stops also shows oxygen near that of air, but
-- then its flow falls: so the flow has to stay, and has to be known. A new logger has few days to
-- compare with: what it shows needs an explanation, it does not send anybody on site.
WITH hours AS (
  SELECT h.mn, h.factor, h.hour, h.date, h.valid, h.value, h.o2, h.flow, w.value AS humidity
  FROM hourly h
  LEFT JOIN hourly w ON w.mn = h.mn AND w.factor = 'a01014' AND w.hour = h.hour AND w.valid
  WHERE is_concentration(h.factor) AND is_gas(h.factor)
),
days AS (
  SELECT mn, factor, date, median(value) FILTER (WHERE valid) AS value,
         median(o2) FILTER (WHERE valid) AS o2, median(flow) FILTER (WHERE valid) AS flow,
         median(humidity) FILTER (WHERE valid) AS humidity
  FROM hours
  GROUP BY mn, factor, date
),
usual AS (
  SELECT mn, factor, date,
         trailing_median(value, date, $days) OVER series AS value,
         trailing_median(o2, date, $days) OVER series AS o2,
         trailing_median(flow, date, $days) OVER series AS flow,
         trailing_median(humidity, date, $days) OVER series AS humidity,
         trailing_count(o2, date, $days) OVER series AS known
  FROM days
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
)
SELECT h.mn, h.factor, h.hour AS window_start, h.hour + INTERVAL '1 hour' AS window_end,
       h.o2 AS observed, u.o2 AS limit_value, '%' AS unit,
       CASE WHEN NOT h.valid OR h.o2 IS NULL OR h.flow IS NULL OR u.known < $min_days THEN 'not_evaluated'
            WHEN h.o2 >= greatest($oxygen, $times * u.o2) AND h.flow >= $running * u.flow
             AND h.value <= $fallen * u.value
             AND (h.humidity IS NULL OR h.humidity <= $humidity_fallen * u.humidity) THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN NOT h.valid THEN 'no_valid_hour'
            WHEN h.o2 IS NULL THEN 'no_oxygen' WHEN h.flow IS NULL THEN 'no_flow'
            WHEN u.known < $min_days THEN 'no_baseline' END AS why,
       CASE WHEN u.known < $sure_days THEN 'S3' END AS severity
FROM hours h
JOIN core c ON c.mn = h.mn AND c.date = h.date
JOIN usual u ON u.mn = h.mn AND u.factor = h.factor AND u.date = h.date
