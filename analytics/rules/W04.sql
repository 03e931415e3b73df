/*---
id = "W04"
version = 1
name_zh = "停产与用电不符"
name_en = "declared stop, yet production draws power"
group = "condition"
severity = "S1"
basis = "Ecological and Environmental Code art. 164 (temporary stop to evade inspection); local practice of power monitoring"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "unit", factor = "power of production" }
owner = "nonsite"
granularity = "realtime"
reason_zh = "申报停产期间 {start} 至 {end}，生产设施用电 {observed} {unit}（启动值 {limit} {unit}），停产与用电不符。"
reason_en = "Production drew {observed} {unit} between {start} and {end} although a stop was declared (on above {limit} {unit})."

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
-- Declared: a mark `stopped` of the enterprise, or a staggered-production order that names facilities
-- of the unit to stand still. Emergency windows are W05's.
WITH declared AS (
  SELECT mn, 'mark' AS by, least(from_time, $as_of) AS from_time, least(to_time, $as_of) AS to_time
  FROM marks_in_force
  WHERE code = 'stopped'
  UNION ALL
  SELECT o.mn, 'staggered', least(w.starts_at, $as_of), least(w.ends_at, $as_of)
  FROM unit_windows w
  JOIN mn_outlets o ON o.permit_no = w.permit_no AND o.bound_from <= w.starts_at AND o.bound_to > w.starts_at
  WHERE w.kind = 'staggered' AND coalesce(w.stop, '') <> ''
),
power AS (
  SELECT v.mn, v.unit, v.date, v.data_time, min(v.factor) AS factor, sum(v.value) AS kw
  FROM process_values v
  JOIN (SELECT DISTINCT mn, from_time, to_time FROM declared) d
    ON d.mn = v.mn AND v.data_time >= d.from_time AND v.data_time < d.to_time
  WHERE v.role = 'production_power'
  GROUP BY v.mn, v.unit, v.date, v.data_time
),
days AS (
  SELECT p.mn, p.unit, min(p.factor) AS factor, p.date, coalesce(t.value, $production_on_kw) AS on_kw,
         min(p.data_time) AS first_time, max(p.data_time) AS last_time, count(p.kw) AS judged,
         runs_where(p.data_time, p.kw, p.kw > coalesce(t.value, $production_on_kw), 3600) AS stretches
  FROM power p
  LEFT JOIN process_thresholds t ON t.mn = p.mn AND t.unit = p.unit AND t.name = 'production_on_kw'
  GROUP BY p.mn, p.unit, p.date, coalesce(t.value, $production_on_kw)
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
       concat('{"unit":"', unit, '","kind":"stop_not_kept","event":"停产与用电不符"}') AS detail
FROM flagged
UNION ALL
SELECT d.mn, d.factor, NULL, NULL, NULL, d.first_time, d.last_time + INTERVAL '1 second', NULL, d.on_kw, 'kW',
       d.judged, CASE WHEN d.judged = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN d.judged = 0 THEN 'no_power' END, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (SELECT 1 FROM flagged f WHERE f.mn = d.mn AND f.unit = d.unit AND f.date = d.date)
