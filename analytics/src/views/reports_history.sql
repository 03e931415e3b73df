-- Every good version of every permit execution report with the time during which it was the latest
-- word. Versions out of order and copies as in `marks_history`. `period_end` is the first day after
-- the period.
SELECT report_id, version, permit_no, period, period_start,
       arrow_cast(period_start + CASE period WHEN 'month' THEN INTERVAL '1 month'
                                  WHEN 'quarter' THEN INTERVAL '3 months'
                                  ELSE INTERVAL '1 year' END, 'Date32') AS period_end,
       submitted_at, status, run_hours, items,
       known_from, coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS known_to, next_from IS NULL AS latest,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         min(recorded_at) OVER (PARTITION BY report_id ORDER BY version
                                RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
         min(recorded_at) OVER (PARTITION BY report_id ORDER BY version
                                RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM (
    SELECT *, rank() OVER (PARTITION BY report_id, version
                           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
    FROM execution_reports
    WHERE doc_valid
  )
  WHERE copy = 1
)
