/*---
id = "P12"
version = 1
name_zh = "执行报告未交"
name_en = "permit execution report missing or late"
group = "permit"
severity = "S3"
basis = "Regulation on Pollutant Permit Management art. 22, 37; rules on permit execution reports"
granularity = "day"
reason_zh = "许可证 {permit_no}（{unit_name}）应于 {start} 前提交的执行报告未见提交。"
reason_en = "Permit {permit_no} ({unit_name}): the execution report due by {start} was not handed in."

[reason.late]
zh = "许可证 {permit_no}（{unit_name}）应于 {start} 前提交的执行报告迟交 {observed} 天。"
en = "Permit {permit_no} ({unit_name}): the execution report due by {start} came {observed} days late."

[params.due_days]
default = 15
min = 0
max = 90
unit = "d"
doc = "days after the end of the period in which the report may be handed in"

[params.min_held_year]
default = 90
min = 0
max = 365
unit = "d"
doc = "days a permit has to be held in a year to report on it"

[params.min_held_quarter]
default = 30
min = 0
max = 92
unit = "d"
doc = "the same for a quarter"

[params.min_held_month]
default = 10
min = 0
max = 31
unit = "d"
doc = "the same for a month"

[params.monthly]
default = 0
min = 0
max = 1
unit = "1"
doc = "1: monthly reports are due as well"
---*/
-- Due: the year's report of every unit and the first three quarters' of key units; the last quarter
-- is part of the year. Monthly reports only where `monthly` is 1; those of the quarters' last months
-- are part of the quarter. A permit held for only a little of a period need not report on it.
WITH sources AS (SELECT count(*) AS reports FROM execution_reports),
units AS (
  SELECT d.permit_no, d.version, p.mgmt_class, day_of(f.first_issued) AS held_from
  FROM permit_documents d
  JOIN permits p
    ON p.kafka_topic = d.kafka_topic AND p.kafka_partition = d.kafka_partition
   AND p.kafka_offset = d.kafka_offset AND p.permit_no = d.permit_no AND p.version = d.version
  JOIN (SELECT permit_no, min(issued_at) AS first_issued FROM permit_documents GROUP BY permit_no) f
    ON f.permit_no = d.permit_no
  WHERE d.superseded_at IS NULL AND d.issued_at <= $as_of
    AND coalesce(d.status, 'valid') IN ('valid', 'changing', 'expired')
    AND p.mgmt_class IN ('key', 'simplified')
),
months AS (
  SELECT arrow_cast(date_trunc('month', $as_of + INTERVAL '8 hours')
                    - unnest(make_array(INTERVAL '0 months', INTERVAL '1 month', INTERVAL '2 months',
                        INTERVAL '3 months', INTERVAL '4 months', INTERVAL '5 months',
                        INTERVAL '6 months', INTERVAL '7 months', INTERVAL '8 months',
                        INTERVAL '9 months', INTERVAL '10 months', INTERVAL '11 months',
                        INTERVAL '12 months', INTERVAL '13 months', INTERVAL '14 months',
                        INTERVAL '15 months', INTERVAL '16 months', INTERVAL '17 months',
                        INTERVAL '18 months', INTERVAL '19 months', INTERVAL '20 months',
                        INTERVAL '21 months', INTERVAL '22 months', INTERVAL '23 months')),
                    'Date32') AS starts_on
),
periods AS (
  SELECT 'year' AS period, starts_on, arrow_cast(starts_on + INTERVAL '1 year', 'Date32') AS ends_on,
         $min_held_year AS min_held
  FROM months
  WHERE date_part('month', starts_on) = 1
  UNION ALL
  SELECT 'quarter', starts_on, arrow_cast(starts_on + INTERVAL '3 months', 'Date32'), $min_held_quarter
  FROM months
  WHERE date_part('month', starts_on) IN (1, 4, 7)
  UNION ALL
  SELECT 'month', starts_on, arrow_cast(starts_on + INTERVAL '1 month', 'Date32'), $min_held_month
  FROM months
  WHERE $monthly = 1 AND date_part('month', starts_on) NOT IN (3, 6, 9, 12)
),
due AS (
  SELECT u.permit_no, u.version, p.period, p.starts_on,
         day_start(p.ends_on) + arrow_cast($due_days * 86400000000, 'Duration(Microsecond)') AS due_at
  FROM units u
  CROSS JOIN periods p
  WHERE (p.period <> 'quarter' OR u.mgmt_class = 'key')
    AND arrow_cast(p.ends_on, 'Int64')
        - arrow_cast(CASE WHEN u.held_from > p.starts_on THEN u.held_from ELSE p.starts_on END, 'Int64')
        >= p.min_held
),
handed_in AS (
  SELECT permit_no, period, period_start, min(submitted_at) AS submitted_at
  FROM reports_history
  WHERE submitted_at IS NOT NULL AND submitted_at <= $as_of
    AND NOT (latest AND status = 'returned')
  GROUP BY permit_no, period, period_start
)
SELECT CAST(NULL AS VARCHAR) AS mn, CAST(NULL AS VARCHAR) AS factor, CAST(NULL AS VARCHAR) AS outlet_uid,
       d.permit_no, d.version AS permit_version,
       d.due_at AS window_start, d.due_at + INTERVAL '1 day' AS window_end,
       CAST(arrow_cast(coalesce(h.submitted_at, $as_of), 'Int64') - arrow_cast(d.due_at, 'Int64') AS DOUBLE)
         / 86400000000.0 AS observed,
       0.0 AS limit_value, 'd' AS unit, 1 AS points,
       CASE WHEN s.reports = 0 THEN 'not_evaluated' WHEN h.submitted_at < d.due_at THEN 'passed'
            ELSE 'flagged' END AS outcome,
       CASE WHEN s.reports = 0 THEN 'no_report_source' END AS why, NULL AS exempt,
       CASE WHEN h.submitted_at IS NOT NULL THEN 'S4' END AS severity,
       concat('{"period":"', d.period, '","from":"', d.starts_on, '"}') AS detail,
       CASE WHEN h.submitted_at IS NOT NULL THEN 'late' END AS say
FROM due d
CROSS JOIN sources s
LEFT JOIN handed_in h
  ON h.permit_no = d.permit_no AND h.period = d.period AND h.period_start = d.starts_on
WHERE d.due_at <= $as_of AND d.due_at > $as_of - INTERVAL '400 days'
