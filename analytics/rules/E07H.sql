/*---
id = "E07H"
version = 1
name_zh = "焚烧五项小时均值预警"
name_en = "incinerator 5-pollutant hourly warning"
group = "exceedance"
severity = "S4"
basis = "MEE Order No. 10 (automatic monitoring data of waste incineration power plants); GB 18485-2014"
effective_from = "2026-11-23"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "particulates, NOx, SO2, HCl, CO" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours"]
exempts = ["M1", "M2"]
reason_zh = "焚烧炉 {start} 至 {end}，{factor} 小时均值（折算）最高 {observed} {unit}，高于预警值 {limit} {unit}，共 {points} 小时。"
reason_en = "{factor} of the incinerator reached an hourly mean (converted) of {observed} {unit} between {start} and {end}, above the warning value {limit} {unit}, in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.hour_a34013]
default = 30.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "hour mean of particulates at reference oxygen above this"

[params.hour_a21002]
default = 300.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "hour mean of nitrogen oxides at reference oxygen above this"

[params.hour_a21026]
default = 100.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "hour mean of sulphur dioxide at reference oxygen above this"

[params.hour_a21024]
default = 60.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "hour mean of hydrogen chloride at reference oxygen above this"

[params.hour_a21005]
default = 100.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "hour mean of carbon monoxide at reference oxygen above this"

[params.ref_o2]
default = 11.0
min = 0.0
max = 20.0
unit = "%"
doc = "reference oxygen of the limits"

[screen]
look = "incinerator OR process"
passed = "0"
---*/
-- A warning to the plant, not a violation: the day counts (E07), and the permit's own hourly limit
-- is E01's.
WITH pollutants AS (
  SELECT * FROM (VALUES
    ('a34013', '颗粒物', $hour_a34013),
    ('a21002', '氮氧化物', $hour_a21002),
    ('a21026', '二氧化硫', $hour_a21026),
    ('a21024', '氯化氢', $hour_a21024),
    ('a21005', '一氧化碳', $hour_a21005)
  ) AS p (factor, name_zh, standard)
),
thresholds AS (
  SELECT mn, name, min(value) AS value FROM process_thresholds GROUP BY mn, name
),
hours AS (
  SELECT h.mn, h.factor, h.hour, h.valid, h.mark, h.o2, p.name_zh,
         unit_scale(reading_unit(h.mn, h.factor), 'mg/m3') AS scale,
         CASE WHEN h.o2 < 21.0
              THEN h.value * unit_scale(reading_unit(h.mn, h.factor), 'mg/m3')
                   * (21.0 - coalesce(r.value, $ref_o2)) / (21.0 - h.o2) END AS observed,
         coalesce(t.value, p.standard) AS limit_value
  FROM hourly h
  JOIN incinerators i ON i.mn = h.mn
  JOIN pollutants p ON p.factor = h.factor
  LEFT JOIN thresholds t ON t.mn = h.mn AND t.name = concat('hour_', h.factor)
  LEFT JOIN thresholds r ON r.mn = h.mn AND r.name = 'ref_o2'
  WHERE h.hour + INTERVAL '1 hour' <= $as_of
),
judged AS (
  SELECT *,
         CASE WHEN mark_class(mark) NOT IN ('normal', 'over_range') AND mark <> 'missing'
                   THEN concat('marked_', mark_class(mark))
              WHEN NOT valid THEN 'too_few_valid_minutes'
              WHEN scale IS NULL THEN 'unit_unknown'
              WHEN observed IS NULL THEN 'no_conversion' END AS why
  FROM hours
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       observed, limit_value, 'mg/m3' AS unit, 1 AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN observed > limit_value THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why,
       CASE WHEN mark <> 'missing' THEN mark_exemption(mark) END AS exempt, NULL AS severity,
       CASE WHEN why IS NULL AND observed > limit_value
            THEN concat('{"kind":"hourly","event":"烟气中', name_zh, '浓度较高","o2":', o2, '}')
       END AS detail
FROM judged
