/*---
id = "Q18"
version = 1
name_zh = "维护校准时长异常"
name_en = "maintenance and calibration overuse"
group = "quality"
severity = "S2"
basis = "MEE Announcement 2019 No. 50 (30 h per furnace and quarter); rule set of 18 kinds of abnormal automatic data, no. 4"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 696
evidence = ["hours"]
reason_zh = "{factor} 截至 {end} 的 30 天内维护、校准标记达 {points} 小时，占 {observed}{unit}（阈值 {limit}{unit}）。"
reason_en = "In the 30 days before {end} {factor} was marked as in maintenance or calibration for {points} hours, {observed}{unit} of the time (threshold {limit}{unit})."

[episode]
quiet_gap_h = 72

[params.percent]
default = 5.0
min = 1.0
max = 50.0
unit = "%"
doc = "share of marked hours above which a source is flagged"

[params.incineration_hours]
default = 30
min = 1
max = 240
unit = "h"
doc = "the same for waste incineration, in hours"

[params.days]
default = 30
min = 7
max = 30
unit = "d"
doc = "days looked at, the judged one included"

[params.min_hours]
default = 240
min = 24
max = 720
unit = "h"
doc = "hours with data those days need"

[screen]
look = "concentration AND t_hours >= $min_hours AND (t_serviced > 0.999999 * $percent / 100.0 * t_hours OR (incinerator AND t_serviced > $incineration_hours))"
passed = "CASE WHEN concentration AND t_hours >= $min_hours THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_hours = "CASE WHEN concentration AND t_hours < $min_hours THEN 1 ELSE 0 END"

[screen.trailing]
t_hours = { sum = "CASE WHEN concentration THEN hours END", days = "$days" }
t_serviced = { sum = "CASE WHEN concentration THEN serviced END", days = "$days" }
---*/
-- Hours that maintenance tickets cover are not counted. Waste incineration (industry 4417) may have
-- 30 hours a quarter, so more than that in 30 days is too much in any case.
WITH hours AS (
  SELECT h.mn, h.factor, h.date, h.hour, h.mark, t.mn IS NOT NULL AS ticket
  FROM hourly h
  LEFT JOIN (
    SELECT DISTINCT x.mn, x.factor, x.hour
    FROM hourly x
    JOIN tickets_history k ON k.mn = x.mn AND k.latest AND k.status <> 'cancelled'
     AND x.hour + INTERVAL '1 hour' > k.starts_at AND x.hour < coalesce(k.ends_at, $as_of)
     AND (k.factors IS NULL OR strpos(concat(',', k.factors, ','), concat(',', x.factor, ',')) > 0)
    WHERE x.mark IN ('M', 'C')
  ) t ON t.mn = h.mn AND t.factor = h.factor AND t.hour = h.hour
  WHERE is_concentration(h.factor)
),
days AS (
  SELECT mn, factor, date, count(*) AS hours,
         count(*) FILTER (WHERE mark IN ('M', 'C') AND NOT ticket) AS marked
  FROM hours
  GROUP BY mn, factor, date
),
spans AS (
  SELECT mn, factor, date, trailing_sum(hours, date, $days) OVER series AS hours,
         trailing_sum(marked, date, $days) OVER series AS marked
  FROM days
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
),
judged AS (
  SELECT s.*, 100.0 * s.marked / s.hours AS share,
         CASE WHEN i.mn IS NULL THEN s.marked > $percent / 100.0 * s.hours
              ELSE s.marked > $incineration_hours END AS over
  FROM spans s
  JOIN core c ON c.mn = s.mn AND c.date = s.date
  LEFT JOIN (
    SELECT DISTINCT mn FROM mn_outlets
    WHERE strpos(concat(',', coalesce(industry_codes, ''), ','), ',4417,') > 0
  ) i ON i.mn = s.mn
)
SELECT mn, factor, day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       share AS observed, $percent AS limit_value, '%' AS unit, marked AS points,
       CASE WHEN hours < $min_hours THEN 'not_evaluated' WHEN over THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN hours < $min_hours THEN 'too_few_hours' END AS why
FROM judged
