/*---
id = "P03"
version = 1
name_zh = "注销撤销后排污"
name_en = "discharge after cancellation, revocation or suspension"
group = "permit"
severity = "S1"
basis = "Regulation on Pollutant Permit Management art. 33; Ecological and Environmental Code art. 1102"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no} 已注销、撤销或暂停，数采仪 {mn} 自 {start} 起仍有 {points} 小时排放数据。"
reason_en = "Permit {permit_no} is cancelled, revoked or suspended, yet data logger {mn} reports discharge in {points} hour(s) from {start}."

[episode]
quiet_gap_h = 72

[screen]
look = "first AND logger_active > 0 AND (ended OR NOT permitted)"
passed = "CASE WHEN first AND logger_active > 0 THEN 1 ELSE 0 END"
---*/
WITH active AS (
  SELECT mn, date, count(DISTINCT hour) AS hours
  FROM hourly
  WHERE valid AND is_concentration(factor) AND coalesce(flow, 1.0) > 0.0 AND value > 0.0
    AND hour + INTERVAL '1 hour' <= $as_of
  GROUP BY mn, date
),
owners AS (
  SELECT DISTINCT mn, permit_no FROM permit_bindings WHERE doc_valid
),
states AS (
  SELECT a.mn, a.date, a.hours, d.permit_no, d.version,
         max(CASE WHEN d.status IN ('cancelled', 'revoked', 'suspended') THEN d.status END) AS ended,
         count(d.permit_no) AS documents
  FROM active a
  LEFT JOIN owners o ON o.mn = a.mn
  LEFT JOIN permit_documents d
    ON d.permit_no = o.permit_no AND d.starts_at <= day_start(a.date)
   AND (d.superseded_at IS NULL OR d.superseded_at > day_start(a.date))
  GROUP BY a.mn, a.date, a.hours, d.permit_no, d.version
),
-- A logger under several permits is without one only when all of them have ended.
days AS (
  SELECT mn, date, max(hours) AS hours, max(permit_no) AS permit_no, max(version) AS version,
         count(permit_no) AS permits, count(ended) AS ended, max(ended) AS status
  FROM states
  GROUP BY mn, date
)
SELECT mn, NULL AS factor, NULL AS outlet_uid, permit_no, version AS permit_version,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       CAST(hours AS DOUBLE) AS observed, CAST(NULL AS DOUBLE) AS limit_value, 'h' AS unit,
       hours AS points,
       CASE WHEN permits = 0 THEN 'not_evaluated' WHEN ended = permits THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN permits = 0 THEN 'no_permit' END AS why, NULL AS exempt, NULL AS severity,
       CASE WHEN ended = permits THEN concat('{"status":"', status, '"}') END AS detail
FROM days
