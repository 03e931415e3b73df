/*---
id = "P01"
version = 1
name_zh = "无证排污"
name_en = "discharge without a permit"
group = "permit"
severity = "S1"
basis = "Regulation on Pollutant Permit Management art. 33; Ecological and Environmental Code art. 1102"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "day"
lookback_h = 24
reason_zh = "数采仪 {mn} 所属单位（许可证 {permit_no}）在许可证生效前，自 {start} 起已连续 {points} 日有排放数据。"
reason_en = "The unit of data logger {mn} (permit {permit_no}) discharged on {points} days from {start}, before any permit was in force."

[episode]
quiet_gap_h = 72

[params.days]
default = 2
min = 1
max = 3
unit = "d"
doc = "consecutive days with discharge"

[screen]
look = "first AND logger_active > 0 AND NOT permitted"
passed = "CASE WHEN first AND logger_active > 0 THEN 1 ELSE 0 END"
---*/
-- Before the first permit takes force or between two of them. What expired is P02's, what was
-- cancelled P03's, and a logger that no permit names P04's: its unit is not known.
WITH active AS (
  SELECT mn, date, count(DISTINCT hour) AS hours
  FROM hourly
  WHERE valid AND is_concentration(factor) AND coalesce(flow, 1.0) > 0.0 AND value > 0.0
    AND hour + INTERVAL '1 hour' <= $as_of
  GROUP BY mn, date
),
owners AS (
  SELECT DISTINCT mn, permit_no FROM permit_bindings WHERE doc_valid
),
days AS (
  SELECT a.mn, a.date, max(o.permit_no) AS permit_no, min(a.hours) AS hours,
         count(o.permit_no) AS owners,
         count(d.permit_no) FILTER (WHERE d.starts_at <= day_start(a.date)) AS begun
  FROM active a
  LEFT JOIN owners o ON o.mn = a.mn
  LEFT JOIN permit_documents d ON d.permit_no = o.permit_no
  GROUP BY a.mn, a.date
),
runs AS (
  SELECT mn, max(permit_no) AS permit_no,
         unnest(runs_where(day_start(date), CAST(hours AS DOUBLE), owners > 0 AND begun = 0,
                           86400)) AS r
  FROM days
  GROUP BY mn
),
flagged AS (
  SELECT mn, permit_no, r['from_time'] AS from_time, r['to_time'] + INTERVAL '24 hours' AS to_time,
         r['points'] AS points
  FROM runs
  WHERE r['points'] >= $days
)
SELECT mn, NULL AS factor, NULL AS outlet_uid, permit_no, NULL AS permit_version,
       from_time AS window_start, to_time AS window_end, CAST(points AS DOUBLE) AS observed,
       CAST($days AS DOUBLE) AS limit_value, 'd' AS unit, points, 'flagged' AS outcome, NULL AS why,
       NULL AS exempt, NULL AS severity, NULL AS detail
FROM flagged
UNION ALL
SELECT d.mn, NULL, NULL, d.permit_no, NULL, day_start(d.date), day_start(d.date) + INTERVAL '24 hours',
       NULL, CAST($days AS DOUBLE), 'd', 1, CASE WHEN d.owners = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN d.owners = 0 THEN 'no_permit' END, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (
  SELECT 1 FROM flagged f
  WHERE f.mn = d.mn AND day_start(d.date) >= f.from_time AND day_start(d.date) < f.to_time
)
