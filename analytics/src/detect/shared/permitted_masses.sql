-- Permitted masses of the documents that hold now, one row per permit, level, outlet, factor and
-- period; only levels that automatic monitoring can add up.
SELECT l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.period, l.month, l.period_id,
       l.starts_on, l.ends_on, d.issued_at, min(l.mass_t) AS mass_t
FROM permit_mass_limits l
JOIN permit_documents d
  ON d.kafka_topic = l.kafka_topic AND d.kafka_partition = l.kafka_partition
 AND d.kafka_offset = l.kafka_offset AND d.permit_no = l.permit_no AND d.version = l.version
WHERE l.doc_valid AND d.superseded_at IS NULL
  AND l.level IN ('outlet', 'organised_total', 'plant_total', 'main_total')
GROUP BY l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.period, l.month, l.period_id,
         l.starts_on, l.ends_on, d.issued_at
