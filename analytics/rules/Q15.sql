/*---
id = "Q15"
version = 1
name_zh = "排放量复算不一致"
name_en = "mass recomputation mismatch"
group = "quality"
severity = "S3"
basis = "HJ 212-2017 D (mass = concentration x volume); HJ 75-2017"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours"]
reason_zh = "{factor} 自 {start} 至 {end} 上报排放量 {observed} kg 与浓度乘流量复算值 {limit} kg 不一致，共 {points} 小时。"
reason_en = "{factor}: the mass {observed} kg sent between {start} and {end} does not agree with {limit} kg from concentration and flow, in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.percent]
default = 5.0
min = 0.5
max = 50.0
unit = "%"
doc = "difference tolerated, of the recomputed mass"

[params.absolute]
default = 0.001
min = 0.0
max = 10.0
unit = "kg"
doc = "difference tolerated in any case"

[params.swing_percent]
default = 30.0
min = 1.0
max = 1000.0
unit = "%"
doc = "range of the minute values, of their mean, up to which an hour is judged"

[screen]
look = "concentration AND amounts > 0"
passed = "0"
---*/
-- Masses of trace pollutants are sent in g, so what agrees in g agrees. The product of two means is not the mean of products: an hour whose concentration swings by more
-- than the tolerance may differ honestly and is not judged.
WITH hours AS (
  SELECT mn, factor, hour, cou, mark,
         value * unit_scale(reading_unit(mn, factor), CASE WHEN is_gas(factor) THEN 'mg/m3' ELSE 'mg/L' END)
           * volume_m3 * CASE WHEN is_gas(factor) THEN 1e-6 ELSE 1e-3 END AS mass,
         CASE WHEN NOT valid THEN 'no_valid_hour'
              WHEN reading_unit(mn, factor) IS NULL THEN 'unit_unknown'
              WHEN volume_m3 IS NULL THEN 'no_flow'
              WHEN n_received < n_due THEN 'hour_incomplete'
              WHEN max - min > $swing_percent / 100.0 * value THEN 'concentration_swings' END AS why
  FROM hourly
  WHERE is_concentration(factor) AND cou IS NOT NULL AND hour + INTERVAL '1 hour' <= $as_of
)
SELECT mn, factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       cou AS observed, mass AS limit_value, 'kg' AS unit,
       CASE WHEN why IS NOT NULL OR mass IS NULL THEN 'not_evaluated'
            WHEN abs(cou - mass) > $percent / 100.0 * mass AND abs(cou - mass) > $absolute
             AND abs(cou / 1000.0 - mass) > $percent / 100.0 * mass THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN why IS NULL AND mass IS NULL THEN 'unit_unknown' ELSE why END AS why
FROM hours
