/*---
id = "W05"
version = 1
name_zh = "应急减排未落实"
name_en = "emergency stop not kept"
group = "condition"
severity = "S1"
basis = "Ecological and Environmental Code (duties in heavy pollution); emergency plans for heavy pollution weather"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "unit", factor = "power of production" }
owner = "nonsite"
granularity = "realtime"
reason_zh = "重污染天气应急管控期间 {start} 至 {end}，应停产设施用电 {observed} {unit}（启动值 {limit} {unit}）。"
reason_en = "During the heavy-pollution window facilities that had to stand still drew {observed} {unit} between {start} and {end} (on above {limit} {unit})."

[episode]
quiet_gap_h = 6

[params.production_on_kw]
default = 50.0
min = 0.1
max = 100000.0
unit = "kW"
doc = "production counts as on above this; set it per unit in the sheet"

[params.minutes]
default = 30
min = 1
max = 1440
unit = "min"
doc = "production has to be on for longer than this"

[screen]
look = "process"
passed = "0"
---*/
-- Orders that name facilities of the unit to stand still. A demanded cut of energy (a baseline of
-- weeks is needed) is not judged, and says so.
WITH orders AS (
  SELECT DISTINCT o.mn, w.window_id, w.starts_at, least(w.ends_at, $as_of) AS ends_at,
         coalesce(w.stop, '') <> '' AS stands_still
  FROM unit_windows w
  JOIN mn_outlets o ON o.permit_no = w.permit_no AND o.bound_from <= w.starts_at AND o.bound_to > w.starts_at
  WHERE w.kind = 'heavy_pollution' AND w.starts_at <= $as_of
),
power AS (
  SELECT v.mn, v.unit, v.date, v.data_time, o.window_id, o.stands_still, min(v.factor) AS factor,
         sum(v.value) AS kw
  FROM process_values v
  JOIN orders o ON o.mn = v.mn AND v.data_time >= o.starts_at AND v.data_time < o.ends_at
  WHERE v.role = 'production_power'
  GROUP BY v.mn, v.unit, v.date, v.data_time, o.window_id, o.stands_still
),
days AS (
  SELECT p.mn, p.unit, min(p.factor) AS factor, p.date, p.window_id, p.stands_still,
         coalesce(t.value, $production_on_kw) AS on_kw,
         min(p.data_time) AS first_time, max(p.data_time) AS last_time, count(p.kw) AS judged,
         runs_where(p.data_time, p.kw, p.stands_still AND p.kw > coalesce(t.value, $production_on_kw),
                    3600) AS stretches
  FROM power p
  LEFT JOIN process_thresholds t ON t.mn = p.mn AND t.unit = p.unit AND t.name = 'production_on_kw'
  GROUP BY p.mn, p.unit, p.date, p.window_id, p.stands_still, coalesce(t.value, $production_on_kw)
),
flagged AS (
  SELECT *
  FROM (SELECT *, unnest(stretches) AS s FROM days)
  WHERE arrow_cast(s['to_time'], 'Int64') - arrow_cast(s['from_time'], 'Int64') > $minutes * 60000000
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       s['from_time'] AS window_start, s['to_time'] + INTERVAL '1 second' AS window_end,
       s['mean'] AS observed, on_kw AS limit_value, 'kW' AS unit, s['points'] AS points,
       'flagged' AS outcome, NULL AS why, NULL AS exempt, NULL AS severity,
       concat('{"unit":"', unit, '","window_id":"', window_id, '","event":"应急减排未落实"}') AS detail
FROM flagged
UNION ALL
SELECT d.mn, d.factor, NULL, NULL, NULL, d.first_time, d.last_time + INTERVAL '1 second', NULL, d.on_kw, 'kW',
       d.judged,
       CASE WHEN d.judged = 0 OR NOT d.stands_still THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN d.judged = 0 THEN 'no_power' WHEN NOT d.stands_still THEN 'no_facility_named' END,
       NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (
  SELECT 1 FROM flagged f
  WHERE f.mn = d.mn AND f.unit = d.unit AND f.date = d.date AND f.window_id = d.window_id
)
