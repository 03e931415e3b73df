/*---
id = "P08"
version = 2
name_zh = "月/错峰许可量超标"
name_en = "monthly or off-peak mass exceeded"
group = "permit"
severity = "S2"
basis = "Regulation on Pollutant Permit Management art. 34; permit form, monthly permitted masses"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "pollutants with a permitted mass" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no}：{factor} 自 {start} 起的当月累计排放 {observed} t，超过月许可量 {limit} t。"
reason_en = "Permit {permit_no}: {factor} adds up to {observed} t in the month from {start}, above the permitted {limit} t."

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
-- The month of the run's day and, in its first week, the month before it, each by the permit in force at
-- its end, or now while it runs.
WITH months AS (
  SELECT p.permit_no, p.version, p.level, p.outlet_uid, p.factor, p.mass_t,
         arrow_cast(date_trunc('month', arrow_cast(t.day, 'Timestamp(Microsecond, None)')), 'Date32') AS starts_on,
         t.day AS last_day
  FROM permitted_masses p
  JOIN (
    SELECT day_of($as_of) AS day
    UNION ALL
    SELECT day_of(day_start(arrow_cast(date_trunc('month', arrow_cast(day_of($as_of), 'Timestamp(Microsecond, None)')), 'Date32')) - INTERVAL '1 hour')
    WHERE date_part('day', day_of($as_of)) <= 7
  ) t ON date_part('month', t.day) = p.month
  WHERE p.period = 'month'
    AND p.in_force_from <= least($as_of, day_start(t.day) + INTERVAL '24 hours' - INTERVAL '1 second')
    AND p.in_force_to > least($as_of, day_start(t.day) + INTERVAL '24 hours' - INTERVAL '1 second')
),
totals AS (
  SELECT m.permit_no, m.version, m.level, m.outlet_uid, m.factor, m.mass_t, m.starts_on, m.last_day,
         ordered_sum(d.mass_kg, day_start(d.date)) / 1000.0 AS total_t,
         sum(d.hours) AS hours, sum(d.hours_missing) AS hours_missing
  FROM months m
  LEFT JOIN permit_masses d
    ON d.permit_no = m.permit_no AND d.factor = m.factor
   AND (m.level <> 'outlet' OR d.outlet_uid = m.outlet_uid)
   AND (m.level <> 'main_total' OR d.kind = 'main')
   AND d.date >= m.starts_on AND d.date <= m.last_day
  GROUP BY m.permit_no, m.version, m.level, m.outlet_uid, m.factor, m.mass_t, m.starts_on, m.last_day
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no, version AS permit_version,
       day_start(starts_on) AS window_start, day_start(last_day) + INTERVAL '24 hours' AS window_end,
       total_t AS observed, mass_t AS limit_value, 't' AS unit, coalesce(hours, 0) AS points,
       CASE WHEN total_t IS NULL THEN 'not_evaluated' WHEN total_t > mass_t * $factor THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN total_t IS NULL THEN 'no_mass' END AS why, NULL AS exempt, NULL AS severity,
       concat('{"level":"', level, '","hours_missing":', coalesce(hours_missing, 0), '}') AS detail
FROM totals
