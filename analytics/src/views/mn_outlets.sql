-- Which outlet a logger measured when, as the permit documents state it; where none binds the logger
-- to that outlet, as filed in between (`bindings_in_force`). Ends are exclusive.
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
UNION ALL
SELECT b.mn, b.outlet_uid, b.outlet_code,
       CASE WHEN b.outlet_code LIKE 'DA%' THEN 'air' ELSE 'water' END AS medium, b.factors, b.cadence_s,
       b.permit_no, d.version AS permit_version, b.known_from AS issued_at, d.unit_name, d.org_code,
       d.industry_codes, greatest(b.in_force_from, d.starts_at) AS bound_from,
       least(b.in_force_to, coalesce(d.superseded_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))'))) AS bound_to
FROM bindings_in_force b
JOIN permit_documents d ON d.permit_no = b.permit_no
LEFT ANTI JOIN (SELECT mn, outlet_uid FROM permit_bindings WHERE doc_valid) p
  ON p.mn = b.mn AND p.outlet_uid = b.outlet_uid
WHERE greatest(b.in_force_from, d.starts_at)
      < least(b.in_force_to, coalesce(d.superseded_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')))
