-- Good permit documents, one row per version (the copy received last), each with the instant at
-- which the next issued version takes over. Documents that arrive late find their place by
-- issued_at.
SELECT permit_no, version, issued_at, uscc, unit_name, org_code, industry_codes, valid_from, valid_to, status,
       starts_at,
       lead(starts_at) OVER (PARTITION BY permit_no ORDER BY issued_at, version) AS superseded_at,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         greatest(issued_at,
                  arrow_cast(valid_from, 'Timestamp(Microsecond, Some("UTC"))') - INTERVAL '8 hours'
         ) AS starts_at,
         row_number() OVER (PARTITION BY permit_no, version
                            ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
  FROM permits
  WHERE doc_valid
)
WHERE copy = 1
