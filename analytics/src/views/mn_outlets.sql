-- Which outlet a logger measured when, as the permit documents state it. Ends are exclusive.
-- `factors` is a comma list; empty means every factor the logger reports.
SELECT b.mn, b.outlet_uid, b.outlet_code, b.medium, b.factors, b.cadence_s,
       b.permit_no, b.version AS permit_version, b.issued_at, d.unit_name, d.org_code, d.industry_codes,
       b.valid_from AS bound_from,
       least(coalesce(b.valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')), coalesce(d.superseded_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))'))) AS bound_to
FROM permit_bindings b
JOIN permit_documents d
  ON d.kafka_topic = b.kafka_topic AND d.kafka_partition = b.kafka_partition
 AND d.kafka_offset = b.kafka_offset AND d.permit_no = b.permit_no AND d.version = b.version
WHERE b.doc_valid
  AND b.valid_from < least(coalesce(b.valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')), coalesce(d.superseded_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')))
