/*---
id = "X02"
version = 1
name_zh = "流量负荷比"
name_en = "flow-to-load ratio"
group = "quality"
severity = "S2"
basis = "40 CFR Part 75 (United States), appendix A 7.7 and appendix B 2.2.5: the ratio of flow to load stays near its reference"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "gas", factor = "flow (a00000), load" }
owner = "nonsite"
granularity = "day"
lookback_h = 744
enabled = false
evidence = ["hours"]
reason_zh = "监测点 {mn} 近两周流量与生产负荷之比平均偏离此前基准 {observed}{unit}（允许 {limit}{unit}），请核查流速仪与负荷数据。"
reason_en = "{mn}: over the last two weeks the ratio of flow to load was {observed}{unit} away from its earlier reference on average ({limit}{unit} allowed): check the flow meter and the load."

[episode]
quiet_gap_h = 48

[params.percent]
default = 15.0
min = 5.0
max = 100.0
unit = "%"
doc = "mean distance of the hourly ratios from their reference that is allowed"

[params.min_hours]
default = 168
min = 24
max = 336
unit = "h"
doc = "qualifying hours that the reference and the two weeks need each"

[params.min_load]
default = 50.0
min = 1.0
max = 95.0
unit = "%"
doc = "an hour qualifies from this share of the highest load of the period"

[params.recent_d]
default = 14
min = 7
max = 15
unit = "d"
doc = "days that are compared, the judged one included; the days before them, up to 30 in all, make the reference"
---*/
-- The load of an outlet is the sum of the process points filed with quantity `load` that name the
-- outlet (`outlets`), reported by loggers of the same unit. The reference is the median ratio of the
-- days before the compared ones. The published test takes a quarter and the ratio at the last
-- comparison; a run looks back 31 days at most.
WITH points AS (
  SELECT DISTINCT p.mn AS load_mn, p.factor AS load_factor, o.mn, p.in_force_from, p.in_force_to, p.on_above
  FROM process_points_in_force p
  JOIN mn_outlets o ON strpos(concat(',', p.outlets, ','), concat(',', o.outlet_uid, ',')) > 0
                    OR strpos(concat(',', p.outlets, ','), concat(',', o.outlet_code, ',')) > 0
                       AND o.permit_no = p.permit_no
  WHERE p.quantity = 'load'
),
readings_of_load AS (
  SELECT p.mn, p.load_mn, p.load_factor, date_trunc('hour', r.data_time) AS hour, avg(r.value) AS load
  FROM points p
  JOIN readings r
    ON r.mn = p.load_mn AND r.factor = p.load_factor
   AND r.data_time >= p.in_force_from AND r.data_time < p.in_force_to
  WHERE r.granularity IN ('minute', 'hour') AND r.value IS NOT NULL AND r.value > coalesce(p.on_above, 0.0)
  GROUP BY p.mn, p.load_mn, p.load_factor, date_trunc('hour', r.data_time)
),
loads AS (
  SELECT mn, hour, sum(load) AS load FROM readings_of_load GROUP BY mn, hour
),
flows AS (
  SELECT h.mn, h.hour, max(h.flow) AS flow FROM hourly h WHERE h.flow > 0.0 GROUP BY h.mn, h.hour
),
hours AS (
  SELECT c.mn, c.date, l.hour, l.load, f.flow / l.load AS ratio,
         arrow_cast(c.date, 'Int64') - arrow_cast(day_of(l.hour), 'Int64') AS days_before,
         max(l.load) OVER (PARTITION BY c.mn, c.date) AS highest
  FROM core c
  JOIN loads l ON l.mn = c.mn AND day_of(l.hour) <= c.date
              AND arrow_cast(c.date, 'Int64') - arrow_cast(day_of(l.hour), 'Int64') < 30
  JOIN flows f ON f.mn = l.mn AND f.hour = l.hour
),
qualifying AS (
  SELECT * FROM hours WHERE load * 100.0 >= $min_load * highest
),
basis AS (
  SELECT mn, date, median(ratio) AS usual, count(*) AS hours
  FROM qualifying
  WHERE days_before >= $recent_d
  GROUP BY mn, date
),
compared AS (
  SELECT b.mn, b.date, b.usual, b.hours AS basis_hours, count(q.ratio) AS hours,
         100.0 * avg(abs(q.ratio - b.usual)) / b.usual AS away
  FROM basis b
  LEFT JOIN qualifying q ON q.mn = b.mn AND q.date = b.date AND q.days_before < $recent_d
  GROUP BY b.mn, b.date, b.usual, b.hours
),
judged AS (
  SELECT c.mn, c.date, j.usual, j.hours, j.basis_hours, j.away,
         CASE WHEN p.mn IS NULL THEN 'no_load_point'
              WHEN j.mn IS NULL OR j.basis_hours < $min_hours OR j.hours < $min_hours
                   THEN 'too_few_qualifying_hours' END AS why
  FROM core c
  LEFT JOIN (SELECT DISTINCT mn FROM points) p ON p.mn = c.mn
  LEFT JOIN compared j ON j.mn = c.mn AND j.date = c.date
)
SELECT mn, CAST(NULL AS VARCHAR) AS factor, day_start(date) AS window_start,
       day_start(date) + INTERVAL '24 hours' AS window_end,
       away AS observed, $percent AS limit_value, '%' AS unit, coalesce(hours, 0) AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN away > $percent THEN 'flagged' ELSE 'passed' END AS outcome,
       why,
       CASE WHEN why IS NULL
            THEN concat('{"reference":', usual, ',"reference_hours":', basis_hours, ',"hours":', hours, '}') END AS detail
FROM judged
