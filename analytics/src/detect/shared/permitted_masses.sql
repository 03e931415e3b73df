-- Permitted masses of every document with the time for which it was the one in force (end exclusive),
-- one row per permit, version, level, outlet, factor and period; only levels that automatic monitoring
-- can add up. A rule chooses the document of the time it judges: the end of the period, or now while
-- the period runs.
SELECT l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.period, l.month, l.period_id,
       l.starts_on, l.ends_on, d.starts_at AS in_force_from,
       coalesce(d.superseded_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))'))
         AS in_force_to,
       min(l.mass_t) AS mass_t
FROM permit_mass_limits l
JOIN permit_documents d
  ON d.kafka_topic = l.kafka_topic AND d.kafka_partition = l.kafka_partition
 AND d.kafka_offset = l.kafka_offset AND d.permit_no = l.permit_no AND d.version = l.version
WHERE l.doc_valid AND l.level IN ('outlet', 'organised_total', 'plant_total', 'main_total')
GROUP BY l.permit_no, l.version, l.level, l.outlet_uid, l.factor, l.period, l.month, l.period_id,
         l.starts_on, l.ends_on, d.starts_at, d.superseded_at
