-- Every good version of every emergency or staggered-production order, one row per unit named in it
-- and one for its area (`permit_no` null), with the time during which it was the latest word.
-- Versions out of order and copies as in `marks_history`.
SELECT window_id, version, kind, level, issued_by, issued_at, starts_at, ends_at, cancelled_at,
       permit_no, admin_codes, industry_codes, exempt, stop, energy_cut_percent, mass_cut_percent,
       measures, known_from, coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS known_to, next_from IS NULL AS latest,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         min(recorded_at) OVER (PARTITION BY window_id ORDER BY version
                                RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
         min(recorded_at) OVER (PARTITION BY window_id ORDER BY version
                                RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM (
    SELECT *, rank() OVER (PARTITION BY window_id, version
                           ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
    FROM control_windows
    WHERE doc_valid
  )
  WHERE copy = 1
)
