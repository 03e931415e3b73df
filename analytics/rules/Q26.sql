/*---
id = "Q26"
version = 1
name_zh = "临限陡降"
name_en = "steep drop near the limit"
group = "quality"
severity = "S1"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry (remote control)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 696
evidence = ["hours", "minutes", "limit_hour"]
exempts = ["M4"]
reason_zh = "{factor} 截至 {end} 的 30 天内在限值附近陡降 {observed} 次（阈值 {limit} 次）。"
reason_en = "In the 30 days before {end} {factor} fell steeply from near its limit {observed} times (threshold {limit})."

[episode]
quiet_gap_h = 72

[params.margin]
default = 0.1
min = 0.01
max = 0.3
unit = "1"
doc = "how far from the limit, of it, a value is near"

[params.fall]
default = 0.5
min = 0.1
max = 0.95
unit = "1"
doc = "share by which it has to fall"

[params.within_s]
default = 600
min = 60
max = 3600
unit = "s"
doc = "time within which it has to fall"

[params.times]
default = 3
min = 1
max = 50
unit = "1"
doc = "this often or more is flagged"

[params.days]
default = 30
min = 7
max = 30
unit = "d"
doc = "days looked at, the judged one included"

[screen]
look = "concentration AND limit_changes"
passed = "CASE WHEN concentration AND limit_hour IS NOT NULL AND NOT limit_converted THEN 1 ELSE 0 END"

[screen.unevaluated]
no_limit = "CASE WHEN concentration AND limit_hour IS NULL THEN 1 ELSE 0 END"
limit_for_converted_values = "CASE WHEN concentration AND limit_hour IS NOT NULL AND limit_converted THEN 1 ELSE 0 END"
---*/
-- A minute value within a tenth of the hourly limit whose successor is half or less. The source has to
-- go on: the flow of that hour must not have fallen below half of the hour before.
WITH near AS (
  SELECT DISTINCT h.mn, h.factor, h.hour, l.limit_value
  FROM hourly h
  JOIN mn_limits l ON l.mn = h.mn AND l.factor = h.factor AND l.averaging = 'hour'
                  AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
  WHERE is_concentration(h.factor) AND l.limit_value > 0.0 AND l.basis <> 'converted'
    AND h.max >= l.limit_value * (1.0 - $margin)
),
drops AS (
  SELECT mn, factor, d['at'] AS at
  FROM (
    SELECT r.mn, r.factor, n.hour,
           unnest(steep_drops(r.data_time, r.value, n.limit_value, $margin, $fall, $within_s)) AS d
    FROM near n
    JOIN readings_raw r ON r.mn = n.mn AND r.factor = n.factor AND r.granularity = 'minute'
                       AND r.data_time >= n.hour AND r.data_time < n.hour + INTERVAL '70 minutes'
    WHERE mark_class(r.flag) = 'normal' AND r.value IS NOT NULL AND NOT r.resend
    GROUP BY r.mn, r.factor, n.hour
  )
),
counted AS (
  SELECT d.mn, d.factor, day_of(d.at) AS date, count(DISTINCT d.at) AS drops
  FROM drops d
  LEFT JOIN hourly now ON now.mn = d.mn AND now.factor = d.factor AND now.hour = date_trunc('hour', d.at)
  LEFT JOIN hourly before ON before.mn = d.mn AND before.factor = d.factor
                         AND before.hour = date_trunc('hour', d.at) - INTERVAL '1 hour'
  WHERE coalesce(now.flow >= 0.5 * before.flow, true)
  GROUP BY d.mn, d.factor, day_of(d.at)
),
days AS (
  SELECT h.mn, h.factor, h.date, max(l.limit_value) AS limit_value,
         max(CASE WHEN l.basis = 'converted' THEN 1 ELSE 0 END) AS converted
  FROM hourly h
  LEFT JOIN mn_limits l ON l.mn = h.mn AND l.factor = h.factor AND l.averaging = 'hour'
                       AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
  WHERE is_concentration(h.factor)
  GROUP BY h.mn, h.factor, h.date
),
spans AS (
  SELECT d.mn, d.factor, d.date, d.limit_value, d.converted,
         trailing_sum(coalesce(k.drops, 0), d.date, $days) OVER series AS drops
  FROM days d
  LEFT JOIN counted k ON k.mn = d.mn AND k.factor = d.factor AND k.date = d.date
  WINDOW series AS (PARTITION BY d.mn, d.factor ORDER BY d.date)
)
SELECT s.mn, s.factor, day_start(s.date) AS window_start,
       day_start(s.date) + INTERVAL '24 hours' AS window_end,
       drops AS observed, $times AS limit_value, '1' AS unit, drops AS points,
       CASE WHEN s.limit_value IS NULL OR converted = 1 THEN 'not_evaluated'
            WHEN drops >= $times THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN s.limit_value IS NULL THEN 'no_limit'
            WHEN converted = 1 THEN 'limit_for_converted_values' END AS why
FROM spans s
JOIN core c ON c.mn = s.mn AND c.date = s.date
