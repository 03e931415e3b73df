/*---
id = "P04"
version = 2
name_zh = "未载明排放口/对不上"
name_en = "outlet or pollutant not in the permit"
group = "permit"
severity = "S2"
basis = "Regulation on Pollutant Permit Management art. 36; Ecological and Environmental Code art. 1103"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
reason_zh = "数采仪 {mn} 自 {start} 起上传的 {factor} 数据，许可证未载明对应排放口。"
reason_en = "Data logger {mn} reports {factor} from {start}, but no permit names an outlet for it."

[reason.factor]
zh = "许可证 {permit_no} 未将 {factor} 列为该排放口污染物，但数采仪 {mn} 自 {start} 起上传其监测数据。"
en = "Permit {permit_no} does not list {factor} for this outlet, but data logger {mn} reports it from {start}."

[episode]
quiet_gap_h = 72

[params.grace_days]
default = 90
min = 0
max = 365
unit = "d"
doc = "days after the first issue of a permit in which it may be incomplete"

[screen]
look = "concentration AND valid > 0 AND NOT (bound_noon AND listed)"
passed = "CASE WHEN concentration AND valid > 0 THEN 1 ELSE 0 END"
---*/
-- A logger that no permit names, and pollutants measured at an outlet whose permit does not list them
-- (limits, permitted masses, automatic monitoring). New permits have time to be completed. Where the
-- permit that named the logger has run out or was withdrawn, P02 and P03 tell it; a logger that is
-- bound soon afterwards was on trial.
WITH measured AS (
  SELECT mn, factor, date, count(*) AS hours
  FROM hourly
  WHERE is_concentration(factor) AND valid AND hour + INTERVAL '1 hour' <= $as_of
  GROUP BY mn, factor, date
),
registry AS (SELECT count(*) AS documents FROM permit_documents),
bound AS (
  SELECT m.mn, m.factor, m.date, m.hours, o.permit_no, o.permit_version, o.outlet_uid,
         min(d.first_issued) AS first_issued
  FROM measured m
  LEFT JOIN mn_outlets o
    ON o.mn = m.mn AND day_start(m.date) + INTERVAL '12 hours' >= o.bound_from
   AND day_start(m.date) + INTERVAL '12 hours' < o.bound_to
  LEFT JOIN (SELECT permit_no, min(issued_at) AS first_issued FROM permit_documents GROUP BY permit_no) d
    ON d.permit_no = o.permit_no
  GROUP BY m.mn, m.factor, m.date, m.hours, o.permit_no, o.permit_version, o.outlet_uid
),
listed AS (
  SELECT outlet_uid, factor FROM permit_limits WHERE doc_valid
  UNION
  SELECT outlet_uid, factor FROM permit_mass_limits WHERE doc_valid AND outlet_uid IS NOT NULL
  UNION
  SELECT outlet_uid, unnest(string_to_array(required_auto, ',')) AS factor
  FROM permit_outlets
  WHERE doc_valid AND required_auto IS NOT NULL
),
ended AS (
  SELECT o.mn, d.valid_to, d.superseded_at, d.status
  FROM mn_outlets o
  JOIN permit_documents d ON d.permit_no = o.permit_no AND d.version = o.permit_version
),
named AS (
  SELECT b.mn, b.date,
         max(CASE WHEN e.superseded_at IS NULL
                       AND (e.valid_to < b.date OR coalesce(e.status, 'valid') NOT IN ('valid', 'changing'))
                  THEN 1 ELSE 0 END) AS run_out
  FROM (SELECT DISTINCT mn, date FROM bound WHERE outlet_uid IS NULL) b
  JOIN ended e ON e.mn = b.mn
  GROUP BY b.mn, b.date
),
trials AS (
  SELECT b.mn, b.date, max(1) AS bound_later
  FROM (SELECT DISTINCT mn, date FROM bound WHERE outlet_uid IS NULL) b
  JOIN mn_outlets o ON o.mn = b.mn
  WHERE o.bound_from > day_start(b.date) + INTERVAL '12 hours'
    AND o.bound_from <= day_start(b.date)
                        + arrow_cast($grace_days * 86400000000, 'Duration(Microsecond)')
  GROUP BY b.mn, b.date
),
loggers AS (
  SELECT b.mn, CAST(NULL AS VARCHAR) AS factor, b.date, sum(b.hours) AS hours,
         CAST(NULL AS VARCHAR) AS permit_no, CAST(NULL AS INT) AS permit_version,
         CAST(NULL AS VARCHAR) AS outlet_uid, 'no_outlet' AS kind,
         CASE WHEN max(r.documents) = 0 THEN 'no_permit_registry'
              WHEN max(n.run_out) = 1 THEN 'permit_ended'
              WHEN max(t.bound_later) = 1 THEN 'bound_later' END AS why,
         max(r.documents) > 0 AS flagged
  FROM bound b
  CROSS JOIN registry r
  LEFT JOIN named n ON n.mn = b.mn AND n.date = b.date
  LEFT JOIN trials t ON t.mn = b.mn AND t.date = b.date
  WHERE b.outlet_uid IS NULL
  GROUP BY b.mn, b.date
),
factors AS (
  SELECT b.mn, b.factor, b.date, max(b.hours) AS hours, max(b.permit_no) AS permit_no,
         max(b.permit_version) AS permit_version, max(b.outlet_uid) AS outlet_uid,
         'factor_not_listed' AS kind,
         CASE WHEN max(l.factor) IS NULL
                   AND max(b.first_issued) + arrow_cast($grace_days * 86400000000, 'Duration(Microsecond)') > day_start(b.date)
              THEN 'grace_period' END AS why,
         max(l.factor) IS NULL AS flagged
  FROM bound b
  LEFT JOIN listed l ON l.outlet_uid = b.outlet_uid AND l.factor = b.factor
  WHERE b.outlet_uid IS NOT NULL
  GROUP BY b.mn, b.factor, b.date
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       CAST(NULL AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS limit_value, NULL AS unit,
       hours AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN flagged THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why, NULL AS exempt, NULL AS severity,
       CASE WHEN flagged THEN concat('{"kind":"', kind, '"}') END AS detail,
       CASE WHEN kind = 'factor_not_listed' THEN 'factor' END AS say
FROM (SELECT * FROM loggers UNION ALL SELECT * FROM factors)
