/*---
id = "Q27"
version = 1
name_zh = "流量复算不一致"
name_en = "flow recomputation mismatch"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; HJ 75-2017 (flow at standard state)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "gas", factor = "flow (a00000)" }
owner = "nonsite"
granularity = "hour"
daily = true
evidence = ["hours"]
reason_zh = "数采仪 {mn} 自 {start} 至 {end} 上报标态流量 {observed} {unit} 与按流速、截面积、温压湿复算的 {limit} {unit} 不一致，共 {points} 小时。"
reason_en = "Data logger {mn}: the flow {observed} {unit} sent between {start} and {end} does not agree with {limit} {unit} from velocity, cross-section, temperature, pressure and humidity, in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.percent]
default = 10.0
min = 1.0
max = 50.0
unit = "%"
doc = "difference tolerated, of the recomputed flow; the guide has 5, which takes the ambient pressure of the day"

[params.ambient_kpa]
default = 101.325
min = 60.0
max = 105.0
unit = "kPa"
doc = "ambient pressure; set it for stations at altitude"

[params.swing_percent]
default = 30.0
min = 1.0
max = 1000.0
unit = "%"
doc = "range of the velocity within the hour, of its mean, up to which an hour is judged"

[screen]
look = "((factor = 'a00000') IS TRUE) AND with_humidity > 0 AND (sectioned OR ducted)"
passed = "0"

[screen.unevaluated]
no_velocity = "CASE WHEN ((factor = 'a00000') IS TRUE) THEN valid - with_velocity ELSE 0 END"
no_temperature = "CASE WHEN ((factor = 'a00000') IS TRUE) THEN with_velocity - with_heat ELSE 0 END"
no_humidity = "CASE WHEN ((factor = 'a00000') IS TRUE) THEN with_heat - with_humidity ELSE 0 END"
no_cross_section = "CASE WHEN ((factor = 'a00000') IS TRUE) THEN with_humidity ELSE 0 END"
---*/
-- v x A x Kv x 273/(273+T) x (Ba+Ps)/101.325 x (1-Xsw) in m3/s. The cross-section is the one sent
-- (a01016), else the filed one; Kv is the filed velocity-field factor, else 1. Hours whose velocity
-- swings are not judged: a product of means is not a mean of products.
WITH hours AS (
  SELECT q.mn, q.hour, q.value * unit_scale(reading_unit(q.mn, 'a00000'), 'm3/s') AS flow,
         v.value AS velocity, v.max - v.min AS swing, t.value AS temperature,
         p.value AS pressure, w.value AS humidity, a.value AS area
  FROM hourly q
  LEFT JOIN hourly v ON v.mn = q.mn AND v.hour = q.hour AND v.factor = 'a01011' AND v.valid
  LEFT JOIN hourly t ON t.mn = q.mn AND t.hour = q.hour AND t.factor = 'a01012' AND t.valid
  LEFT JOIN hourly p ON p.mn = q.mn AND p.hour = q.hour AND p.factor = 'a01013' AND p.valid
  LEFT JOIN hourly w ON w.mn = q.mn AND w.hour = q.hour AND w.factor = 'a01014' AND w.valid
  LEFT JOIN hourly a ON a.mn = q.mn AND a.hour = q.hour AND a.factor = 'a01016' AND a.valid
  JOIN core c ON c.mn = q.mn AND c.date = q.date
  WHERE q.factor = 'a00000' AND q.valid
),
filed AS (
  SELECT h.mn, h.hour,
         max(CASE WHEN f.parameter IN ('a01016', 'cross_section') THEN f.value END) AS area,
         max(CASE WHEN f.parameter IN ('kv', 'velocity_field_factor') THEN f.value END) AS kv
  FROM hours h
  JOIN filed_parameters f ON f.mn = h.mn AND h.hour >= f.in_force_from AND h.hour < f.in_force_to
  WHERE f.parameter IN ('a01016', 'cross_section', 'kv', 'velocity_field_factor')
  GROUP BY h.mn, h.hour
),
judged AS (
  SELECT h.mn, h.hour, h.flow,
         h.velocity * coalesce(h.area, f.area) * coalesce(f.kv, 1.0) * 273.0 / (273.0 + h.temperature)
           * ($ambient_kpa + coalesce(h.pressure, 0.0)) / 101.325
           * (1.0 - coalesce(h.humidity, 0.0) / 100.0) AS again,
         CASE WHEN h.flow IS NULL THEN 'unit_unknown'
              WHEN h.velocity IS NULL THEN 'no_velocity' WHEN h.temperature IS NULL THEN 'no_temperature'
              WHEN h.humidity IS NULL THEN 'no_humidity'
              WHEN coalesce(h.area, f.area) IS NULL THEN 'no_cross_section'
              WHEN h.swing > $swing_percent / 100.0 * h.velocity THEN 'velocity_swings' END AS why
  FROM hours h
  LEFT JOIN filed f ON f.mn = h.mn AND f.hour = h.hour
)
SELECT mn, 'a00000' AS factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       flow AS observed, again AS limit_value, 'm3/s' AS unit,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN abs(flow - again) > $percent / 100.0 * again THEN 'flagged' ELSE 'passed' END AS outcome,
       why
FROM judged
