-- Every good version of every mark with the time during which it was the enterprise's word:
-- `known_from` (inclusive) to `known_to` (exclusive; the year 9999 for the latest). Versions that
-- arrived out of order stand by number: one that was recorded after a higher version counts as
-- known no later than that one. Of copies of one version the one received last counts.
SELECT mark_id, version, mn, permit_no, outlet_uid, factors, scope, code, starts_at, ends_at,
       source, author, marked_at, reason, ticket_id, attachments, revoked_at, revoke_reason,
       known_from, coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS known_to, next_from IS NULL AS latest,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         min(recorded_at) OVER (PARTITION BY mark_id ORDER BY version
                                RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
         min(recorded_at) OVER (PARTITION BY mark_id ORDER BY version
                                RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM (
    SELECT *, rank() OVER (PARTITION BY mark_id, version
                           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
    FROM marks
    WHERE doc_valid
  )
  WHERE copy = 1
)
