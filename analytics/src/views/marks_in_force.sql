-- The marks as they stand: latest version, not withdrawn; one row per mark and factor (null means
-- every factor of the logger). `from_time` to `to_time` (exclusive) is what is marked. The mark was
-- set in time for an hour h exactly when h >= `in_time_from`: data of a Beijing day may be marked
-- until 12:00 of the next day.
SELECT mark_id, version, mn, nullif(factor, '*') AS factor, scope, code, from_time, to_time,
       in_time_from, marked_at, source, author, reason, ticket_id, permit_no, outlet_uid,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *, starts_at AS from_time,
         coalesce(ends_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS to_time,
         -- The first Beijing midnight whose day's deadline (36 hours later) is not before the marking.
         date_trunc('day', marked_at - INTERVAL '28 hours' + INTERVAL '86399999999 microseconds')
           - INTERVAL '8 hours' AS in_time_from,
         unnest(coalesce(string_to_array(factors, ','), make_array('*'))) AS factor
  FROM marks_history
  WHERE latest AND revoked_at IS NULL
)
