/*---
id = "E08"
version = 1
name_zh = "炉温低于850℃"
name_en = "furnace temperature below 850 degC"
group = "exceedance"
severity = "S4"
basis = "MEE Order No. 10 (automatic monitoring data of waste incineration power plants); GB 18485-2014"
effective_from = "2026-11-23"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "furnace temperature" }
owner = "nonsite"
granularity = "minute"
exempts = ["M2"]
reason_zh = "焚烧炉 {start} 至 {end} 炉膛温度 5 分钟均值低于 {limit} ℃，最低 {observed} ℃，共 {points} 个 5 分钟。"
reason_en = "The furnace was below {limit} degC between {start} and {end}, lowest 5-minute mean {observed} degC, {points} windows of five minutes."

[episode]
quiet_gap_h = 6
lowest = true

[params.low_temp]
default = 850.0
min = 700.0
max = 1100.0
unit = "degC"
doc = "a window whose mean is below this is a pre-warning"

[params.low_windows]
default = 5
min = 0
max = 288
unit = "1"
doc = "more low windows than this in a day are a violation (S2)"

[screen]
look = "incinerator OR process"
passed = "0"
---*/
-- Windows of five minutes are aligned to midnight.
WITH windows AS (
  SELECT mn, unit, factor, date, date_bin(INTERVAL '5 minutes', data_time) AS from_time,
         ordered_sum(value, data_time) / count(value) AS temperature
  FROM furnace_temperature
  WHERE date_bin(INTERVAL '5 minutes', data_time) + INTERVAL '5 minutes' <= $as_of
  GROUP BY mn, unit, factor, date, date_bin(INTERVAL '5 minutes', data_time)
),
judged AS (
  SELECT w.*, coalesce(t.value, $low_temp) AS threshold,
         coalesce(n.value, CAST($low_windows AS DOUBLE)) AS allowed
  FROM windows w
  LEFT JOIN process_thresholds t ON t.mn = w.mn AND t.unit = w.unit AND t.name = 'low_temp'
  LEFT JOIN process_thresholds n ON n.mn = w.mn AND n.unit = w.unit AND n.name = 'low_windows'
),
days AS (
  SELECT mn, unit, date, count(*) AS low
  FROM judged
  WHERE temperature < threshold
  GROUP BY mn, unit, date
)
SELECT j.mn, j.factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       j.from_time AS window_start, j.from_time + INTERVAL '5 minutes' AS window_end,
       j.temperature AS observed, j.threshold AS limit_value, 'degC' AS unit, 1 AS points,
       CASE WHEN j.temperature IS NULL THEN 'not_evaluated'
            WHEN j.temperature < j.threshold THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN j.temperature IS NULL THEN 'no_furnace_temperature' END AS why,
       NULL AS exempt,
       CASE WHEN d.low > j.allowed THEN 'S2' END AS severity,
       CASE WHEN j.temperature < j.threshold
            THEN concat('{"unit":"', j.unit, '","kind":"low_temp","event":"低炉温焚烧","low_windows_of_day":',
                        d.low, '}') END AS detail
FROM judged j
LEFT JOIN days d ON d.mn = j.mn AND d.unit = j.unit AND d.date = j.date
UNION ALL
-- A waste incinerator whose furnace temperature nobody sends: by the day, so that it is said.
SELECT DISTINCT h.mn, NULL, NULL, NULL, CAST(NULL AS INT), day_start(h.date),
       day_start(h.date) + INTERVAL '24 hours', CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE), 'degC', 0,
       'not_evaluated', 'no_furnace_temperature', NULL, NULL, NULL
FROM hourly h
JOIN incinerators i ON i.mn = h.mn
LEFT ANTI JOIN furnace_temperature f ON f.mn = h.mn AND f.date = h.date
WHERE is_gas(h.factor) AND day_start(h.date) + INTERVAL '24 hours' <= $as_of
