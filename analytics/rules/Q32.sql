/*---
id = "Q32"
version = 1
name_zh = "设备故障持续"
name_en = "fault of a device goes on"
group = "quality"
severity = "S4"
basis = "HJ 212-2017 (mark D); rule set of 18 kinds of abnormal automatic data, no. 5"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours"]
reason_zh = "{factor} 自 {start} 至 {end} 连续 {points} 小时标记设备故障，平台上尚无标记或工单说明。"
reason_en = "{factor} was marked as faulty for {points} hours in a row from {start} to {end}, and no mark on the platform or ticket tells why."

[episode]
quiet_gap_h = 6

[params.hours]
default = 2
min = 1
max = 24
unit = "h"
doc = "hours in a row that are flagged"

[screen]
look = "concentration AND (faulty > 0 OR empty > 0)"
passed = "CASE WHEN concentration THEN hours ELSE 0 END"
---*/
-- A notice that somebody should look: reporting the fault in time and measuring by hand is T05's.
WITH runs AS (
  SELECT mn, factor, r['from_time'] AS from_time, r['to_time'] + INTERVAL '1 hour' AS to_time,
         r['points'] AS hours
  FROM (
    SELECT mn, factor, unnest(constant_runs(hour, faulty, 1, 3600)) AS r
    FROM (
      SELECT mn, factor, hour, CASE WHEN mark = 'D' THEN 1.0 END AS faulty
      FROM hourly
      WHERE is_concentration(factor) AND hour + INTERVAL '1 hour' <= $as_of
    )
    GROUP BY mn, factor
  )
),
told AS (
  SELECT DISTINCT r.mn, r.factor, r.from_time
  FROM runs r
  JOIN (
    SELECT mn, factor, from_time, to_time FROM marks_in_force WHERE scope = 'device'
    UNION ALL
    SELECT mn, unnest(coalesce(string_to_array(factors, ','), make_array(CAST(NULL AS VARCHAR)))),
           coalesce(noticed_at, starts_at), coalesce(ends_at, $as_of)
    FROM tickets_history
    WHERE latest AND status <> 'cancelled'
  ) m ON m.mn = r.mn AND (m.factor IS NULL OR m.factor = r.factor)
     AND m.from_time < r.to_time AND m.to_time > r.from_time
),
flagged AS (
  SELECT r.*
  FROM runs r
  LEFT ANTI JOIN told t ON t.mn = r.mn AND t.factor = r.factor AND t.from_time = r.from_time
  WHERE r.hours >= $hours
)
SELECT mn, factor, from_time AS window_start, to_time AS window_end, CAST(hours AS DOUBLE) AS observed,
       CAST($hours AS DOUBLE) AS limit_value, 'h' AS unit, hours AS points, 'flagged' AS outcome, NULL AS why
FROM flagged
UNION ALL
SELECT h.mn, h.factor, h.hour, h.hour + INTERVAL '1 hour', NULL, CAST($hours AS DOUBLE), 'h', 1,
       CASE WHEN h.mark = 'missing' THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN h.mark = 'missing' THEN 'no_value' END
FROM hourly h
WHERE is_concentration(h.factor) AND h.hour + INTERVAL '1 hour' <= $as_of
  AND NOT EXISTS (
    SELECT 1 FROM flagged f
    WHERE f.mn = h.mn AND f.factor = h.factor AND h.hour >= f.from_time AND h.hour < f.to_time
  )
