/*---
id = "Q37"
version = 2
name_zh = "维护后电平跃迁"
name_en = "another level after maintenance"
group = "quality"
severity = "S3"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry (use of maintenance to adjust an instrument)"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
daily = true
lookback_h = 72
evidence = ["hours"]
exempts = ["M4"]
reason_zh = "{factor} 截至 {end} 的维护、校准或故障之后 24 小时的中位值为 {observed} {unit}，之前 24 小时为 {limit} {unit}，而烟气（水）流量相近。"
reason_en = "{factor}: in the 24 hours up to {end}, after maintenance, calibration or a fault, the median was {observed} {unit}; in the 24 hours before it was {limit} {unit} at about the same flow."

[episode]
quiet_gap_h = 24

[params.percent]
default = 30.0
min = 5.0
max = 200.0
unit = "%"
doc = "difference of the medians, of the former, above which a shift is flagged"

[params.load]
default = 15.0
min = 1.0
max = 100.0
unit = "%"
doc = "difference of the flow's medians up to which the load counts as equal"

[params.min_hours]
default = 12
min = 4
max = 24
unit = "h"
doc = "valid hours each side needs"

[params.near_h]
default = 4
min = 1
max = 12
unit = "h"
doc = "hours right before and right after between which the shift has to lie as well"

[screen]
look = "l_worked > 0"
passed = "0"

[screen.trailing]
l_worked = { sum = "CASE WHEN concentration THEN serviced + faulty ELSE 0 END", days = "2", of_logger = true }
---*/
-- Medians, so that an exceedance of some hours on one side is no shift; and a shift that maintenance
-- made is there at once: a whole day of another level that begins or ends hours away from it has another
-- cause. The window is the last of the
-- 24 hours after, when the judgement can first be made.
WITH stretches AS (
  SELECT mn, factor, r['from_time'] AS from_time, r['to_time'] + INTERVAL '1 hour' AS to_time
  FROM (
    SELECT mn, factor, unnest(constant_runs(hour, worked, 1, 3600)) AS r
    FROM (
      SELECT mn, factor, hour, CASE WHEN mark IN ('M', 'C', 'D') THEN 1.0 END AS worked
      FROM hourly
      WHERE is_concentration(factor)
    )
    GROUP BY mn, factor
  )
),
sides AS (
  SELECT s.mn, s.factor, s.from_time, s.to_time,
         median(h.value) FILTER (WHERE h.hour < s.from_time) AS before,
         median(h.value) FILTER (WHERE h.hour >= s.to_time) AS after,
         median(h.value) FILTER (WHERE h.hour < s.from_time
           AND h.hour >= s.from_time - arrow_cast($near_h * 3600000000, 'Duration(Microsecond)')) AS just_before,
         median(h.value) FILTER (WHERE h.hour >= s.to_time
           AND h.hour < s.to_time + arrow_cast($near_h * 3600000000, 'Duration(Microsecond)')) AS just_after,
         median(h.flow) FILTER (WHERE h.hour < s.from_time) AS flow_before,
         median(h.flow) FILTER (WHERE h.hour >= s.to_time) AS flow_after,
         count(*) FILTER (WHERE h.hour < s.from_time) AS hours_before,
         count(*) FILTER (WHERE h.hour >= s.to_time) AS hours_after
  FROM stretches s
  JOIN core c ON c.mn = s.mn AND c.date = day_of(s.to_time + INTERVAL '23 hours')
  LEFT JOIN hourly h ON h.mn = s.mn AND h.factor = s.factor AND h.valid
                    AND h.hour >= s.from_time - INTERVAL '24 hours'
                    AND h.hour < s.to_time + INTERVAL '24 hours'
  WHERE s.to_time + INTERVAL '24 hours' <= $as_of
  GROUP BY s.mn, s.factor, s.from_time, s.to_time
),
judged AS (
  SELECT *,
         CASE WHEN hours_before < $min_hours OR hours_after < $min_hours
                OR just_before IS NULL OR just_after IS NULL THEN 'too_few_valid_hours'
              WHEN flow_before IS NULL OR flow_after IS NULL THEN 'no_flow'
              WHEN abs(flow_after - flow_before) > $load / 100.0 * flow_before THEN 'load_differs' END AS why
  FROM sides
)
SELECT mn, factor, to_time + INTERVAL '23 hours' AS window_start, to_time + INTERVAL '24 hours' AS window_end,
       after AS observed, before AS limit_value, reading_unit(mn, factor) AS unit, hours_after AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN abs(after - before) > $percent / 100.0 * abs(before)
             AND abs(just_after - just_before) > $percent / 100.0 * abs(just_before)
             AND (after > before) = (just_after > just_before) THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why
FROM judged
