/*---
id = "T06"
version = 1
stage = "tables"
name_zh = "督办逾期"
name_en = "e-order not answered"
group = "transmission"
severity = "S3"
basis = "Announcement 2019 No. 50 (waste incineration: 6 hours); Jiangsu: 4 hours for key units, 48 hours for others"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "hour"
reason_zh = "许可证 {permit_no}（{unit_name}）的电子督办单（案件 {factor}）应于 {start} 前反馈，已逾期 {observed} 小时。"
reason_en = "Permit {permit_no} ({unit_name}): the order of case {factor} was to be answered by {start}; it is {observed} hours overdue."

[reason.answered_late]
zh = "许可证 {permit_no}（{unit_name}）的电子督办单（案件 {factor}）应于 {start} 前反馈，逾期 {observed} 小时后反馈。"
en = "Permit {permit_no} ({unit_name}): the order of case {factor} was to be answered by {start}; the answer came {observed} hours late."

[params.grace_h]
default = 0.0
min = 0.0
max = 72.0
unit = "h"
doc = "hours after the deadline within which an answer is still in time"
---*/
-- The deadline is the queue's: 6 hours for waste incineration, 4 for key units, 48 for others, by its
-- calendar of working days. While an order stays unanswered it is told by the days that passed; the
-- finding ends when it is answered, or when officers go there instead. Orders about this rule's own
-- findings are not judged, or one silence would go on for ever.
WITH open_orders AS (
  SELECT case_id, permit_no, outlet_uid, severity, delivered_at, due_at,
         CASE WHEN answered_at <= $as_of THEN answered_at END AS answered_at,
         CASE WHEN ended_at <= $as_of THEN ended_at END AS ended_at
  FROM orders
  WHERE delivered_at <= $as_of AND coalesce(rule_id, '') <> 'T06'
),
late AS (
  SELECT *,
         CAST(arrow_cast(coalesce(ended_at, $as_of), 'Int64') - arrow_cast(due_at, 'Int64') AS DOUBLE)
           / 3600000000.0 AS hours
  FROM open_orders
),
judged AS (
  SELECT *,
         CASE WHEN due_at IS NULL THEN 'not_evaluated' WHEN hours > $grace_h THEN 'flagged'
              ELSE 'passed' END AS outcome,
         -- An open order is told by whole days, so that it is not told anew every minute.
         CASE WHEN ended_at IS NULL THEN floor(hours / 24.0) * 24.0 ELSE hours END AS told
  FROM late
)
SELECT CAST(NULL AS VARCHAR) AS mn, case_id AS factor, outlet_uid, permit_no,
       coalesce(due_at, delivered_at) AS window_start,
       CASE WHEN outcome = 'flagged' AND ended_at IS NOT NULL THEN ended_at
            WHEN outcome = 'flagged'
            THEN due_at + arrow_cast(CAST(greatest(told * 3600000000.0, 60000000.0) AS BIGINT), 'Duration(Microsecond)')
            ELSE coalesce(due_at, delivered_at) + INTERVAL '1 minute' END AS window_end,
       CASE WHEN outcome = 'flagged' THEN told END AS observed, $grace_h AS limit_value, 'h' AS unit, 1 AS points,
       outcome, CASE WHEN outcome = 'not_evaluated' THEN 'no_deadline' END AS why,
       CASE WHEN outcome = 'flagged'
            THEN concat('{"case":"', case_id, '","severity":"', severity, '","delivered_at":"', delivered_at,
                        '","due_at":"', due_at, '"}') END AS detail,
       CASE WHEN answered_at IS NOT NULL THEN 'answered_late' END AS say
FROM judged
UNION ALL
-- Without a mirror of the queue nobody can tell whether orders are answered.
SELECT CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR),
       $as_of, $as_of + INTERVAL '1 minute', NULL, NULL, NULL, 0, 'not_evaluated', 'no_order_source', NULL, NULL
FROM (SELECT count(*) AS events FROM review_events)
WHERE events = 0
