-- Every good version of every maintenance ticket with the time during which it was the latest word:
-- `known_from` (inclusive) to `known_to` (exclusive). Versions out of order and copies as in
-- `marks_history`; the tickets as they stand are those with `latest` and another status than
-- cancelled.
SELECT ticket_id, version, mn, permit_no, outlet_uid, factors, kind, status, starts_at, ends_at,
       noticed_at, reported_at, company, technician, cause, actions, attachments,
       known_from, coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS known_to, next_from IS NULL AS latest,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         min(recorded_at) OVER (PARTITION BY ticket_id ORDER BY version
                                RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
         min(recorded_at) OVER (PARTITION BY ticket_id ORDER BY version
                                RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM (
    SELECT *, rank() OVER (PARTITION BY ticket_id, version
                           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
    FROM maintenance_tickets
    WHERE doc_valid
  )
  WHERE copy = 1
)
