/*---
id = "Q28"
version = 2
name_zh = "流量与浓度矛盾"
name_en = "flow and concentration contradict"
group = "quality"
severity = "S3"
basis = "HJ 356-2019; document 2015 no. 175 of the Ministry"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration, flow" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours"]
exempts = ["M1", "M3"]
reason_zh = "数采仪 {mn} 自 {start} 至 {end} 流量与浓度矛盾，共 {points} 小时（{factor}）。"
reason_en = "Data logger {mn}: flow and concentration contradict each other between {start} and {end}, in {points} hour(s) ({factor})."

[episode]
quiet_gap_h = 6

[params.change]
default = 10.0
min = 1.0
max = 100.0
unit = "%"
doc = "change from hour to hour without flow that is beyond repeatability"

[params.oxygen]
default = 19.0
min = 15.0
max = 20.9
unit = "%"
doc = "oxygen below which a source runs"

[screen]
look = "(concentration AND (valid < hours OR hours < logger_hours OR flows < logger_hours OR flow_lowest <= 0.0)) OR (((factor = 'w00000') IS TRUE) AND (valid < logger_hours OR lowest <= 0.0 OR logger_active < logger_hours))"
passed = "CASE WHEN concentration OR factor = 'w00000' THEN hours ELSE 0 END"
---*/
-- Water: no flow for hours while the concentration changes; flow, but every concentration zero or
-- missing and not marked, for two cycles. Gas: no velocity or flow while the source runs by its oxygen and
-- concentrations are alive. An analyser that gives a value every two hours or more seldom has no hour to
-- compare with while nothing flows, and its cycle is as long as `daily` says.
WITH slow AS (
  SELECT mn, factor, date, cadence_s FROM daily WHERE cadence_s > 3600 AND is_concentration(factor)
),
hours AS (
  SELECT mn, factor, hour, date, valid, mark, value, flow, o2, is_gas(factor) AS gas,
         lag(value) OVER series AS before, lag(flow) OVER series AS flow_before,
         lag(hour) OVER series AS hour_before, lag(valid) OVER series AS valid_before
  FROM hourly
  WHERE is_concentration(factor)
  WINDOW series AS (PARTITION BY mn, factor ORDER BY hour)
),
still AS (
  SELECT h.mn, h.factor, h.hour, h.value, 'changes_without_flow' AS kind, 'S3' AS severity,
         valid AND valid_before AND NOT gas AND flow = 0.0 AND flow_before = 0.0
           AND hour - hour_before = INTERVAL '1 hour' AND before > 0.0
           AND abs(value - before) > $change / 100.0 * before AS odd,
         CASE WHEN NOT valid THEN 'no_valid_hour' WHEN flow IS NULL THEN 'no_flow'
              WHEN s.mn IS NOT NULL AND flow = 0.0 THEN 'cadence_over_an_hour' END AS why
  FROM hours h
  LEFT JOIN slow s ON s.mn = h.mn AND s.factor = h.factor AND s.date = h.date
  WHERE NOT gas
  UNION ALL
  SELECT mn, factor, hour, value, 'runs_without_flow', 'S2',
         valid AND flow <= 0.0 AND o2 < $oxygen AND value > 0.0,
         CASE WHEN NOT valid THEN 'no_valid_hour' WHEN flow IS NULL THEN 'no_flow'
              WHEN o2 IS NULL AND flow <= 0.0 THEN 'no_oxygen' END
  FROM hours
  WHERE gas
),
alive AS (
  SELECT mn, hour, count(*) AS factors
  FROM hours
  WHERE value > 0.0 OR (NOT valid AND mark <> 'missing')
  GROUP BY mn, hour
),
flowing AS (
  SELECT f.mn, f.hour, f.value AS flow, coalesce(n.factors, 0) + coalesce(b.factors, 0) AS alive,
         s.cadence_s,
         max(n.hour) OVER (PARTITION BY f.mn ORDER BY f.hour ROWS BETWEEN 8 PRECEDING AND CURRENT ROW) AS heard
  FROM hourly f
  LEFT JOIN alive n ON n.mn = f.mn AND n.hour = f.hour
  LEFT JOIN alive b ON b.mn = f.mn AND b.hour = f.hour - INTERVAL '1 hour'
  LEFT JOIN (SELECT mn, date, max(cadence_s) AS cadence_s FROM slow GROUP BY mn, date) s
    ON s.mn = f.mn AND s.date = f.date
  WHERE f.factor = 'w00000' AND f.valid AND f.value > 0.0
),
empty AS (
  SELECT mn, hour, flow,
         alive = 0 AND (cadence_s IS NULL OR heard IS NULL
                        OR arrow_cast(hour, 'Int64') - arrow_cast(heard, 'Int64') >= 2000000 * cadence_s) AS odd
  FROM flowing
)
SELECT mn, factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       value AS observed, NULL AS limit_value,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN odd THEN 'flagged' ELSE 'passed' END AS outcome,
       why, CASE WHEN odd THEN severity END AS severity,
       CASE WHEN odd THEN concat('{"kind":"', kind, '"}') END AS detail
FROM still
WHERE hour + INTERVAL '1 hour' <= $as_of
UNION ALL
SELECT mn, 'w00000', hour, hour + INTERVAL '1 hour', flow, NULL,
       CASE WHEN odd THEN 'flagged' ELSE 'passed' END, NULL,
       CASE WHEN odd THEN 'S2' END,
       CASE WHEN odd THEN '{"kind":"flow_without_concentration"}' END
FROM empty
WHERE hour + INTERVAL '1 hour' <= $as_of
