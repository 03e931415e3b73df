/*---
id = "P10"
version = 1
name_zh = "应装未装应联未联"
name_en = "required automatic monitoring missing"
group = "permit"
severity = "S2"
basis = "Regulation on Pollutant Permit Management art. 20; Ecological and Environmental Code art. 1086"
granularity = "day"
reason_zh = "许可证 {permit_no} 要求自动监测 {factor}，签发满 {limit} 日后仍未联网。"
reason_en = "Permit {permit_no} requires automatic monitoring of {factor}, but the outlet has no connected logger {limit} days after issue."

[reason.factor]
zh = "许可证 {permit_no} 要求自动监测 {factor}，数采仪 {mn} 自 {start} 起全天未上传该因子。"
en = "Permit {permit_no} requires automatic monitoring of {factor}; data logger {mn} left it out all day from {start}."

[episode]
quiet_gap_h = 72

[params.grace_days]
default = 90
min = 0
max = 365
unit = "d"
doc = "days after the first issue of the permit in which the outlet may still be unconnected"

[params.hours]
default = 20
min = 1
max = 24
unit = "h"
doc = "hours with data of other factors a day needs to say that one factor is missing"
---*/
-- Two findings: no logger is bound to the outlet for the pollutant; and a bound logger that sends
-- other values leaves the pollutant out for a whole day. Loggers that send nothing are T01's.
WITH required AS (
  SELECT o.permit_no, o.version, o.outlet_uid, o.valid_from, d.first_issued,
         unnest(string_to_array(o.required_auto, ',')) AS factor
  FROM permit_outlets o
  JOIN permit_documents p
    ON p.kafka_topic = o.kafka_topic AND p.kafka_partition = o.kafka_partition
   AND p.kafka_offset = o.kafka_offset AND p.permit_no = o.permit_no AND p.version = o.version
  JOIN (SELECT permit_no, min(issued_at) AS first_issued FROM permit_documents GROUP BY permit_no) d
    ON d.permit_no = o.permit_no
  WHERE o.doc_valid AND p.superseded_at IS NULL AND p.issued_at <= $as_of
    AND coalesce(p.status, 'valid') IN ('valid', 'changing')
    AND coalesce(o.auto_exempt_reason, '') = '' AND coalesce(o.required_auto, '') <> ''
),
connected AS (
  SELECT r.permit_no, r.version, r.outlet_uid, trim(r.factor) AS factor, r.valid_from, r.first_issued,
         max(b.mn) AS mn
  FROM required r
  LEFT JOIN mn_outlets b
    ON b.outlet_uid = r.outlet_uid AND b.bound_from <= $as_of AND b.bound_to > $as_of
   AND (coalesce(b.factors, '') = ''
        OR strpos(concat(',', b.factors, ','), concat(',', trim(r.factor), ',')) > 0)
  GROUP BY r.permit_no, r.version, r.outlet_uid, trim(r.factor), r.valid_from, r.first_issued
),
outlets AS (
  SELECT *, first_issued + arrow_cast($grace_days * 86400000000, 'Duration(Microsecond)') AS due_at
  FROM connected
),
days AS (
  SELECT mn, date, count(DISTINCT hour) AS hours
  FROM hourly
  WHERE day_start(date) + INTERVAL '24 hours' <= $as_of
  GROUP BY mn, date
),
present AS (
  SELECT mn, date, factor FROM hourly GROUP BY mn, date, factor
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no, version AS permit_version,
       due_at AS window_start, due_at + INTERVAL '1 day' AS window_end,
       CAST(NULL AS DOUBLE) AS observed, CAST($grace_days AS DOUBLE) AS limit_value, 'd' AS unit,
       1 AS points,
       CASE WHEN mn IS NOT NULL THEN 'passed' WHEN due_at > $as_of THEN 'not_evaluated'
            ELSE 'flagged' END AS outcome,
       CASE WHEN mn IS NULL AND due_at > $as_of THEN 'grace_period' END AS why,
       NULL AS exempt, NULL AS severity, '{"kind":"no_logger"}' AS detail, CAST(NULL AS VARCHAR) AS say
FROM outlets
UNION ALL
SELECT d.mn, o.factor, o.outlet_uid, o.permit_no, o.version, day_start(d.date),
       day_start(d.date) + INTERVAL '24 hours', NULL, CAST($grace_days AS DOUBLE), 'd', d.hours,
       CASE WHEN p.factor IS NOT NULL THEN 'passed' WHEN o.due_at > day_start(d.date) THEN 'not_evaluated'
            ELSE 'flagged' END,
       CASE WHEN p.factor IS NULL AND o.due_at > day_start(d.date) THEN 'grace_period' END,
       NULL, NULL, '{"kind":"factor_missing"}', 'factor'
FROM days d
JOIN outlets o ON o.mn = d.mn AND o.valid_from <= day_start(d.date)
LEFT JOIN present p ON p.mn = d.mn AND p.date = d.date AND p.factor = o.factor
WHERE d.hours >= $hours
