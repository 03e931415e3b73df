/*---
id = "E06"
version = 2
name_zh = "污水厂进水超标"
name_en = "inlet of a sewage plant above the limit"
group = "exceedance"
severity = "S3"
basis = "GB/T 31962-2015 (grade B unless the takeover agreement says otherwise)"
effective_from = "2026-11-29"
scope = { industry = "sewage treatment (4620)", outlet = "water", factor = "pollutants of the inlet" }
owner = "nonsite"
granularity = "day"
evidence = ["hours"]
exempts = ["M1"]
reason_zh = "污水厂进水 {start} 起的自然日，{factor} 日均值 {observed} {unit}，超过纳管限值 {limit} {unit}，请排查上游排污单位。"
reason_en = "At the inlet of the sewage plant {factor} had a daily mean of {observed} {unit} on the day from {start}, above {limit} {unit}: look at the dischargers upstream."

[params.day_w01018]
default = 500.0
min = 1.0
max = 5000.0
unit = "mg/L"
doc = "daily mean of COD above this"

[params.day_w21003]
default = 45.0
min = 0.1
max = 500.0
unit = "mg/L"
doc = "daily mean of ammonia nitrogen above this"

[params.day_w21011]
default = 8.0
min = 0.01
max = 100.0
unit = "mg/L"
doc = "daily mean of total phosphorus above this"

[params.day_w21001]
default = 70.0
min = 0.1
max = 1000.0
unit = "mg/L"
doc = "daily mean of total nitrogen above this"

[screen]
look = "process OR sewage"
passed = "0"
---*/
-- Loggers whose sheet says `wwtp_inlet`; a limit of the sheet (takeover agreement) comes first. The mean
-- is of unmarked hours, so a mark on one of the others excuses nothing.
WITH limits AS (
  SELECT * FROM (VALUES
    ('w01018', $day_w01018), ('w21003', $day_w21003), ('w21011', $day_w21011), ('w21001', $day_w21001)
  ) AS l (factor, standard)
),
inlets AS (SELECT DISTINCT mn FROM process_units WHERE kind = 'wwtp_inlet'),
judged AS (
  SELECT d.mn, d.factor, d.date, d.n_used, d.dropped, d.volume_m3,
         d.value * unit_scale(reading_unit(d.mn, d.factor), 'mg/L') AS value,
         coalesce(t.value, l.standard) AS limit_value,
         CASE WHEN d.n_due = 0 THEN 'stopped'
              WHEN NOT d.valid THEN 'too_few_valid_hours'
              WHEN d.volume_m3 IS NULL THEN 'no_flow'
              WHEN unit_scale(reading_unit(d.mn, d.factor), 'mg/L') IS NULL THEN 'unit_unknown'
              WHEN d.value IS NULL THEN 'no_value' END AS why
  FROM daily d
  JOIN inlets i ON i.mn = d.mn
  JOIN limits l ON l.factor = d.factor
  LEFT JOIN process_thresholds t ON t.mn = d.mn AND t.name = concat('day_', d.factor)
  WHERE day_start(d.date) + INTERVAL '24 hours' <= $as_of
),
-- Loggers of sewage works (4620) none of whose points is known as the inlet.
unknown AS (
  SELECT DISTINCT d.mn, d.date, o.outlet_uid, o.permit_no, o.permit_version
  FROM daily d
  JOIN mn_outlets o
    ON o.mn = d.mn AND o.bound_from <= day_start(d.date) AND o.bound_to > day_start(d.date)
  LEFT ANTI JOIN (
    SELECT s.permit_no FROM mn_outlets s JOIN inlets i ON i.mn = s.mn
  ) known ON known.permit_no = o.permit_no
  LEFT ANTI JOIN inlets i ON i.mn = d.mn
  WHERE strpos(concat(',', coalesce(o.industry_codes, ''), ','), ',4620,') > 0
    AND o.medium = 'water' AND day_start(d.date) + INTERVAL '24 hours' <= $as_of
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       value AS observed, limit_value, 'mg/L' AS unit, n_used AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN value > limit_value THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why, NULL AS exempt, NULL AS severity,
       CASE WHEN why IS NULL AND value > limit_value
            THEN concat('{"hours_used":', n_used, ',"volume_m3":', volume_m3, ',"hours_dropped":', dropped, '}')
       END AS detail
FROM judged
UNION ALL
SELECT mn, NULL, outlet_uid, permit_no, permit_version, day_start(date),
       day_start(date) + INTERVAL '24 hours', NULL, NULL, 'mg/L', 0, 'not_evaluated', 'no_inlet_point',
       NULL, NULL, NULL
FROM unknown
