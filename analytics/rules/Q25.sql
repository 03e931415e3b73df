/*---
id = "Q25"
version = 2
name_zh = "多因子关联异常"
name_en = "broken correlation between factors"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry"
effective_from = "2026-11-30"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration, oxygen (a19001), pH (w01001)" }
owner = "nonsite"
granularity = "day"
daily = true
evidence = ["hours"]
reason_zh = "{factor} {day} 几乎不变（变异系数 {observed}{unit}），而同一监测点其他因子大幅波动。"
reason_en = "{factor} hardly moved on {day} (variation {observed}{unit}) while the other factors of the station swung."

[episode]
quiet_gap_h = 48
lowest = true

[params.flat]
default = 1.0
min = 0.1
max = 5.0
unit = "%"
doc = "variation (standard deviation over mean) below which a factor is flat"

[params.swing]
default = 30.0
min = 10.0
max = 200.0
unit = "%"
doc = "variation above which a factor swings"

[params.min_hours]
default = 20
min = 6
max = 24
by_cadence = { "7200" = 10 }
unit = "h"
doc = "valid hours a day needs"

[screen]
look = "(concentration OR ((factor IN ('a19001', 'w01001')) IS TRUE)) AND valid > 0 AND valid >= $min_hours AND variation < 1.000001 * $flat"
passed = "CASE WHEN (concentration OR ((factor IN ('a19001', 'w01001')) IS TRUE)) AND valid > 0 AND valid >= $min_hours AND variation IS NOT NULL AND l_factors >= 3 THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_valid_hours = "CASE WHEN (concentration OR ((factor IN ('a19001', 'w01001')) IS TRUE)) AND valid > 0 AND valid < $min_hours THEN 1 ELSE 0 END"
no_positive_mean = "CASE WHEN (concentration OR ((factor IN ('a19001', 'w01001')) IS TRUE)) AND valid > 0 AND valid >= $min_hours AND variation IS NULL THEN 1 ELSE 0 END"
too_few_factors = "CASE WHEN (concentration OR ((factor IN ('a19001', 'w01001')) IS TRUE)) AND valid > 0 AND valid >= $min_hours AND variation IS NOT NULL AND l_factors < 3 THEN 1 ELSE 0 END"

[screen.logger]
l_factors = "CASE WHEN (concentration OR ((factor IN ('a19001', 'w01001')) IS TRUE)) AND valid > 0 AND valid >= $min_hours THEN 1 ELSE 0 END"
---*/
-- The form that led to a case: one factor flat while most others of the same station swing by more than
-- 30 %. Oxygen, pH and pollutants count; a factor at zero is not judged here (Q04).
WITH days AS (
  SELECT mn, factor, date, d['n'] AS hours, d['mean'] AS mean,
         CASE WHEN d['mean'] > 0.0 THEN 100.0 * d['sd'] / d['mean'] END AS variation
  FROM (
    SELECT h.mn, h.factor, h.date, describe_series(h.hour, h.value) AS d
    FROM hourly h
    JOIN core c ON c.mn = h.mn AND c.date = h.date
    WHERE h.valid AND (is_concentration(h.factor) OR h.factor IN ('a19001', 'w01001'))
    GROUP BY h.mn, h.factor, h.date
  )
),
stations AS (
  SELECT mn, date, count(*) AS factors,
         count(*) FILTER (WHERE variation > $swing) AS swinging
  FROM days
  WHERE hours >= $min_hours
  GROUP BY mn, date
)
SELECT d.mn, d.factor, day_start(d.date) AS window_start,
       day_start(d.date) + INTERVAL '24 hours' AS window_end,
       d.variation AS observed, $flat AS limit_value, '%' AS unit, d.hours AS points,
       CASE WHEN d.hours < $min_hours OR d.variation IS NULL OR coalesce(s.factors, 0) < 3 THEN 'not_evaluated'
            WHEN d.variation < $flat AND s.swinging >= 2 AND s.swinging >= s.factors - 1 THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN d.hours < $min_hours THEN 'too_few_valid_hours'
            WHEN d.variation IS NULL THEN 'no_positive_mean'
            WHEN coalesce(s.factors, 0) < 3 THEN 'too_few_factors' END AS why,
       concat('{"factors":', s.factors, ',"swinging":', s.swinging, '}') AS detail
FROM days d
LEFT JOIN stations s ON s.mn = d.mn AND s.date = d.date
