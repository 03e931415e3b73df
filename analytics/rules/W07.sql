/*---
id = "W07"
version = 1
name_zh = "焚烧工艺参数预警"
name_en = "incinerator process warnings"
group = "condition"
severity = "S4"
basis = "GB 18485-2014; operating rules of HJ and CJJ standards for waste incineration, as written into the plant's sheet"
effective_from = "2026-11-23"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "process values of the furnace" }
owner = "nonsite"
granularity = "realtime"
evidence = ["hours"]
exempts = ["M2"]
reason_zh = "工艺参数 {factor} 自 {start} 至 {end} 超出运行范围，最突出值 {observed} {unit}（阈值 {limit} {unit}），共 {points} 个数据。"
reason_en = "Process value {factor} left its operating range between {start} and {end}, furthest {observed} {unit} (threshold {limit} {unit}), {points} values."

[episode]
quiet_gap_h = 6

[params.bag_dp_high]
default = 2000.0
min = 100.0
max = 10000.0
unit = "Pa"
doc = "pressure loss of the bag filter above this"

[params.bag_dp_low]
default = 500.0
min = 0.0
max = 5000.0
unit = "Pa"
doc = "pressure loss of the bag filter below this"

[params.o2_high]
default = 10.0
min = 1.0
max = 21.0
unit = "%"
doc = "oxygen at the furnace outlet above this"

[params.o2_low]
default = 6.0
min = 0.0
max = 20.0
unit = "%"
doc = "oxygen at the furnace outlet below this"

[params.carbon_low]
default = 3.0
min = 0.0
max = 1000.0
unit = "kg/h"
doc = "activated carbon fed below this"

[params.furnace_hot]
default = 1200.0
min = 850.0
max = 1600.0
unit = "degC"
doc = "hourly mean furnace temperature above this, up to furnace_very_hot"

[params.furnace_very_hot]
default = 1300.0
min = 850.0
max = 1600.0
unit = "degC"
doc = "hourly mean furnace temperature above this"

[params.max_gap_min]
default = 1440
min = 1
max = 1440
unit = "min"
doc = "a stretch ends when nothing at all was recorded for longer than this"

[screen]
look = "process OR incinerator"
passed = "0"
---*/
-- Instant values: one window per unbroken stretch of a day, from its first value. A day's record
-- begins at midnight, and so does a stretch that goes on over midnight.
WITH checks AS (
  SELECT * FROM (VALUES
    ('bag_dp_high', 'bag_pressure', TRUE, $bag_dp_high, 'Pa', '布袋除尘器压力损失偏高'),
    ('bag_dp_low', 'bag_pressure', FALSE, $bag_dp_low, 'Pa', '布袋除尘器压力损失偏低'),
    ('o2_high', 'furnace_oxygen', TRUE, $o2_high, '%', '焚烧炉出口氧含量偏高'),
    ('o2_low', 'furnace_oxygen', FALSE, $o2_low, '%', '焚烧炉出口氧含量偏低'),
    ('carbon_low', 'carbon_feed', FALSE, $carbon_low, 'kg/h', '活性炭投加量不足')
  ) AS c (kind, role, above, threshold, measured_in, event)
),
readings_judged AS (
  SELECT v.mn, v.unit, v.factor, v.date, v.data_time, v.value, c.kind, c.above, c.measured_in,
         c.event, coalesce(t.value, c.threshold) AS threshold
  FROM process_values v
  JOIN checks c ON c.role = v.role
  LEFT JOIN process_thresholds t ON t.mn = v.mn AND t.unit = v.unit AND t.name = c.kind
  WHERE v.data_time <= $as_of
),
days AS (
  SELECT mn, unit, factor, date, kind, above, measured_in, event, threshold,
         min(data_time) AS first_time, max(data_time) AS last_time, count(value) AS judged,
         runs_where(data_time, value,
                    CASE WHEN above THEN value > threshold ELSE value < threshold END,
                    $max_gap_min * 60) AS stretches
  FROM readings_judged
  GROUP BY mn, unit, factor, date, kind, above, measured_in, event, threshold
),
stretches AS (
  SELECT *, s['from_time'] AS from_time, s['to_time'] AS to_time, s['points'] AS points,
         CASE WHEN above THEN s['most'] ELSE s['least'] END AS furthest
  FROM (SELECT *, unnest(stretches) AS s FROM days)
),
-- Furnace temperature by the hour.
hours AS (
  SELECT f.mn, f.unit, f.factor, date_trunc('hour', f.data_time) AS hour,
         ordered_sum(f.value, f.data_time) / count(f.value) AS temperature, count(f.value) AS points,
         coalesce(max(h.value), $furnace_hot) AS hot,
         coalesce(max(v.value), $furnace_very_hot) AS very_hot
  FROM furnace_temperature f
  LEFT JOIN process_thresholds h ON h.mn = f.mn AND h.unit = f.unit AND h.name = 'furnace_hot'
  LEFT JOIN process_thresholds v ON v.mn = f.mn AND v.unit = f.unit AND v.name = 'furnace_very_hot'
  WHERE date_trunc('hour', f.data_time) + INTERVAL '1 hour' <= $as_of
  GROUP BY f.mn, f.unit, f.factor, date_trunc('hour', f.data_time)
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       from_time AS window_start, to_time + INTERVAL '1 second' AS window_end,
       furthest AS observed, threshold AS limit_value, measured_in AS unit, points,
       'flagged' AS outcome, NULL AS why, NULL AS exempt, NULL AS severity,
       concat('{"unit":"', unit, '","kind":"', kind, '","event":"', event, '"}') AS detail
FROM stretches
UNION ALL
SELECT mn, factor, NULL, NULL, NULL, first_time, last_time + INTERVAL '1 second', NULL, threshold,
       measured_in, judged,
       CASE WHEN judged = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN judged = 0 THEN 'no_value' END, NULL, NULL, NULL
FROM days
WHERE cardinality(stretches) = 0
UNION ALL
SELECT mn, factor, NULL, NULL, NULL, hour, hour + INTERVAL '1 hour', temperature,
       CASE WHEN temperature > very_hot THEN very_hot ELSE hot END, 'degC', points,
       CASE WHEN temperature IS NULL THEN 'not_evaluated' WHEN temperature > hot THEN 'flagged'
            ELSE 'passed' END,
       CASE WHEN temperature IS NULL THEN 'no_furnace_temperature' END, NULL, NULL,
       CASE WHEN temperature > very_hot
            THEN concat('{"unit":"', unit, '","kind":"furnace_very_hot","event":"炉膛温度过高"}')
            WHEN temperature > hot
            THEN concat('{"unit":"', unit, '","kind":"furnace_hot","event":"炉膛温度偏高"}') END
FROM hours
UNION ALL
-- A waste incinerator of which no process value is known: by the day, so that it is said.
SELECT DISTINCT h.mn, NULL, NULL, NULL, CAST(NULL AS INT), day_start(h.date),
       day_start(h.date) + INTERVAL '24 hours', CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE),
       CAST(NULL AS VARCHAR), 0, 'not_evaluated', 'no_process_values', NULL, NULL, NULL
FROM hourly h
JOIN incinerators i ON i.mn = h.mn
LEFT ANTI JOIN process_values v ON v.mn = h.mn AND v.date = h.date AND v.role NOT IN ('production_power', 'abatement_power')
WHERE is_gas(h.factor) AND day_start(h.date) + INTERVAL '24 hours' <= $as_of
