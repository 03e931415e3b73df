/*---
id = "P06"
version = 2
name_zh = "年许可量超标"
name_en = "annual permitted mass exceeded"
group = "permit"
severity = "S1"
basis = "Regulation on Pollutant Permit Management art. 34; Ecological and Environmental Code art. 1103"
granularity = "day"
exempts = ["M1"]
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
-- Mass = concentration as measured x volume, over valid hours; hours without are not substituted
-- and are counted in the detail.
WITH masses AS (
  SELECT o.permit_no, o.outlet_uid, m.factor, m.date, m.mass_kg, m.hours, m.hours_missing, m.mn
  FROM daily_masses m
  JOIN mn_outlets o
    ON o.mn = m.mn
   AND arrow_cast(m.date, 'Timestamp(Microsecond, Some("UTC"))') + INTERVAL '4 hours' >= o.bound_from
   AND arrow_cast(m.date, 'Timestamp(Microsecond, Some("UTC"))') + INTERVAL '4 hours' < o.bound_to
  WHERE (coalesce(o.factors, '') = ''
         OR strpos(concat(',', o.factors, ','), concat(',', m.factor, ',')) > 0)
    AND m.date <= arrow_cast($as_of + INTERVAL '8 hours', 'Date32')
),
limits AS (
  SELECT l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.starts_on, l.ends_on,
         min(l.mass_t) AS mass_t
  FROM permit_mass_limits l
  JOIN permit_documents d
    ON d.kafka_topic = l.kafka_topic AND d.kafka_partition = l.kafka_partition
   AND d.kafka_offset = l.kafka_offset AND d.permit_no = l.permit_no AND d.version = l.version
  WHERE l.doc_valid AND l.period = 'year' AND d.superseded_at IS NULL AND d.issued_at <= $as_of
    AND l.level IN ('outlet', 'organised_total', 'plant_total', 'main_total')
    AND l.starts_on IS NOT NULL AND l.ends_on IS NOT NULL
    AND l.starts_on <= arrow_cast($as_of + INTERVAL '8 hours', 'Date32')
  GROUP BY l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.starts_on, l.ends_on
),
totals AS (
  SELECT l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.starts_on, l.ends_on, l.mass_t,
         ordered_sum(m.mass_kg, arrow_cast(m.date, 'Timestamp(Microsecond, Some("UTC"))')) / 1000.0 AS total_t,
         sum(m.hours) AS hours, sum(m.hours_missing) AS hours_missing, max(m.date) AS last_day
  FROM limits l
  LEFT JOIN masses m
    ON m.permit_no = l.permit_no AND m.factor = l.factor
   AND (l.level <> 'outlet' OR m.outlet_uid = l.outlet_uid)
   AND m.date >= l.starts_on AND m.date <= l.ends_on
  GROUP BY l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.starts_on, l.ends_on, l.mass_t
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no, version AS permit_version,
       arrow_cast(starts_on, 'Timestamp(Microsecond, Some("UTC"))') - INTERVAL '8 hours' AS window_start,
       arrow_cast(coalesce(last_day, starts_on), 'Timestamp(Microsecond, Some("UTC"))')
         + INTERVAL '16 hours' AS window_end,
       total_t AS observed, mass_t AS limit_value, 't' AS unit,
       coalesce(hours, 0) AS points,
       CASE WHEN total_t IS NULL THEN 'not_evaluated'
            WHEN total_t > mass_t * $factor THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN total_t IS NULL AND unit_scale(reading_unit(NULL, factor), 'mg/m3') IS NULL THEN 'unit_unknown'
            WHEN total_t IS NULL THEN 'no_mass' END AS why, NULL AS exempt, NULL AS severity,
       concat('{"level":"', level, '","hours":', coalesce(hours, 0), ',"hours_missing":',
              coalesce(hours_missing, 0), '}') AS detail
FROM totals
-- A year that is over and of which nothing was measured here says nothing.
WHERE total_t IS NOT NULL OR ends_on >= arrow_cast($as_of + INTERVAL '8 hours', 'Date32')
