/*---
id = "Q22"
version = 1
name_zh = "借用历史数据"
name_en = "copied own history"
group = "quality"
severity = "S1"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry (fabrication)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 720
evidence = ["hours"]
reason_zh = "{factor} {day} 的小时数据与此前某日相同（相同比例 {observed}{unit}，阈值 {limit}{unit}）。"
reason_en = "{factor}: the hours of {day} are those of an earlier day ({observed}{unit} equal, threshold {limit}{unit})."

[episode]
quiet_gap_h = 48

[params.percent]
default = 95.0
min = 80.0
max = 100.0
unit = "%"
doc = "share of equal hours from which on a day is a copy"

[params.days]
default = 30
min = 1
max = 30
unit = "d"
doc = "days compared with"

[screen]
look = "concentration AND repeated > 0 AND repeated >= 0.999999 * $percent / 100.0 * valid"
passed = "CASE WHEN concentration AND valid >= 20 AND different >= 6 THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_valid_hours = "CASE WHEN concentration AND valid < 20 THEN 1 ELSE 0 END"
too_little_variation = "CASE WHEN concentration AND valid >= 20 AND different < 6 THEN 1 ELSE 0 END"
---*/
-- A day of hours against each of the days before it, hour by hour. Days with few different values
-- are not compared: an idle or coarse instrument repeats itself honestly.
WITH copies AS (
  SELECT mn, factor, day_of(d['day']) AS date, d['copied_from'] AS copied_from, d['share'] AS share,
         d['points'] AS points
  FROM (
    SELECT mn, factor, unnest(copied_days(hour, value, $percent / 100.0, $days)) AS d
    FROM hourly
    WHERE valid AND is_concentration(factor)
    GROUP BY mn, factor
  )
),
days AS (
  SELECT h.mn, h.factor, h.date, count(*) FILTER (WHERE valid) AS hours,
         count(DISTINCT value) FILTER (WHERE valid) AS different
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  WHERE is_concentration(h.factor)
  GROUP BY h.mn, h.factor, h.date
)
SELECT d.mn, d.factor, day_start(d.date) AS window_start,
       day_start(d.date) + INTERVAL '24 hours' AS window_end,
       100.0 * k.share AS observed, $percent AS limit_value, '%' AS unit, d.hours AS points,
       CASE WHEN k.mn IS NOT NULL THEN 'flagged'
            WHEN d.hours < 20 OR d.different < 6 THEN 'not_evaluated' ELSE 'passed' END AS outcome,
       CASE WHEN k.mn IS NULL AND d.hours < 20 THEN 'too_few_valid_hours'
            WHEN k.mn IS NULL AND d.different < 6 THEN 'too_little_variation' END AS why,
       CASE WHEN k.mn IS NOT NULL
            THEN concat('{"copied_from":"', arrow_cast(day_of(k.copied_from), 'Utf8'), '"}') END AS detail
FROM days d
LEFT JOIN copies k ON k.mn = d.mn AND k.factor = d.factor AND k.date = d.date
