-- Every good version of every equipment filing, one row per filed parameter, with the time during
-- which the version was the latest word: `known_from` (inclusive) to `known_to` (exclusive).
-- Versions out of order and copies as in `marks_history`.
SELECT filing_id, version, mn, permit_no, outlet_uid, factor, model, serial_no, valid_from, valid_to,
       filed_at, filed_by, reason, ticket_id, parameter, value, value_text, unit, tolerance,
       known_from, coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS known_to, next_from IS NULL AS latest,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         min(recorded_at) OVER (PARTITION BY filing_id ORDER BY version
                                RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
         min(recorded_at) OVER (PARTITION BY filing_id ORDER BY version
                                RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM (
    SELECT *, rank() OVER (PARTITION BY filing_id, version
                           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
    FROM equipment_filings
    WHERE doc_valid
  )
  WHERE copy = 1
)
