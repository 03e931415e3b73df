/*---
id = "P06"
version = 3
name_zh = "年许可量超标"
name_en = "annual permitted mass exceeded"
group = "permit"
severity = "S1"
basis = "Regulation on Pollutant Permit Management art. 34; Ecological and Environmental Code art. 1103"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "pollutants with a permitted mass" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no}：{factor} 本年累计排放 {observed} t，超过年许可排放量 {limit} t。"
reason_en = "Permit {permit_no}: {factor} adds up to {observed} t this year, above the permitted {limit} t."

[params.factor]
default = 1.0
min = 0.1
max = 2.0
unit = "1"
doc = "the permitted mass is multiplied by this before comparing"

[screen]
look = "false"
passed = "0"
registry = true
---*/
-- Mass = concentration as measured x volume, over valid hours; hours without are not substituted and
-- are counted in the detail. The permitted mass is that of the document in force at the end of the year,
-- or now while the year runs: what a later permit says is no measure of an earlier year. A mass of the
-- main outlets adds up the outlets that are main by the permit of the day.
WITH limits AS (
  SELECT *
  FROM (
    SELECT *, least($as_of, day_start(ends_on) + INTERVAL '24 hours' - INTERVAL '1 second') AS judged_at
    FROM permitted_masses
    WHERE period = 'year' AND starts_on <= day_of($as_of) AND ends_on IS NOT NULL
  )
  WHERE in_force_from <= judged_at AND in_force_to > judged_at
),
main_named AS (
  SELECT DISTINCT permit_no, version FROM permit_outlets WHERE doc_valid AND kind = 'main'
),
totals AS (
  SELECT l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.starts_on, l.ends_on, l.mass_t,
         ordered_sum(m.mass_kg, day_start(m.date)) / 1000.0 AS total_t,
         sum(m.hours) AS hours, sum(m.hours_missing) AS hours_missing, max(m.date) AS last_day
  FROM limits l
  LEFT JOIN permit_masses m
    ON m.permit_no = l.permit_no AND m.factor = l.factor
   AND (l.level <> 'outlet' OR m.outlet_uid = l.outlet_uid)
   AND (l.level <> 'main_total' OR m.kind = 'main')
   AND m.date >= l.starts_on AND m.date <= least(l.ends_on, day_of($as_of))
  GROUP BY l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.starts_on, l.ends_on, l.mass_t
)
SELECT CAST(NULL AS VARCHAR) AS mn, t.factor, t.outlet_uid, t.permit_no, t.version AS permit_version,
       day_start(t.starts_on) AS window_start,
       day_start(coalesce(t.last_day, t.starts_on)) + INTERVAL '24 hours' AS window_end,
       t.total_t AS observed, t.mass_t AS limit_value, 't' AS unit,
       coalesce(t.hours, 0) AS points,
       CASE WHEN t.total_t IS NULL THEN 'not_evaluated'
            WHEN t.total_t > t.mass_t * $factor THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN t.total_t IS NOT NULL THEN NULL
            WHEN t.level = 'main_total' AND n.permit_no IS NULL THEN 'no_main_outlet'
            WHEN unit_scale(reading_unit(NULL, t.factor), 'mg/m3') IS NULL THEN 'unit_unknown'
            ELSE 'no_mass' END AS why, NULL AS exempt, NULL AS severity,
       concat('{"level":"', t.level, '","hours":', coalesce(t.hours, 0), ',"hours_missing":',
              coalesce(t.hours_missing, 0), '}') AS detail
FROM totals t
LEFT JOIN main_named n ON n.permit_no = t.permit_no AND n.version = t.version
-- A year that is over and of which nothing was measured here says nothing.
WHERE t.total_t IS NOT NULL OR t.ends_on >= day_of($as_of)
