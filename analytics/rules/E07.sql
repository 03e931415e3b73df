/*---
id = "E07"
version = 2
name_zh = "焚烧五项日均值超标"
name_en = "incinerator 5-pollutant daily exceedance"
group = "exceedance"
severity = "S2"
basis = "MEE Order No. 10 (automatic monitoring data of waste incineration power plants); GB 18485-2014"
effective_from = "2026-11-29"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "particulates, NOx, SO2, HCl, CO" }
owner = "nonsite"
granularity = "day"
evidence = ["hours"]
exempts = ["M1", "M2"]
reason_zh = "焚烧炉 {start} 起的自然日，{factor} 日均值（折算）{observed} {unit}，超过 {limit} {unit}，计 1 个超标日。"
reason_en = "{factor} of the incinerator had a daily mean (converted) of {observed} {unit} on the day from {start}, above {limit} {unit}: one violation day."

[params.day_a34013]
default = 20.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "day mean of particulates at reference oxygen above this"

[params.day_a21002]
default = 250.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "day mean of nitrogen oxides at reference oxygen above this"

[params.day_a21026]
default = 80.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "day mean of sulphur dioxide at reference oxygen above this"

[params.day_a21024]
default = 50.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "day mean of hydrogen chloride at reference oxygen above this"

[params.day_a21005]
default = 80.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "day mean of carbon monoxide at reference oxygen above this"

[params.min_valid_hours]
default = 20
min = 1
max = 24
unit = "h"
doc = "valid hours a day needs"

[screen]
look = "incinerator OR process"
passed = "0"
---*/
-- Limits: the plant's sheet, else the permit's daily limit at reference oxygen, else the standard's. The
-- mean is of unmarked hours, so a start-up or a calibration in others excuses nothing; how many hours may
-- be marked is A03's budget.
WITH pollutants AS (
  SELECT * FROM (VALUES
    ('a34013', '颗粒物', $day_a34013),
    ('a21002', '氮氧化物', $day_a21002),
    ('a21026', '二氧化硫', $day_a21026),
    ('a21024', '氯化氢', $day_a21024),
    ('a21005', '一氧化碳', $day_a21005)
  ) AS p (factor, name_zh, standard)
),
judged AS (
  SELECT d.*, p.name_zh, day_start(d.date) AS day_start,
         coalesce(d.own_limit, p.standard) AS limit_value,
         CASE WHEN d.why IS NOT NULL THEN d.why
              WHEN d.n_used < $min_valid_hours THEN 'too_few_valid_hours'
              WHEN d.observed IS NULL THEN 'no_conversion' END AS problem
  FROM incinerator_days d
  JOIN pollutants p ON p.factor = d.factor
  WHERE day_start(d.date) + INTERVAL '24 hours' <= $as_of
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       day_start AS window_start, day_start + INTERVAL '24 hours' AS window_end,
       observed, limit_value, 'mg/m3' AS unit, n_used AS points,
       CASE WHEN problem IS NOT NULL THEN 'not_evaluated' WHEN observed > limit_value THEN 'flagged'
            ELSE 'passed' END AS outcome,
       problem AS why,
       NULL AS exempt, NULL AS severity,
       CASE WHEN problem IS NULL AND observed > limit_value
            THEN concat('{"kind":"daily","event":"烟气中', name_zh, '排放超标","limit_from":"', limit_from,
                        '","o2":', o2, ',"hours_used":', n_used, ',"hours_dropped":', dropped, '}')
       END AS detail
FROM judged
