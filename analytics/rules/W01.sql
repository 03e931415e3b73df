/*---
id = "W01"
version = 1
name_zh = "产治不同步"
name_en = "production on, abatement off"
group = "condition"
severity = "S2"
basis = "Ecological and Environmental Code art. 164, 1108; rule set of 18 kinds of abnormal automatic data, no. 18"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "unit", factor = "power of production and abatement" }
owner = "nonsite"
granularity = "realtime"
exempts = ["M4"]
reason_zh = "{start} 至 {end}，生产设施用电 {observed} {unit}（在产），治理设施用电低于启动值，产治不同步。"
reason_en = "Production drew {observed} {unit} between {start} and {end} while the abatement was off."

[episode]
quiet_gap_h = 6

[params.production_on_kw]
default = 50.0
min = 0.1
max = 100000.0
unit = "kW"
doc = "production counts as on above this; set it per unit in the sheet"

[params.abatement_on_kw]
default = 10.0
min = 0.1
max = 100000.0
unit = "kW"
doc = "abatement counts as off below this; set it per unit in the sheet"

[params.power_minutes]
default = 15
min = 1
max = 1440
unit = "min"
doc = "how long both have to hold"

[screen]
look = "process"
passed = "0"
---*/
-- Power of all production meters and of all abatement meters of a unit, as its sheet names them.
WITH instants AS (
  SELECT mn, unit, date, data_time, min(factor) FILTER (WHERE role = 'production_power') AS factor,
         sum(value) FILTER (WHERE role = 'production_power') AS production,
         sum(value) FILTER (WHERE role = 'abatement_power') AS abatement
  FROM process_values
  WHERE role IN ('production_power', 'abatement_power') AND data_time <= $as_of
  GROUP BY mn, unit, date, data_time
),
levels AS (
  SELECT u.mn, u.unit, coalesce(max(p.value), $production_on_kw) AS production_on,
         coalesce(max(a.value), $abatement_on_kw) AS abatement_on,
         coalesce(max(m.value), CAST($power_minutes AS DOUBLE)) AS minutes
  FROM (SELECT DISTINCT mn, unit FROM process_signals) u
  LEFT JOIN process_thresholds p ON p.mn = u.mn AND p.unit = u.unit AND p.name = 'production_on_kw'
  LEFT JOIN process_thresholds a ON a.mn = u.mn AND a.unit = u.unit AND a.name = 'abatement_on_kw'
  LEFT JOIN process_thresholds m ON m.mn = u.mn AND m.unit = u.unit AND m.name = 'power_minutes'
  GROUP BY u.mn, u.unit
),
days AS (
  SELECT i.mn, i.unit, max(i.factor) AS factor, i.date, l.production_on, l.abatement_on, l.minutes,
         min(i.data_time) AS first_time, max(i.data_time) AS last_time,
         count(i.production + i.abatement) AS judged,
         runs_where(i.data_time, i.production,
                    CASE WHEN i.production IS NOT NULL AND i.abatement IS NOT NULL
                         THEN i.production > l.production_on AND i.abatement < l.abatement_on END,
                    3600) AS stretches
  FROM instants i
  JOIN levels l ON l.mn = i.mn AND l.unit = i.unit
  GROUP BY i.mn, i.unit, i.date, l.production_on, l.abatement_on, l.minutes
),
stretches AS (
  SELECT *, s['from_time'] AS from_time, s['to_time'] AS to_time,
         date_part('hour', s['from_time'] + INTERVAL '8 hours') AS start_hour,
         count(*) OVER (PARTITION BY mn, unit, date) AS of_day
  FROM (SELECT *, unnest(stretches) AS s FROM days)
  WHERE arrow_cast(s['to_time'], 'Int64') - arrow_cast(s['from_time'], 'Int64')
        >= CAST(minutes * 60000000.0 AS BIGINT)
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       from_time AS window_start, to_time + INTERVAL '1 second' AS window_end,
       s['mean'] AS observed, production_on AS limit_value, 'kW' AS unit, s['points'] AS points,
       'flagged' AS outcome, NULL AS why, NULL AS exempt,
       CASE WHEN start_hour >= 22 OR start_hour < 6 OR of_day > 1 THEN 'S1' END AS severity,
       concat('{"unit":"', unit, '","kind":"abatement_off","event":"产治不同步","production_on_kw":',
              production_on, ',"abatement_on_kw":', abatement_on, '}') AS detail
FROM stretches
UNION ALL
SELECT mn, factor, NULL, NULL, NULL, first_time, last_time + INTERVAL '1 second', NULL, production_on,
       'kW', judged, CASE WHEN judged = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN judged = 0 THEN 'no_power_pair' END, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (
  SELECT 1 FROM stretches s WHERE s.mn = d.mn AND s.unit = d.unit AND s.date = d.date
)
