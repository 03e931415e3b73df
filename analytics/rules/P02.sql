/*---
id = "P02"
version = 3
name_zh = "证照临期/过期"
name_en = "permit expiring or expired"
group = "permit"
severity = "S4"
basis = "Regulation on Pollutant Permit Management art. 14 (renewal 60 days before expiry); Ecological and Environmental Code art. 182, 1102"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "day"
reason_zh = "许可证 {permit_no}（{unit_name}）距有效期届满还有 {observed} 天，已到 {limit} 天提醒线；延续应在届满 60 日前申请。"
reason_en = "Permit {permit_no} ({unit_name}) expires in {observed} days (notice at {limit}); renewal is due 60 days before expiry."

[reason.expired]
zh = "许可证 {permit_no}（{unit_name}）自 {day} 起失效，已过期 {observed} 天，未见延续后的许可证。"
en = "Permit {permit_no} ({unit_name}) has not been in force since {day}: expired {observed} days ago, no renewed permit received."

[reason.discharging]
zh = "许可证 {permit_no} 过期后数采仪 {mn} 仍有排放数据（{day} 起，最晚为过期第 {observed} 天），为无证排污线索。"
en = "Data logger {mn} reports discharge after permit {permit_no} expired (from {day}, lately day {observed} after expiry): a clue of discharge without a permit."

[episode]
quiet_gap_h = 72

[params.first_notice]
default = 90
min = 1
max = 365
unit = "d"
doc = "days before expiry of the first notice"

[params.second_notice]
default = 60
min = 1
max = 365
unit = "d"
doc = "days before expiry of the second notice"

[params.last_notice]
default = 30
min = 1
max = 365
unit = "d"
doc = "days before expiry of the last notice"

[screen]
look = "first AND logger_alive > 0 AND (expires IS NULL OR date > expires)"
passed = "CASE WHEN first AND logger_alive > 0 THEN 1 ELSE 0 END"
registry = true
---*/
-- One notice per permit at a time: that of the tightest line reached. When the next line is reached
-- its notice takes over, and none remains once the permit has expired: then one finding says since
-- when. Data after expiry are a clue of their own, per logger, by the permit of the day: a renewal that
-- begins later leaves the days between uncovered. The last day of validity counts.
WITH today AS (
  SELECT arrow_cast($as_of + INTERVAL '8 hours', 'Date32') AS day
),
-- What was issued by then, with the days each document is the one that counts: a document holds from
-- its first day of validity until that of a later one.
documents AS (
  SELECT permit_no, version, status, valid_to, first_day,
         row_number() OVER (PARTITION BY permit_no ORDER BY issued_at, version) AS number,
         row_number() OVER (PARTITION BY permit_no ORDER BY issued_at DESC, version DESC) AS place,
         min(first_day) OVER (PARTITION BY permit_no ORDER BY issued_at, version
                              ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until_day
  FROM (
    SELECT *, coalesce(valid_from, day_of(issued_at)) AS first_day
    FROM permit_documents
    WHERE issued_at <= $as_of
  )
),
newest AS (
  SELECT d.permit_no, d.version, d.valid_to,
         arrow_cast(d.valid_to, 'Int64') - arrow_cast(t.day, 'Int64') AS days_left, t.day,
         CASE WHEN d.valid_to IS NULL THEN 'no_validity'
              WHEN d.status = 'changing' THEN 'renewal_in_process'
              WHEN d.status IN ('cancelled', 'revoked') THEN concat('permit_', d.status) END AS why
  FROM documents d
  CROSS JOIN today t
  WHERE d.place = 1
),
lines AS (
  SELECT n.permit_no, n.version, n.valid_to, n.days_left, n.why, k.days AS line,
         min(k.days) OVER (PARTITION BY n.permit_no) AS tightest
  FROM newest n
  CROSS JOIN (SELECT unnest(make_array($first_notice, $second_notice, $last_notice)) AS days) k
  WHERE n.valid_to IS NOT NULL AND n.days_left <= k.days
),
permits AS (
  SELECT DISTINCT permit_no, version, valid_to, arrow_cast(valid_to, 'Int64') - line AS on_day,
         CAST(days_left AS DOUBLE) AS observed, CAST(line AS DOUBLE) AS limit_value,
         CASE WHEN why IS NOT NULL THEN 'not_evaluated'
              WHEN days_left < 0 OR line > tightest THEN 'passed' ELSE 'flagged' END AS outcome,
         CASE WHEN why IS NOT NULL THEN why
              WHEN days_left < 0 THEN 'permit_expired'
              WHEN line > tightest THEN 'next_notice_reached' END AS why,
         CAST(NULL AS VARCHAR) AS say
  FROM lines
  UNION ALL
  SELECT permit_no, version, valid_to, arrow_cast(valid_to, 'Int64') + 1,
         CAST(-days_left AS DOUBLE), NULL,
         CASE WHEN why IS NOT NULL THEN 'not_evaluated' ELSE 'flagged' END, why, 'expired'
  FROM newest
  WHERE days_left < 0
  UNION ALL
  SELECT permit_no, version, valid_to, arrow_cast(day, 'Int64'), CAST(days_left AS DOUBLE), NULL,
         CASE WHEN valid_to IS NULL THEN 'not_evaluated' ELSE 'passed' END,
         CASE WHEN valid_to IS NULL THEN why END, NULL
  FROM newest
  WHERE valid_to IS NULL OR days_left > greatest($first_notice, $second_notice, $last_notice)
),
active AS (
  SELECT h.mn, h.date, count(*) AS hours
  FROM hourly h
  WHERE h.valid AND h.hour + INTERVAL '1 hour' <= $as_of
    AND is_concentration(h.factor) AND coalesce(h.flow, 1.0) > 0.0
  GROUP BY h.mn, h.date
),
bound AS (
  SELECT mn, permit_no, outlet_uid
  FROM (
    SELECT mn, permit_no, outlet_uid,
           row_number() OVER (PARTITION BY mn ORDER BY issued_at DESC, outlet_uid) AS place
    FROM permit_bindings
    WHERE doc_valid AND issued_at <= $as_of
  )
  WHERE place = 1
),
discharging AS (
  SELECT a.mn, a.date, a.hours, b.outlet_uid, b.permit_no, d.version, d.valid_to,
         CASE WHEN d.permit_no IS NULL THEN 'no_permit' WHEN d.valid_to IS NULL THEN 'no_validity' END AS why
  FROM active a
  LEFT JOIN bound b ON b.mn = a.mn
  LEFT JOIN documents d
    ON d.permit_no = b.permit_no AND (d.number = 1 OR d.first_day <= a.date)
   AND (d.until_day IS NULL OR a.date < d.until_day)
)
SELECT CAST(NULL AS VARCHAR) AS mn, NULL AS factor, CAST(NULL AS VARCHAR) AS outlet_uid,
       permit_no, version AS permit_version,
       arrow_cast((on_day * 24 - 8) * 3600000000, 'Timestamp(Microsecond, Some("UTC"))') AS window_start,
       arrow_cast((on_day * 24 + 16) * 3600000000, 'Timestamp(Microsecond, Some("UTC"))') AS window_end,
       observed, limit_value, 'd' AS unit, 1 AS points, outcome, why, NULL AS exempt,
       'S4' AS severity, concat('{"valid_to":"', valid_to, '"}') AS detail, say
FROM permits
UNION ALL
SELECT mn, NULL, outlet_uid, permit_no, version, day_start(date), day_start(date) + INTERVAL '24 hours',
       CAST(arrow_cast(date, 'Int64') - arrow_cast(valid_to, 'Int64') AS DOUBLE), NULL, 'd', hours,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN date > valid_to THEN 'flagged'
            ELSE 'passed' END,
       why, NULL, 'S1', concat('{"valid_to":"', valid_to, '","hours":', hours, '}'), 'discharging'
FROM discharging
