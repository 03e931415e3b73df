/*---
id = "T05"
version = 1
name_zh = "故障未报/未手工监测"
name_en = "fault not reported, no manual monitoring"
group = "transmission"
severity = "S2"
basis = "Provisional rules on operation of automatic monitoring 2008; local rules (report within 12 h)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
lookback_h = 72
evidence = ["hours"]
reason_zh = "{factor} 自 {start} 起仪器故障 {observed} {unit}，超过 {limit} {unit} 仍无故障报告或工单。"
reason_en = "The instrument for {factor} was out of order for {observed} {unit} from {start} and nothing was reported within {limit} {unit}."

[episode]
quiet_gap_h = 6

[params.report_h]
default = 12
min = 1
max = 72
unit = "h"
doc = "time within which a fault has to be reported"

[screen]
look = "concentration AND faulty > 0"
passed = "0"
---*/
-- A fault is a run of hours marked D. It is told by a mark on the platform, or by a maintenance ticket
-- with a report; values of manual monitoring for the time count as well.
WITH hours AS (
  SELECT mn, factor, hour, date, CASE WHEN mark = 'D' THEN 1.0 END AS faulty
  FROM hourly
  WHERE is_concentration(factor)
),
runs AS (
  SELECT mn, factor, r['from_time'] AS from_time, r['to_time'] + INTERVAL '1 hour' AS to_time,
         r['points'] AS hours
  FROM (
    SELECT mn, factor, unnest(constant_runs(hour, faulty, 1, 3600)) AS r
    FROM hours
    GROUP BY mn, factor
  )
),
told AS (
  SELECT DISTINCT r.mn, r.factor, r.from_time
  FROM runs r
  JOIN (
    SELECT mn, factor, marked_at AS at, from_time, to_time FROM marks_in_force WHERE scope = 'device'
    UNION ALL
    SELECT mn, unnest(coalesce(string_to_array(factors, ','), make_array(CAST(NULL AS VARCHAR)))) AS factor,
           coalesce(reported_at, received_at) AS at, coalesce(noticed_at, starts_at),
           coalesce(ends_at, $as_of)
    FROM tickets_history
    WHERE latest AND status <> 'cancelled'
  ) m ON m.mn = r.mn AND (m.factor IS NULL OR m.factor = r.factor)
     AND m.from_time < r.to_time AND m.to_time > r.from_time
     AND m.at <= r.from_time + arrow_cast($report_h * 3600000000, 'Duration(Microsecond)')
  UNION
  SELECT DISTINCT r.mn, r.factor, r.from_time
  FROM runs r
  JOIN manual_history m ON m.mn = r.mn AND m.factor = r.factor AND m.latest
                       AND m.sampled_at >= r.from_time AND m.sampled_at < r.to_time
)
SELECT r.mn, r.factor, r.from_time AS window_start, r.to_time AS window_end,
       r.hours AS observed, $report_h AS limit_value, 'h' AS unit, r.hours AS points,
       CASE WHEN t.mn IS NOT NULL THEN 'passed' WHEN r.hours > $report_h THEN 'flagged'
            ELSE 'not_evaluated' END AS outcome,
       CASE WHEN t.mn IS NULL AND r.hours <= $report_h THEN 'report_not_due_yet' END AS why
FROM runs r
LEFT JOIN told t ON t.mn = r.mn AND t.factor = r.factor AND t.from_time = r.from_time
