/*---
id = "P12"
version = 2
name_zh = "执行报告未交"
name_en = "permit execution report missing or late"
group = "permit"
severity = "S3"
basis = "Regulation on Pollutant Permit Management art. 22, 37; rules on permit execution reports"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "unit", factor = "any" }
owner = "nonsite"
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

[params.connected_on]
default = 0
min = 0
max = 99991231
unit = "1"
doc = "first day (as YYYYMMDD) from which every report handed in is known to arrive here; 0: judged by what arrived"

[params.share]
default = 0.5
min = 0.0
max = 1.0
unit = "1"
doc = "share of the region's units that owe the same report and whose report is here, from which a missing one is believed"

[params.others]
default = 3
min = 1
max = 1000
unit = "1"
doc = "such reports there have to be at least where the source was connected only after the day on which they were due"

[screen]
look = "false"
passed = "0"
registry = true
---*/
-- Due: the year's report of every unit and the first three quarters' of key units; the last quarter
-- is part of the year. Monthly reports only where `monthly` is 1; those of the quarters' last months
-- are part of the quarter. A permit held for only a little of a period need not report on it.
--
-- A report that is not here is missing only if it would be here, had it been handed in. So the region
-- (the enforcement body) has to send reports at all, and those of this very period have to be here
-- for most of its units: a source that fails accuses nobody. What was due before the source was
-- connected is believed only on the strength of several such reports.
WITH units AS (
  SELECT d.permit_no, d.version, p.mgmt_class, coalesce(d.org_code, '') AS region,
         day_of(f.first_issued) AS held_from
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
sources AS (
  SELECT u.region, min(r.received_at) AS connected_at
  FROM reports_history r
  JOIN units u ON u.permit_no = r.permit_no
  GROUP BY u.region
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
  SELECT u.permit_no, u.version, u.region, p.period, p.starts_on, p.ends_on,
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
),
held AS (
  SELECT d.*, h.submitted_at, s.connected_at,
         count(h.submitted_at) OVER (PARTITION BY d.region, d.period, d.starts_on) AS here,
         count(*) OVER (PARTITION BY d.region, d.period, d.starts_on) AS owed,
         $connected_on > 0
           AND CAST(date_part('year', day_of(d.due_at)) * 10000 + date_part('month', day_of(d.due_at)) * 100
                    + date_part('day', day_of(d.due_at)) AS BIGINT) > $connected_on AS vouched
  FROM due d
  LEFT JOIN sources s ON s.region = d.region
  LEFT JOIN handed_in h
    ON h.permit_no = d.permit_no AND h.period = d.period AND h.period_start = d.starts_on
  WHERE d.due_at <= $as_of AND d.due_at > $as_of - INTERVAL '400 days'
),
judged AS (
  SELECT *,
         CASE WHEN submitted_at IS NOT NULL OR vouched THEN NULL
              WHEN connected_at IS NULL THEN 'no_report_source'
              WHEN connected_at > due_at AND here < $others THEN 'source_connected_later'
              WHEN CAST(here AS DOUBLE) < $share * CAST(owed AS DOUBLE) OR here = 0
                   THEN 'few_reports_of_period' END AS why
  FROM held
)
SELECT CAST(NULL AS VARCHAR) AS mn, CAST(NULL AS VARCHAR) AS factor, CAST(NULL AS VARCHAR) AS outlet_uid,
       permit_no, version AS permit_version, due_at AS window_start, due_at + INTERVAL '1 day' AS window_end,
       CAST(arrow_cast(coalesce(submitted_at, $as_of), 'Int64') - arrow_cast(due_at, 'Int64') AS DOUBLE)
         / 86400000000.0 AS observed,
       0.0 AS limit_value, 'd' AS unit, 1 AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN submitted_at < due_at THEN 'passed'
            ELSE 'flagged' END AS outcome,
       why, NULL AS exempt, CASE WHEN submitted_at IS NOT NULL THEN 'S4' END AS severity,
       concat('{"period":"', period, '","from":"', starts_on, '","reports_of_region":', here,
              ',"owed_in_region":', owed, '}') AS detail,
       CASE WHEN submitted_at IS NOT NULL THEN 'late' END AS say
FROM judged
