-- Every good version of every manual sampling, one row per value, with the time during which it was
-- the latest word. Versions out of order and copies as in `marks_history`. `outlet_uid` is as filed;
-- where a sampling names only the logger, `mn` leads to the outlet.
SELECT result_id, version, purpose, mn, permit_no, outlet_uid, sampled_at, sampled_to, factor, value,
       unit, below_detection, method, automatic_value, laboratory, cma_no, report_no, attachments,
       known_from, coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS known_to, next_from IS NULL AS latest,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         min(recorded_at) OVER (PARTITION BY result_id ORDER BY version
                                RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
         min(recorded_at) OVER (PARTITION BY result_id ORDER BY version
                                RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM (
    SELECT *, rank() OVER (PARTITION BY result_id, version
                           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
    FROM manual_results
    WHERE doc_valid
  )
  WHERE copy = 1
)
