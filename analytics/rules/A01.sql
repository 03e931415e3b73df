/*---
id = "A01"
version = 1
stage = "findings"
name_zh = "重复发生"
name_en = "repeat offence"
group = "aggregate"
severity = "S2"
basis = "progressive enforcement: the third confirmed problem of one kind within 30 days is more serious than the first, and is looked at on site"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no}（{unit_name}）同类问题（{factor}）30 日内第 {observed} 次发生（{limit} 次及以上），提高一级并建议现场检查。"
reason_en = "Permit {permit_no} ({unit_name}): the same kind of problem ({factor}) on {observed} days within the window ({limit} or more): one level more severe, an on-site inspection is proposed."

[episode]
quiet_gap_h = 720

[params.n]
default = 3
min = 2
max = 30
unit = "d"
doc = "days with a confirmed finding of one kind from which it counts as repeated"

[params.window_d]
default = 30
min = 2
max = 366
unit = "d"
doc = "days over which they are counted, the last one included"

[params.least]
default = 3
min = 1
max = 3
unit = "1"
doc = "findings of this severity or worse count: 1 for S1 to 3 for S3; reminders never do"
---*/
-- The kind is the rule's group; the subject is the unit. Counted are Beijing days on which at least
-- one confirmed finding begins, because one event is often told by several rules at once. From the
-- n-th day on every finding of that day becomes one level more severe. What was exempted, refuted,
-- suspended or held does not count.
WITH counted AS (
  SELECT anomaly_id, permit_no, family, date, level
  FROM findings
  WHERE permit_no IS NOT NULL AND confirmed AND set_aside IS NULL AND level <= $least
),
days AS (
  SELECT permit_no, family, date, min(level) AS worst, count(*) AS findings,
         array_to_string(array_agg(concat('"', anomaly_id, '"') ORDER BY anomaly_id), ',') AS base
  FROM counted
  GROUP BY permit_no, family, date
),
judged AS (
  SELECT d.permit_no, d.family, d.date, d.worst, d.findings, d.base, count(*) AS occasions, min(e.date) AS since
  FROM days d
  JOIN days e
    ON e.permit_no = d.permit_no AND e.family = d.family AND e.date <= d.date
   AND arrow_cast(d.date, 'Int64') - arrow_cast(e.date, 'Int64') < $window_d
  GROUP BY d.permit_no, d.family, d.date, d.worst, d.findings, d.base
)
SELECT CAST(NULL AS VARCHAR) AS mn, family AS factor, CAST(NULL AS VARCHAR) AS outlet_uid, permit_no,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       CAST(occasions AS DOUBLE) AS observed, CAST($n AS DOUBLE) AS limit_value, 'd' AS unit,
       findings AS points,
       CASE WHEN occasions >= $n THEN 'flagged' ELSE 'passed' END AS outcome, CAST(NULL AS VARCHAR) AS why,
       CASE worst WHEN 3 THEN 'S2' ELSE 'S1' END AS severity,
       CASE WHEN occasions >= $n
            THEN concat('{"since":"', since, '","raise":1,"proposal":"on_site","base":[', base, ']}') END AS detail
FROM judged
UNION ALL
-- A logger that no permit names has no unit to count for.
SELECT CAST(NULL AS VARCHAR), logger, CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
       day_start(date), day_start(date) + INTERVAL '24 hours', NULL, NULL, NULL, findings,
       'not_evaluated', 'no_permit', NULL, NULL
FROM (
  SELECT mn AS logger, date, count(*) AS findings
  FROM findings
  WHERE permit_no IS NULL AND confirmed AND set_aside IS NULL AND level <= $least
  GROUP BY mn, date
)
