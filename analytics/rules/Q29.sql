/*---
id = "Q29"
version = 1
name_zh = "比对不合格"
name_en = "comparison test failed"
group = "quality"
severity = "S2"
basis = "HJ 75-2017 and HJ 355-2019 (accuracy in comparison tests); Measures for Administrative Penalties art. 30 (values of legal on-site monitoring come before automatic ones)"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a comparison tolerance" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours"]
exempts = ["M1"]
reason_zh = "{factor} {start} 至 {end} 人工监测与自动监测不符：自动监测 {observed} {unit}，同时段人工监测 {limit} {unit}，超出比对允许误差。"
reason_en = "{factor}: the instrument showed {observed} {unit} between {start} and {end}, the sample of the same time {limit} {unit}: further apart than a comparison allows."

[params.tolerance]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the standard's tolerances are multiplied by this"

[screen]
look = "sampled"
passed = "0"
---*/
-- Samples of supervision and of comparison against the mean of the valid hours they lie in, else the
-- automatic value the report itself gives. Other samples (self-monitoring, substitution) have no duty to
-- agree. Tolerances by the sample's value: absolute where it is low, relative above.
WITH samples AS (
  SELECT m.result_id, m.mn, m.factor, m.sampled_at,
         coalesce(m.sampled_to, m.sampled_at + INTERVAL '1 hour') AS sampled_to,
         m.value * unit_scale(m.unit, CASE WHEN is_gas(m.factor) THEN 'mg/m3' ELSE 'mg/L' END) AS sample,
         m.automatic_value * unit_scale(m.unit, CASE WHEN is_gas(m.factor) THEN 'mg/m3' ELSE 'mg/L' END) AS told,
         m.below_detection
  FROM manual_history m
  WHERE m.latest AND m.purpose IN ('supervision', 'comparison') AND m.mn IS NOT NULL
    AND is_concentration(m.factor)
    AND coalesce(m.sampled_to, m.sampled_at + INTERVAL '1 hour') <= $as_of
),
shown AS (
  SELECT s.result_id, s.mn, s.factor, avg(h.value) FILTER (WHERE h.valid) AS automatic,
         count(*) FILTER (WHERE h.valid) AS hours,
         unit_scale(reading_unit(s.mn, s.factor), CASE WHEN is_gas(s.factor) THEN 'mg/m3' ELSE 'mg/L' END) AS scale
  FROM samples s
  JOIN hourly h ON h.mn = s.mn AND h.factor = s.factor
               AND h.hour < s.sampled_to AND h.hour + INTERVAL '1 hour' > s.sampled_at
  GROUP BY s.result_id, s.mn, s.factor
),
compared AS (
  SELECT s.*, coalesce(a.automatic * a.scale, s.told) AS automatic, coalesce(a.hours, 0) AS hours,
         CASE s.factor
           WHEN 'w01018' THEN CASE WHEN sample < 30.0 THEN 5.0 WHEN sample < 60.0 THEN 0.3 * sample
                                   WHEN sample < 100.0 THEN 0.2 * sample ELSE 0.15 * sample END
           WHEN 'w21003' THEN CASE WHEN sample < 2.0 THEN 0.3 ELSE 0.15 * sample END
           WHEN 'w21011' THEN CASE WHEN sample < 0.4 THEN 0.04 ELSE 0.15 * sample END
           WHEN 'a34013' THEN CASE WHEN sample <= 10.0 THEN 5.0 WHEN sample <= 20.0 THEN 6.0
                                   WHEN sample <= 50.0 THEN 0.3 * sample WHEN sample <= 100.0 THEN 0.25 * sample
                                   WHEN sample <= 200.0 THEN 0.2 * sample ELSE 0.15 * sample END
           WHEN 'a21026' THEN CASE WHEN sample < 57.0 THEN 17.0 WHEN sample < 143.0 THEN 0.3 * sample
                                   WHEN sample < 715.0 THEN 57.0 ELSE 0.15 * sample END
           WHEN 'a21002' THEN CASE WHEN sample < 41.0 THEN 12.0 WHEN sample < 103.0 THEN 0.3 * sample
                                   WHEN sample < 513.0 THEN 41.0 ELSE 0.15 * sample END
         END AS allowed
  FROM samples s
  LEFT JOIN shown a ON a.result_id = s.result_id AND a.mn = s.mn AND a.factor = s.factor
  JOIN core c ON c.mn = s.mn AND c.date = day_of(s.sampled_at)
),
judged AS (
  SELECT *,
         CASE WHEN allowed IS NULL THEN CASE WHEN sample IS NULL THEN 'unit_unknown' ELSE 'no_tolerance' END
              WHEN below_detection THEN 'below_detection'
              WHEN automatic IS NULL THEN 'no_automatic_value' END AS why
  FROM compared
)
SELECT mn, factor, sampled_at AS window_start, sampled_to AS window_end,
       automatic AS observed, sample AS limit_value,
       CASE WHEN is_gas(factor) THEN 'mg/m3' ELSE 'mg/L' END AS unit, hours AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN abs(automatic - sample) > allowed * $tolerance THEN 'flagged' ELSE 'passed' END AS outcome,
       why,
       CASE WHEN why IS NULL
            THEN concat('{"result_id":"', result_id, '","allowed":', allowed * $tolerance, '}') END AS detail
FROM judged
