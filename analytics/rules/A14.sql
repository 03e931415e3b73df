/*---
id = "A14"
version = 1
stage = "findings"
name_zh = "运维单位聚集"
name_en = "clues gather at one maintenance company"
group = "aggregate"
severity = "S3"
basis = "campaigns of the Ministry against fraud by third parties: clues of fraud gather at the companies that commit it"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "unit", factor = "any" }
owner = "nonsite"
granularity = "day"
reason_zh = "运维单位 {factor} 当月涉嫌造假线索占比为其设备占比的 {observed} 倍（{limit} 倍及以上，共 {points} 条），建议对该单位所运维设备开展专项检查。"
reason_en = "Maintenance company {factor}: its share of the month's clues of fraud is {observed} times its share of the devices ({limit} or more, {points} clues); a check of its devices is proposed."

[params.lift]
default = 3.0
min = 1.1
max = 100.0
unit = "1"
doc = "share of clues over share of devices from which it is told"

[params.clues]
default = 5
min = 2
max = 1000
unit = "1"
doc = "clues of the company in the month it takes at least"

[params.least]
default = 2
min = 1
max = 3
unit = "1"
doc = "findings about data quality of this severity or worse are clues of fraud: 1 for S1 to 3 for S3"
---*/
-- Clues are confirmed findings about data quality, by the Beijing month they begin in. The company of
-- a logger is the one its last maintenance ticket of that time names; loggers that no ticket gives a
-- company count neither as clues nor as devices.
WITH clues AS (
  SELECT anomaly_id, mn, date_trunc('month', window_start + INTERVAL '8 hours') AS month
  FROM findings
  WHERE family = 'quality' AND mn IS NOT NULL AND confirmed AND set_aside IS NULL AND level <= $least
),
months AS (SELECT DISTINCT month FROM clues),
served AS (
  SELECT month, mn, company
  FROM (
    SELECT m.month, t.mn, t.company,
           row_number() OVER (PARTITION BY m.month, t.mn ORDER BY t.starts_at DESC, t.ticket_id DESC) AS place
    FROM months m
    JOIN tickets_history t ON t.starts_at < m.month + INTERVAL '1 month' - INTERVAL '8 hours'
    WHERE t.latest AND coalesce(t.status, 'open') <> 'cancelled' AND coalesce(t.company, '') <> ''
      AND t.starts_at <= $as_of
  )
  WHERE place = 1
),
devices AS (
  SELECT month, company, count(*) AS devices FROM served GROUP BY month, company
),
told AS (
  SELECT c.month, s.company, count(*) AS clues,
         array_to_string(array_agg(concat('"', c.anomaly_id, '"') ORDER BY c.anomaly_id), ',') AS ids
  FROM clues c
  JOIN served s ON s.month = c.month AND s.mn = c.mn
  GROUP BY c.month, s.company
),
shares AS (
  SELECT t.month, t.company, t.clues, t.ids, d.devices,
         (CAST(t.clues AS DOUBLE) / CAST(a.clues AS DOUBLE))
           / (CAST(d.devices AS DOUBLE) / CAST(b.devices AS DOUBLE)) AS lift
  FROM told t
  JOIN devices d ON d.month = t.month AND d.company = t.company
  JOIN (SELECT month, sum(clues) AS clues FROM told GROUP BY month) a ON a.month = t.month
  JOIN (SELECT month, sum(devices) AS devices FROM devices GROUP BY month) b ON b.month = t.month
)
SELECT CAST(NULL AS VARCHAR) AS mn, company AS factor, CAST(NULL AS VARCHAR) AS outlet_uid,
       CAST(NULL AS VARCHAR) AS permit_no, month - INTERVAL '8 hours' AS window_start,
       month + INTERVAL '1 month' - INTERVAL '8 hours' AS window_end,
       lift AS observed, $lift AS limit_value, '1' AS unit, clues AS points,
       CASE WHEN lift >= $lift AND clues >= $clues THEN 'flagged' ELSE 'passed' END AS outcome,
       CAST(NULL AS VARCHAR) AS why,
       concat('{"devices":', devices, ',"clues":[', ids, ']}') AS detail
FROM shares
UNION ALL
SELECT CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
       m.month - INTERVAL '8 hours', m.month + INTERVAL '1 month' - INTERVAL '8 hours', NULL, NULL, NULL, 0,
       'not_evaluated', 'no_company', NULL
FROM months m
LEFT ANTI JOIN served s ON s.month = m.month
