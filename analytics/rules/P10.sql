/*---
id = "P10"
version = 2
name_zh = "应装未装应联未联"
name_en = "required automatic monitoring missing"
group = "permit"
severity = "S2"
basis = "Regulation on Pollutant Permit Management art. 20; Ecological and Environmental Code art. 1086"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants to be monitored automatically" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no} 要求自动监测 {factor}，签发满 {limit} 日后未见联网的数采仪。"
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

[screen]
look = "requires"
passed = "0"
registry = true
---*/
-- Two findings: no logger is bound to the outlet for the pollutant; and a bound logger that sends
-- other values leaves the pollutant out for a whole day. Loggers that send nothing are T01's.
--
-- Only permits that are in force ask for anything: what ends a permit ends its bindings as well. A
-- permit is never said to have been disregarded before it was known here, and where no logger at all
-- is registered the registry is missing, not the instruments.
WITH required AS (
  SELECT o.permit_no, o.version, o.outlet_uid, o.valid_from, d.first_issued, d.known_from,
         p.valid_to < day_of($as_of) AS run_out,
         trim(unnest(string_to_array(o.required_auto, ','))) AS factor
  FROM permit_outlets o
  JOIN permit_documents p
    ON p.kafka_topic = o.kafka_topic AND p.kafka_partition = o.kafka_partition
   AND p.kafka_offset = o.kafka_offset AND p.permit_no = o.permit_no AND p.version = o.version
  JOIN (
    SELECT permit_no, min(issued_at) AS first_issued, min(received_at) AS known_from
    FROM permit_documents
    GROUP BY permit_no
  ) d ON d.permit_no = o.permit_no
  WHERE o.doc_valid AND p.superseded_at IS NULL AND p.issued_at <= $as_of
    AND coalesce(p.status, 'valid') IN ('valid', 'changing')
    AND coalesce(o.auto_exempt_reason, '') = '' AND coalesce(o.required_auto, '') <> ''
),
registry AS (SELECT count(*) AS loggers FROM mn_outlets),
connected AS (
  SELECT r.permit_no, r.version, r.outlet_uid, r.factor, r.run_out, r.first_issued, r.known_from,
         max(b.mn) AS mn
  FROM required r
  LEFT JOIN mn_outlets b
    ON b.outlet_uid = r.outlet_uid AND b.bound_from <= $as_of AND b.bound_to > $as_of
   AND (coalesce(b.factors, '') = ''
        OR strpos(concat(',', b.factors, ','), concat(',', r.factor, ',')) > 0)
  GROUP BY r.permit_no, r.version, r.outlet_uid, r.factor, r.run_out, r.first_issued, r.known_from
),
outlets AS (
  SELECT c.*, g.loggers,
         first_issued + arrow_cast($grace_days * 86400000000, 'Duration(Microsecond)') AS due_at
  FROM connected c
  CROSS JOIN registry g
),
unconnected AS (
  SELECT *, greatest(due_at, known_from) AS since,
         CASE WHEN run_out THEN 'permit_not_in_force'
              WHEN mn IS NOT NULL THEN NULL
              WHEN due_at > $as_of THEN 'grace_period'
              WHEN loggers = 0 THEN 'no_logger_registry' END AS why
  FROM outlets
),
days AS (
  SELECT mn, date, count(DISTINCT hour) AS hours
  FROM hourly
  WHERE day_start(date) + INTERVAL '24 hours' <= $as_of
  GROUP BY mn, date
),
present AS (
  SELECT mn, date, factor FROM hourly GROUP BY mn, date, factor
),
-- Loggers of an outlet on a day, those without a list of factors answering for all of them.
asked AS (
  SELECT d.mn, d.date, d.hours, r.permit_no, r.version, r.outlet_uid, r.factor,
         r.first_issued + arrow_cast($grace_days * 86400000000, 'Duration(Microsecond)') AS due_at,
         count(DISTINCT others.mn) AS others
  FROM days d
  JOIN mn_outlets b
    ON b.mn = d.mn AND b.bound_from <= day_start(d.date) AND b.bound_to >= day_start(d.date) + INTERVAL '24 hours'
  JOIN required r
    ON r.outlet_uid = b.outlet_uid AND r.valid_from <= day_start(d.date)
   AND (coalesce(b.factors, '') = ''
        OR strpos(concat(',', b.factors, ','), concat(',', r.factor, ',')) > 0)
  LEFT JOIN mn_outlets others
    ON others.outlet_uid = b.outlet_uid AND others.mn <> b.mn
   AND others.bound_from <= day_start(d.date) AND others.bound_to > day_start(d.date)
  WHERE d.hours >= $hours
  GROUP BY d.mn, d.date, d.hours, r.permit_no, r.version, r.outlet_uid, r.factor, r.first_issued
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no, version AS permit_version,
       since AS window_start, since + INTERVAL '1 day' AS window_end,
       CAST(NULL AS DOUBLE) AS observed, CAST($grace_days AS DOUBLE) AS limit_value, 'd' AS unit,
       1 AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN mn IS NOT NULL THEN 'passed'
            ELSE 'flagged' END AS outcome,
       why, NULL AS exempt, NULL AS severity, '{"kind":"no_logger"}' AS detail,
       CAST(NULL AS VARCHAR) AS say
FROM unconnected
UNION ALL
SELECT a.mn, a.factor, a.outlet_uid, a.permit_no, a.version, day_start(a.date),
       day_start(a.date) + INTERVAL '24 hours', NULL, CAST($grace_days AS DOUBLE), 'd', a.hours,
       CASE WHEN p.factor IS NOT NULL THEN 'passed'
            WHEN a.due_at > day_start(a.date) OR a.others > 0 THEN 'not_evaluated'
            ELSE 'flagged' END,
       CASE WHEN p.factor IS NOT NULL THEN NULL
            WHEN a.due_at > day_start(a.date) THEN 'grace_period'
            WHEN a.others > 0 THEN 'other_logger_may_measure' END,
       NULL, NULL, '{"kind":"factor_missing"}', 'factor'
FROM asked a
LEFT JOIN present p ON p.mn = a.mn AND p.date = a.date AND p.factor = a.factor
