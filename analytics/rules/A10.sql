/*---
id = "A10"
version = 1
stage = "floods"
name_zh = "告警洪峰"
name_en = "alert flood"
group = "aggregate"
severity = "S2"
basis = "provincial complaint: floods of alerts bury the true ones; a whole city flagged within one hour points to the platform"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "hour"
reason_zh = "规则与城市 {factor}：自 {start} 起一小时内 {observed} 个排放口同时报警（平时上限 {limit}），疑似平台故障，暂缓派发，待人工确认。"
reason_en = "Rule and city {factor}: {observed} outlets flagged within one hour from {start} on (usual bound {limit}): a fault of the platform is suspected, nothing of it is dispatched until somebody decides."

[episode]
quiet_gap_h = 0.0

[params.times]
default = 5.0
min = 1.5
max = 100.0
unit = "1"
doc = "times the median of the rule's earlier hours from which it is a flood"

[params.outlets]
default = 20
min = 2
max = 10000
unit = "1"
doc = "outlets it takes at least"

[params.past_d]
default = 14
min = 1
max = 90
unit = "d"
doc = "days before the hour whose hours with findings of the rule in the city make the median"

[params.history_d]
default = 7
min = 0
max = 90
unit = "d"
doc = "days of findings there have to be before the hour"

[params.alerts_per_day]
default = 1
min = 1
max = 24
unit = "1"
doc = "alerts of one outlet, rule and Beijing day that are sent; what only repeats them stays in the outbox"
---*/
-- Counted are outlets on which findings of one rule begin within one Beijing hour, by city (the first
-- four digits of the enforcement body). Hours of the data and not of runs: a backlog that comes in
-- at once is no flood, and the same findings give the same floods however they were found. Usual is
-- the median of the earlier hours in which the rule found anything there, none counting as zero.
WITH begun AS (
  SELECT rule_id, coalesce(substr(org_code, 1, 4), '-') AS city, date_trunc('hour', window_start) AS hour,
         count(DISTINCT coalesce(outlet_uid, mn, permit_no)) AS outlets
  FROM findings
  GROUP BY rule_id, coalesce(substr(org_code, 1, 4), '-'), date_trunc('hour', window_start)
),
beginning AS (SELECT min(window_start) AS first FROM findings),
usual AS (
  SELECT b.rule_id, b.city, b.hour, b.outlets, median(CAST(p.outlets AS DOUBLE)) AS usual, count(p.outlets) AS hours
  FROM begun b
  LEFT JOIN begun p
    ON p.rule_id = b.rule_id AND p.city = b.city AND p.hour < b.hour
   AND p.hour >= b.hour - arrow_cast($past_d * 86400000000, 'Duration(Microsecond)')
  WHERE b.outlets >= $outlets
  GROUP BY b.rule_id, b.city, b.hour, b.outlets
),
judged AS (
  SELECT b.rule_id, b.city, b.hour, b.outlets, coalesce(u.usual, 0.0) AS usual, coalesce(u.hours, 0) AS hours,
         b.outlets >= $outlets
           AND b.hour < n.first + arrow_cast($history_d * 86400000000, 'Duration(Microsecond)') AS early,
         b.outlets >= $outlets AND CAST(b.outlets AS DOUBLE) > $times * coalesce(u.usual, 0.0) AS flood
  FROM begun b
  CROSS JOIN beginning n
  LEFT JOIN usual u ON u.rule_id = b.rule_id AND u.city = b.city AND u.hour = b.hour
)
SELECT CAST(NULL AS VARCHAR) AS mn, concat(rule_id, '/', city) AS factor, CAST(NULL AS VARCHAR) AS outlet_uid,
       CAST(NULL AS VARCHAR) AS permit_no, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       CAST(outlets AS DOUBLE) AS observed, greatest($times * usual, CAST($outlets AS DOUBLE) - 1.0) AS limit_value,
       '1' AS unit, outlets AS points,
       CASE WHEN early THEN 'not_evaluated' WHEN flood THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN early THEN 'too_little_history' END AS why,
       CASE WHEN flood AND NOT early
            THEN concat('{"usual":', usual, ',"earlier_hours":', hours, ',"alerts_per_day":', $alerts_per_day, '}')
            END AS detail
FROM judged
