/*---
id = "P07"
version = 2
name_zh = "年许可量预警"
name_en = "annual permitted mass will be exceeded"
group = "permit"
severity = "S4"
basis = "MEE notices on permit enforcement by off-site monitoring (warn on annual mass); Regulation on Pollutant Permit Management art. 34"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "pollutants with a permitted mass" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no}：{factor} 本年累计排放 {observed} t，已达年许可量 {limit} t 的预警线。"
reason_en = "Permit {permit_no}: {factor} adds up to {observed} t this year, near the permitted {limit} t."

[reason.heading]
zh = "许可证 {permit_no}：{factor} 本年已排放 {observed} t，按近 30 日均值推算全年将超过年许可量 {limit} t。"
en = "Permit {permit_no}: {factor} adds up to {observed} t so far; at the rate of the last 30 days the year will exceed the permitted {limit} t."

[params.first_share]
default = 0.8
min = 0.1
max = 1.0
unit = "1"
doc = "share of the annual mass from which a reminder goes out (S4)"

[params.second_share]
default = 0.9
min = 0.1
max = 1.0
unit = "1"
doc = "share from which the enterprise has to explain (S3)"

[params.days]
default = 7
min = 1
max = 31
unit = "d"
doc = "consecutive days the projection has to be above the permitted mass"

[screen]
look = "false"
passed = "0"
registry = true
---*/
-- Two warnings: a share of the year's mass is used up, or this year's mass so far plus the mean of the
-- last 30 days for the rest of the year has been above the permitted mass on every one of the last days.
-- The permit is the one in force now; a mass of the main outlets adds up those that are main by the
-- permit of the day.
WITH years AS (
  SELECT p.permit_no, p.version, p.level, p.outlet_uid, p.factor, p.starts_on, p.ends_on, p.mass_t,
         least(day_of($as_of), p.ends_on) AS day
  FROM permitted_masses p
  WHERE p.period = 'year' AND p.starts_on <= day_of($as_of) AND p.ends_on >= day_of($as_of)
    AND p.in_force_from <= $as_of AND p.in_force_to > $as_of
),
evenings AS (
  SELECT y.*, arrow_cast(arrow_cast(y.day, 'Int32') - arrow_cast(n.back, 'Int32'), 'Date32') AS evening
  FROM years y
  CROSS JOIN (SELECT unnest(range(0, $days)) AS back) n
),
projected AS (
  SELECT e.permit_no, e.version, e.level, e.outlet_uid, e.factor, e.starts_on, e.ends_on, e.mass_t, e.day,
         e.evening,
         ordered_sum(m.mass_kg, day_start(m.date)) / 1000.0 AS total_t,
         ordered_sum(CASE WHEN arrow_cast(m.date, 'Int32') > arrow_cast(e.evening, 'Int32') - 30 THEN m.mass_kg END, day_start(m.date))
           / 1000.0 / 30.0 AS daily_t,
         sum(m.hours) AS hours, count(DISTINCT m.date) AS days_measured
  FROM evenings e
  LEFT JOIN permit_masses m
    ON m.permit_no = e.permit_no AND m.factor = e.factor
   AND (e.level <> 'outlet' OR m.outlet_uid = e.outlet_uid)
   AND (e.level <> 'main_total' OR m.kind = 'main')
   AND m.date >= e.starts_on AND m.date <= e.evening
  GROUP BY e.permit_no, e.version, e.level, e.outlet_uid, e.factor, e.starts_on, e.ends_on, e.mass_t, e.day,
           e.evening
),
judged AS (
  SELECT permit_no, version, level, outlet_uid, factor, starts_on, mass_t, day,
         max(CASE WHEN evening = day THEN total_t END) AS total_t,
         max(CASE WHEN evening = day THEN hours END) AS hours,
         max(CASE WHEN evening = day THEN days_measured END) AS days_measured,
         max(CASE WHEN evening = day
                  THEN total_t + daily_t * (arrow_cast(ends_on, 'Int32') - arrow_cast(day, 'Int32')) END)
           AS projected_t,
         min(coalesce(total_t, 0.0)
             + coalesce(daily_t, 0.0) * (arrow_cast(ends_on, 'Int32') - arrow_cast(evening, 'Int32')))
           AS lowest_projection
  FROM projected
  GROUP BY permit_no, version, level, outlet_uid, factor, starts_on, mass_t, day
),
outcomes AS (
  SELECT j.*,
         CASE WHEN total_t IS NULL AND level = 'main_total' AND n.permit_no IS NULL THEN 'no_main_outlet'
              WHEN total_t IS NULL THEN 'no_mass'
              WHEN total_t > mass_t THEN 'already_exceeded' END AS why,
         total_t >= mass_t * $first_share AS used,
         days_measured >= 30 AND lowest_projection > mass_t AS heading
  FROM judged j
  LEFT JOIN (
    SELECT DISTINCT permit_no, version FROM permit_outlets WHERE doc_valid AND kind = 'main'
  ) n ON n.permit_no = j.permit_no AND n.version = j.version
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no, version AS permit_version,
       day_start(starts_on) AS window_start, day_start(day) + INTERVAL '24 hours' AS window_end,
       total_t AS observed, mass_t AS limit_value, 't' AS unit, coalesce(hours, 0) AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN used OR heading THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why, NULL AS exempt,
       CASE WHEN heading OR total_t >= mass_t * $second_share THEN 'S3' END AS severity,
       concat('{"level":"', level, '","used_share":', total_t / mass_t, ',"projected_t":', projected_t, '}')
         AS detail,
       CASE WHEN heading AND NOT used THEN 'heading' END AS say
FROM outcomes
