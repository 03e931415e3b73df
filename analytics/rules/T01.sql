/*---
id = "T01"
version = 2
name_zh = "联网异常/离线"
name_en = "offline"
group = "transmission"
severity = "S4"
basis = "HJ 212; rule set of 18 kinds of abnormal automatic data, no. 3"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "realtime"
clock = true
exempts = ["M6"]
reason_zh = "数采仪 {mn} 自 {start} 起 {observed} 分钟无任何数据（截至 {end}）。"
reason_en = "Data logger {mn} sent nothing for {observed} minutes from {start} (until {end})."

[reason.ongoing]
zh = "数采仪 {mn} 自 {start} 起无任何数据，已超过 {observed} 分钟，尚未恢复。"
en = "Data logger {mn} has sent nothing since {start}, for more than {observed} minutes, and is still silent."

[params.notice_minutes]
default = 30
min = 10
max = 1440
unit = "min"
doc = "silence longer than this is flagged"

[params.alarm_minutes]
default = 120
min = 10
max = 10080
unit = "min"
doc = "silence longer than this is S3"

[screen]
look = "begun AND (gap_before_s > 0 OR gap_inside_s > $notice_minutes * 60 OR (over AND gap_after_s > 0) OR gap_after_s > $notice_minutes * 60)"
passed = "CASE WHEN first AND begun THEN 1 ELSE 0 END"
---*/
-- A silence that goes on is told by the last mark it passed: the notice, the alarm, then every full
-- day. So the finding changes when there is something new to say and not with every minute.
WITH silent AS (
  SELECT mn, from_time, until, last_data, still, seconds, told,
         arrow_cast(arrow_cast(from_time, 'Int64') + told * 1000000,
                    'Timestamp(Microsecond, Some("UTC"))') AS to_time
  FROM (
    SELECT s.mn, s.from_time, coalesce(s.to_time, $as_of) AS until, s.last_data, s.seconds, s.to_time IS NULL AS still,
           CASE WHEN s.to_time IS NOT NULL THEN s.seconds
                WHEN s.seconds <= $alarm_minutes * 60 THEN $notice_minutes * 60
                ELSE greatest($alarm_minutes * 60, s.seconds / 86400 * 86400) END AS told
    FROM silences s
    LEFT SEMI JOIN core c ON c.mn = s.mn
    WHERE s.seconds > $notice_minutes * 60
  )
),
days AS (
  SELECT mn, day_start, least(day_start + INTERVAL '24 hours', $as_of) AS day_end
  FROM (
    SELECT mn, arrow_cast(date, 'Timestamp(Microsecond, Some("UTC"))') - INTERVAL '8 hours' AS day_start
    FROM core
  )
  WHERE day_start < $as_of
)
SELECT mn, NULL AS factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       from_time AS window_start, to_time AS window_end,
       CAST(told AS DOUBLE) / 60.0 AS observed, CAST($notice_minutes AS DOUBLE) AS limit_value,
       'min' AS unit, 1 AS points, 'flagged' AS outcome, NULL AS why, NULL AS exempt,
       CASE WHEN seconds > $alarm_minutes * 60 THEN 'S3' END AS severity,
       concat('{"last_data":"', last_data, '","still":', still, '}') AS detail,
       CASE WHEN still THEN 'ongoing' END AS say
FROM silent
UNION ALL
SELECT d.mn, NULL, NULL, NULL, NULL, d.day_start, d.day_end, NULL, NULL, NULL, 1, 'passed',
       NULL, NULL, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (
  SELECT 1 FROM silent s
  WHERE s.mn = d.mn AND s.from_time < d.day_end AND d.day_start < s.until
)
