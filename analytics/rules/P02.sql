/*---
id = "P02"
version = 1
name_zh = "证照临期/过期"
name_en = "permit expiring or expired"
group = "permit"
severity = "S4"
basis = "Regulation on Pollutant Permit Management art. 14 (renewal 60 days before expiry); Ecological and Environmental Code art. 182, 1102"
granularity = "day"
reason_zh = "许可证 {permit_no}：距有效期届满 {observed} 天（提醒线 {limit} 天）；负值表示已过期，过期后仍有排放数据的为无证排污线索。"
reason_en = "Permit {permit_no}: {observed} days until it expires (notice at {limit}); a negative number means expired, and data after that day mean discharge without a permit."

[episode]
quiet_gap_h = 72
lowest = true

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
---*/
WITH today AS (
  SELECT arrow_cast($as_of + INTERVAL '8 hours', 'Date32') AS day
),
newest AS (
  SELECT d.permit_no, d.version, d.valid_to, d.status,
         arrow_cast(d.valid_to, 'Int32') - arrow_cast(t.day, 'Int32') AS days_left, t.day
  FROM permit_documents d
  CROSS JOIN today t
  WHERE d.superseded_at IS NULL AND d.issued_at <= $as_of
),
notices AS (
  SELECT n.*, k.days AS notice,
         arrow_cast(arrow_cast(arrow_cast(n.valid_to, 'Int32') - arrow_cast(k.days, 'Int32'), 'Date32'),
                    'Timestamp(Microsecond, Some("UTC"))') - INTERVAL '8 hours' AS from_time
  FROM newest n
  CROSS JOIN (SELECT unnest(make_array($first_notice, $second_notice, $last_notice)) AS days) k
  WHERE n.valid_to IS NOT NULL AND n.days_left <= k.days
),
active AS (
  SELECT h.mn, h.date, count(*) AS hours
  FROM hourly h
  WHERE h.valid AND h.hour + INTERVAL '1 hour' <= $as_of
    AND is_concentration(h.factor) AND coalesce(h.flow, 1.0) > 0.0
  GROUP BY h.mn, h.date
),
bound AS (
  SELECT mn, permit_no, version, valid_to, outlet_uid
  FROM (
    SELECT b.mn, b.permit_no, b.version, d.valid_to, b.outlet_uid,
           row_number() OVER (PARTITION BY b.mn ORDER BY b.issued_at DESC, b.outlet_uid) AS place
    FROM permit_bindings b
    JOIN permit_documents d
      ON d.kafka_topic = b.kafka_topic AND d.kafka_partition = b.kafka_partition
     AND d.kafka_offset = b.kafka_offset AND d.permit_no = b.permit_no AND d.version = b.version
    WHERE d.superseded_at IS NULL AND b.doc_valid AND d.valid_to IS NOT NULL
  )
  WHERE place = 1
)
SELECT CAST(NULL AS VARCHAR) AS mn, NULL AS factor, CAST(NULL AS VARCHAR) AS outlet_uid,
       permit_no, version AS permit_version,
       from_time AS window_start, from_time + INTERVAL '24 hours' AS window_end,
       CAST(days_left AS DOUBLE) AS observed, CAST(notice AS DOUBLE) AS limit_value, 'd' AS unit,
       1 AS points,
       CASE WHEN status = 'changing' THEN 'not_evaluated' ELSE 'flagged' END AS outcome,
       CASE WHEN status = 'changing' THEN 'renewal_in_process' END AS why, NULL AS exempt,
       'S4' AS severity, concat('{"valid_to":"', valid_to, '"}') AS detail
FROM notices
UNION ALL
SELECT CAST(NULL AS VARCHAR), NULL, CAST(NULL AS VARCHAR), n.permit_no, n.version,
       arrow_cast(n.day, 'Timestamp(Microsecond, Some("UTC"))') - INTERVAL '8 hours',
       arrow_cast(n.day, 'Timestamp(Microsecond, Some("UTC"))') + INTERVAL '16 hours',
       CAST(n.days_left AS DOUBLE), CAST(NULL AS DOUBLE), 'd', 1,
       CASE WHEN n.valid_to IS NULL THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN n.valid_to IS NULL THEN 'no_validity' END, NULL, NULL, NULL
FROM newest n
WHERE n.valid_to IS NULL OR n.days_left > greatest($first_notice, $second_notice, $last_notice)
UNION ALL
SELECT a.mn, NULL, b.outlet_uid, b.permit_no, b.version,
       arrow_cast(a.date, 'Timestamp(Microsecond, Some("UTC"))') - INTERVAL '8 hours',
       arrow_cast(a.date, 'Timestamp(Microsecond, Some("UTC"))') + INTERVAL '16 hours',
       CAST(arrow_cast(b.valid_to, 'Int32') - arrow_cast(a.date, 'Int32') AS DOUBLE), 0.0, 'd',
       a.hours,
       CASE WHEN b.mn IS NULL THEN 'not_evaluated' WHEN a.date > b.valid_to THEN 'flagged'
            ELSE 'passed' END,
       CASE WHEN b.mn IS NULL THEN 'no_permit' END, NULL, 'S1',
       concat('{"valid_to":"', b.valid_to, '","hours":', a.hours, '}')
FROM active a
LEFT JOIN bound b ON b.mn = a.mn
