/*---
id = "P13"
version = 2
name_zh = "执行报告与自动监测不符"
name_en = "execution report differs from automatic data"
group = "permit"
severity = "S2"
basis = "Regulation on Pollutant Permit Management art. 37 (truthful execution reports)"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "reported pollutants" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no}：执行报告所报 {factor} 排放量 {observed} t，与自动监测复算 {limit} t 相差超过容许值。"
reason_en = "Permit {permit_no}: the execution report says {observed} t of {factor}, automatic monitoring adds up to {limit} t."

[params.tolerance]
default = 0.1
min = 0.0
max = 1.0
unit = "1"
doc = "share of the recomputed mass by which the reported one may differ"

[params.coverage]
default = 0.9
min = 0.1
max = 1.0
unit = "1"
doc = "share of days and hours of the period that need valid data"

[screen]
look = "false"
passed = "0"
registry = true
---*/
-- Mass of the period as reported against the mass recomputed from valid hours; only where automatic
-- monitoring covers nearly all of the period, since hours without a value are not substituted.
WITH recomputed AS (
  SELECT r.report_id, r.permit_no, r.period, r.period_start, r.period_end, r.level, r.outlet_uid,
         r.factor, r.mass_t,
         ordered_sum(m.mass_kg, day_start(m.date)) / 1000.0 AS total_t,
         sum(m.hours) AS hours, sum(m.hours + m.hours_missing) AS hours_due,
         count(DISTINCT m.date) AS days
  FROM report_figures r
  LEFT JOIN permit_masses m
    ON m.permit_no = r.permit_no AND m.factor = r.factor
   AND (r.level <> 'outlet' OR m.outlet_uid = r.outlet_uid)
   AND (r.level <> 'main_total' OR m.kind = 'main')
   AND m.date >= r.period_start AND m.date < r.period_end
  WHERE r.mass_t IS NOT NULL AND r.level IN ('outlet', 'organised_total', 'plant_total', 'main_total')
    AND r.submitted_at <= $as_of
  GROUP BY r.report_id, r.permit_no, r.period, r.period_start, r.period_end, r.level, r.outlet_uid,
           r.factor, r.mass_t
),
judged AS (
  SELECT *,
         CASE WHEN total_t IS NULL THEN 'no_mass'
              WHEN days < $coverage * (arrow_cast(period_end, 'Int64') - arrow_cast(period_start, 'Int64'))
                   OR hours < $coverage * hours_due THEN 'too_few_valid_hours' END AS why
  FROM recomputed
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no, CAST(NULL AS INT) AS permit_version,
       day_start(period_start) AS window_start, day_start(period_end) AS window_end,
       mass_t AS observed, total_t AS limit_value, 't' AS unit, coalesce(hours, 0) AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN abs(mass_t - total_t) > $tolerance * total_t THEN 'flagged' ELSE 'passed' END AS outcome,
       why, NULL AS exempt, NULL AS severity,
       concat('{"report_id":"', report_id, '","period":"', period, '","level":"', level, '"}') AS detail
FROM judged
