/*---
id = "P09"
version = 4
name_zh = "特殊时段超许可"
name_en = "special-period limit exceeded"
group = "permit"
severity = "S2"
basis = "Regulation on Pollutant Permit Management art. 35 (special periods)"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
evidence = ["limit"]
exempts = ["M1", "M2"]
reason_zh = "许可证 {permit_no}：特殊时段内 {start} 起的自然日，{factor} 为 {observed} {unit}，超过特殊时段许可 {limit} {unit}。"
reason_en = "Permit {permit_no}: {factor} was {observed} {unit} on the day from {start} within a special period, above the {limit} {unit} allowed then."

[screen]
look = "special OR ordered"
passed = "0"
registry = true
---*/
-- Within a declared period: mass of a day against the permitted mass per day, and a gas day's mean
-- against the special limit. A unit that an order for heavy pollution reaches and whose permit says
-- nothing about such periods is not judged, and that is said. The permit is the one in force on the day.
WITH windows AS (
  SELECT p.permit_no, p.version, p.period_id, p.starts_at, p.ends_at, d.starts_at AS in_force_from,
         d.superseded_at AS in_force_to
  FROM permit_periods p
  JOIN permit_documents d
    ON d.kafka_topic = p.kafka_topic AND d.kafka_partition = p.kafka_partition
   AND d.kafka_offset = p.kafka_offset AND d.permit_no = p.permit_no AND d.version = p.version
  WHERE p.doc_valid AND d.issued_at <= $as_of
),
masses AS (
  SELECT l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.mass_t, m.date,
         ordered_sum(m.mass_kg, day_start(m.date)) / 1000.0 AS total_t, sum(m.hours) AS hours
  FROM permitted_masses l
  JOIN windows w ON w.permit_no = l.permit_no AND w.version = l.version AND w.period_id = l.period_id
  JOIN permit_masses m
    ON m.permit_no = l.permit_no AND m.factor = l.factor
   AND (l.level <> 'outlet' OR m.outlet_uid = l.outlet_uid)
   AND (l.level <> 'main_total' OR m.kind = 'main')
   AND day_start(m.date) >= w.starts_at AND day_start(m.date) + INTERVAL '24 hours' <= w.ends_at
   AND day_start(m.date) >= w.in_force_from
   AND (w.in_force_to IS NULL OR day_start(m.date) < w.in_force_to)
  WHERE l.period = 'special_day' AND day_start(m.date) + INTERVAL '24 hours' <= $as_of
  GROUP BY l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.mass_t, m.date
),
days AS (
  SELECT *, CASE WHEN stopped THEN 'stopped' WHEN NOT valid THEN 'too_few_valid_hours' ELSE why END AS problem
  FROM days_judged
  WHERE is_gas(factor) AND special AND day_start + INTERVAL '24 hours' <= $as_of
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no, version AS permit_version,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       total_t AS observed, mass_t AS limit_value, 't' AS unit, hours AS points,
       CASE WHEN total_t > mass_t THEN 'flagged' ELSE 'passed' END AS outcome,
       NULL AS why, NULL AS exempt, NULL AS severity, concat('{"level":"', level, '"}') AS detail
FROM masses
UNION ALL
SELECT mn, factor, outlet_uid, permit_no, permit_version, day_start, day_start + INTERVAL '24 hours',
       observed, limit_value, unit, n_used,
       CASE WHEN problem IS NOT NULL THEN 'not_evaluated' WHEN observed > limit_value THEN 'flagged'
            ELSE 'passed' END,
       problem, NULL, NULL, NULL
FROM days
UNION ALL
SELECT DISTINCT c.mn, CAST(NULL AS VARCHAR), o.outlet_uid, o.permit_no, CAST(NULL AS INT),
       day_start(c.date), day_start(c.date) + INTERVAL '24 hours',
       CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE), CAST(NULL AS VARCHAR), 1,
       'not_evaluated', 'no_special_limit', NULL, NULL, NULL
FROM core c
JOIN mn_outlets o
  ON o.mn = c.mn AND day_start(c.date) + INTERVAL '12 hours' >= o.bound_from
 AND day_start(c.date) + INTERVAL '12 hours' < o.bound_to
JOIN unit_windows u
  ON u.permit_no = o.permit_no AND u.kind = 'heavy_pollution'
 AND u.starts_at < day_start(c.date) + INTERVAL '24 hours' AND u.ends_at > day_start(c.date)
LEFT ANTI JOIN windows w
  ON w.permit_no = o.permit_no AND day_start(c.date) >= w.in_force_from
 AND (w.in_force_to IS NULL OR day_start(c.date) < w.in_force_to)
WHERE day_start(c.date) + INTERVAL '24 hours' <= $as_of
