/*---
id = "Q09"
version = 4
name_zh = "突变/尖峰"
name_en = "spike"
group = "quality"
severity = "S4"
basis = "Experience value (three standard deviations)"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
lookback_h = 48
evidence = ["hours", "minutes"]
exempts = ["M4"]
reason_zh = "{factor} 于 {start} 出现尖峰 {observed}，此前 24 小时中位数 {limit}。"
reason_en = "{factor} spiked to {observed} at {start}; the median of the 24 hours before was {limit}."

[episode]
quiet_gap_h = 6

[params.sigmas]
default = 3.0
min = 1.0
max = 10.0
unit = "1"
doc = "standard deviations of the day before"

[params.medians]
default = 3.0
min = 0.5
max = 20.0
unit = "1"
doc = "medians of the day before"

[params.min_hours]
default = 12
min = 1
max = 24
unit = "h"
doc = "valid hours a day needs to pass"

[screen]
look = "concentration AND valid > 0 AND (t_lowest <= 0.0 OR highest > 0.999999 * (1.0 + $medians) * t_lowest OR lowest < (1.0 - $medians) * t_highest)"
passed = "CASE WHEN concentration AND valid >= $min_hours THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_valid_hours = "CASE WHEN concentration AND valid < $min_hours THEN 1 ELSE 0 END"

[screen.trailing]
t_lowest = { min = "CASE WHEN concentration THEN lowest END", days = "2" }
t_highest = { max = "CASE WHEN concentration THEN highest END", days = "2" }
---*/
-- An hour further from the median of the 24 hours before it than three standard deviations and three
-- medians, whose neighbours on both sides are not. What lasts for hours is a level (an exceedance, a
-- start), and its last hour is no spike because the next one is back. Hours of a level widen the
-- deviation until one of them falls just short of it: a neighbour beyond half of the way makes a level too.
-- An analyser that gives a value every two hours or more seldom has no such neighbours: not judged.
WITH found AS (
  SELECT mn, factor, s['at'] AS at, s['before'] AS usual, s['after'] AS value
  FROM (
    SELECT mn, factor, unnest(spikes(hour, value, $sigmas, $medians, 86400, 3600)) AS s
    FROM hourly
    WHERE valid AND is_concentration(factor)
    GROUP BY mn, factor
  )
),
spikes AS (
  SELECT f.*
  FROM found f
  LEFT ANTI JOIN hourly n
    ON n.mn = f.mn AND n.factor = f.factor AND n.valid AND n.hour <> f.at
   AND n.hour >= f.at - INTERVAL '1 hour' AND n.hour <= f.at + INTERVAL '1 hour'
   AND (n.value - f.usual) * (f.value - f.usual) > 0.5 * (f.value - f.usual) * (f.value - f.usual)
),
calibrated AS (
  SELECT DISTINCT s.mn, s.factor, s.at
  FROM spikes s
  JOIN equipment_events e ON e.mn = s.mn AND (e.factor IS NULL OR e.factor = s.factor)
                         AND e.at >= s.at - INTERVAL '30 minutes' AND e.at < s.at + INTERVAL '90 minutes'
  WHERE e.kind IN ('zero_calibration', 'span_calibration', 'calibration', 'standard_check')
),
days AS (
  SELECT h.mn, h.factor, h.date, count(*) FILTER (WHERE h.valid) AS hours, count(s.mn) > 0 AS slow
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  LEFT JOIN (SELECT mn, factor, date, cadence_s FROM daily WHERE cadence_s > 3600) s
    ON s.mn = h.mn AND s.factor = h.factor AND s.date = h.date
  WHERE is_concentration(h.factor)
  GROUP BY h.mn, h.factor, h.date
)
SELECT d.mn, d.factor,
       coalesce(s.at, day_start(d.date)) AS window_start,
       coalesce(s.at + INTERVAL '1 hour', day_start(d.date) + INTERVAL '24 hours') AS window_end,
       s.value AS observed, s.usual AS limit_value, reading_unit(d.mn, d.factor) AS unit,
       CASE WHEN s.mn IS NOT NULL THEN 1 ELSE d.hours END AS points,
       CASE WHEN s.mn IS NOT NULL THEN 'flagged'
            WHEN d.slow OR d.hours < $min_hours THEN 'not_evaluated' ELSE 'passed' END AS outcome,
       CASE WHEN s.mn IS NOT NULL THEN NULL
            WHEN d.slow THEN 'cadence_over_an_hour'
            WHEN d.hours < $min_hours THEN 'too_few_valid_hours' END AS why,
       CASE WHEN k.mn IS NOT NULL THEN 'S3' END AS severity,
       CASE WHEN k.mn IS NOT NULL THEN '{"near_calibration":true}' END AS detail
FROM days d
LEFT JOIN spikes s ON s.mn = d.mn AND s.factor = d.factor AND day_of(s.at) = d.date
LEFT JOIN calibrated k ON k.mn = s.mn AND k.factor = s.factor AND k.at = s.at
