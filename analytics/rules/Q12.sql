/*---
id = "Q12"
version = 2
name_zh = "昼夜差异"
name_en = "day/night difference"
group = "quality"
severity = "S3"
basis = "Ecological and Environmental Code art. 164; rule set of 18 kinds of abnormal automatic data, no. 14"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours"]
exempts = ["M3"]
reason_zh = "{factor} 截至 {end} 的半月内夜间（21-04 时）浓度均值为白天的 {observed} 倍（阈值 {limit} 倍），流量同时偏高。"
reason_en = "In the half-month before {end} {factor} was {observed} times as high at night (21-04 h) as by day (threshold {limit}), with more flow at the same time."

[episode]
quiet_gap_h = 72

[params.ratio]
default = 1.3
min = 1.05
max = 10.0
unit = "1"
doc = "night mean over day mean from which on it is flagged, of concentration and of flow"

[params.days]
default = 15
min = 5
max = 15
unit = "d"
doc = "days looked at, the judged one included"

[params.min_hours]
default = 40
min = 8
max = 120
unit = "h"
doc = "valid hours needed by night and by day"

[screen]
look = "concentration AND (watched AND gas OR t_night >= $min_hours AND t_light >= $min_hours AND (t_light_value <= 0.0 OR (t_night_value / t_night >= 0.999999 * $ratio * t_light_value / t_light AND t_night_flow / t_night >= 0.999999 * $ratio * t_light_flow / t_light)))"
passed = "CASE WHEN concentration AND t_night >= $min_hours AND t_light >= $min_hours THEN 1 ELSE 0 END"

[screen.unevaluated]
no_flow = "CASE WHEN concentration AND t_night IS NULL THEN 1 ELSE 0 END"
too_few_valid_hours = "CASE WHEN concentration AND (t_night < $min_hours OR t_light < $min_hours) THEN 1 ELSE 0 END"

[screen.trailing]
t_night = { sum = "CASE WHEN night_hours + light_hours > 0 THEN night_hours END", days = "$days" }
t_light = { sum = "CASE WHEN night_hours + light_hours > 0 THEN light_hours END", days = "$days" }
t_night_value = { sum = "night_value", days = "$days" }
t_light_value = { sum = "light_value", days = "$days" }
t_night_flow = { sum = "night_flow", days = "$days" }
t_light_flow = { sum = "light_flow", days = "$days" }
---*/
-- Night is 21:00 to 05:00, day 05:00 to 21:00. Both concentration and flow have to be higher at
-- night: a cleaner night with more flow, or the reverse, has other causes. Hours in which power or process
-- values show the production at rest are left out.
WITH hours AS (
  SELECT mn, factor, hour, date, value, flow,
         date_part('hour', hour + INTERVAL '8 hours') NOT BETWEEN 5 AND 20 AS night
  FROM normal_hours
  WHERE is_concentration(factor) AND normal AND flow > 0.0
),
days AS (
  SELECT mn, factor, date,
         count(*) FILTER (WHERE night) AS night_hours,
         count(*) FILTER (WHERE NOT night) AS day_hours,
         ordered_sum(value, hour) FILTER (WHERE night) AS night_value,
         ordered_sum(value, hour) FILTER (WHERE NOT night) AS day_value,
         ordered_sum(flow, hour) FILTER (WHERE night) AS night_flow,
         ordered_sum(flow, hour) FILTER (WHERE NOT night) AS day_flow
  FROM hours
  GROUP BY mn, factor, date
),
every AS (
  SELECT h.mn, h.factor, h.date, d.night_hours, d.day_hours, d.night_value, d.day_value,
         d.night_flow, d.day_flow, h.at_rest
  FROM (
    SELECT mn, factor, date, count(*) FILTER (WHERE valid AND at_rest AND flow > 0.0) AS at_rest
    FROM normal_hours
    WHERE is_concentration(factor)
    GROUP BY mn, factor, date
  ) h
  LEFT JOIN days d ON d.mn = h.mn AND d.factor = h.factor AND d.date = h.date
),
spans AS (
  SELECT mn, factor, date,
         trailing_sum(night_hours, date, $days) OVER series AS night_hours,
         trailing_sum(day_hours, date, $days) OVER series AS day_hours,
         trailing_sum(night_value, date, $days) OVER series AS night_value,
         trailing_sum(day_value, date, $days) OVER series AS day_value,
         trailing_sum(night_flow, date, $days) OVER series AS night_flow,
         trailing_sum(day_flow, date, $days) OVER series AS day_flow,
         trailing_sum(at_rest, date, $days) OVER series AS at_rest
  FROM every
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
),
judged AS (
  SELECT s.*,
         (night_value / night_hours) / (day_value / day_hours) AS ratio,
         (night_flow / night_hours) / (day_flow / day_hours) AS flow_ratio,
         CASE WHEN night_hours IS NULL AND at_rest > 0.0 THEN 'not_in_production'
              WHEN night_hours IS NULL THEN 'no_flow'
              WHEN night_hours < $min_hours OR day_hours < $min_hours THEN 'too_few_valid_hours'
              WHEN day_value <= 0.0 THEN 'no_positive_mean' END AS why
  FROM spans s
  JOIN core c ON c.mn = s.mn AND c.date = s.date
)
SELECT mn, factor, day_start(date) AS window_start,
       day_start(date) + INTERVAL '24 hours' AS window_end,
       ratio AS observed, $ratio AS limit_value, '1' AS unit, night_hours + day_hours AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN ratio >= $ratio AND flow_ratio >= $ratio THEN 'flagged' ELSE 'passed' END AS outcome,
       why, concat('{"flow_ratio":', flow_ratio, '}') AS detail
FROM judged
