-- Which limit held when: one row per outlet, factor, averaging and stretch of time, never two at
-- once. A later document closes the earlier one; within a special period its limit comes first;
-- where documents overlap the one issued last holds. Ends are exclusive.
WITH stated AS (
  SELECT l.permit_no, l.version, l.issued_at, l.outlet_uid, l.outlet_code, l.medium, l.factor,
         l.limit_value, l.limit_low, l.unit, l.basis, l.ref_o2, l.averaging, l.standard,
         l.rate_limit_kg_h, l.special, l.period_id, d.unit_name, d.org_code,
         l.valid_from AS from_time,
         least(coalesce(l.valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')), coalesce(d.superseded_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))'))) AS to_time
  FROM permit_limits l
  JOIN permit_documents d
    ON d.kafka_topic = l.kafka_topic AND d.kafka_partition = l.kafka_partition
   AND d.kafka_offset = l.kafka_offset AND d.permit_no = l.permit_no AND d.version = l.version
  WHERE l.doc_valid
),
edges AS (
  SELECT outlet_uid, factor, averaging, from_time AS at FROM stated WHERE from_time < to_time
  UNION
  SELECT outlet_uid, factor, averaging, to_time AS at FROM stated WHERE from_time < to_time
),
spans AS (
  SELECT outlet_uid, factor, averaging, at,
         lead(at) OVER (PARTITION BY outlet_uid, factor, averaging ORDER BY at) AS until
  FROM edges
),
ranked AS (
  SELECT s.at AS in_force_from, s.until AS in_force_to, stated.*,
         row_number() OVER (PARTITION BY s.outlet_uid, s.factor, s.averaging, s.at
                            ORDER BY stated.special DESC, stated.issued_at DESC,
                                     stated.version DESC, stated.limit_value) AS place
  FROM spans s
  JOIN stated ON stated.outlet_uid = s.outlet_uid AND stated.factor = s.factor
             AND stated.averaging = s.averaging
             AND stated.from_time <= s.at AND s.until <= stated.to_time
  WHERE s.until IS NOT NULL
)
SELECT outlet_uid, outlet_code, medium, factor, averaging, in_force_from, in_force_to,
       limit_value, limit_low, unit, basis, ref_o2, rate_limit_kg_h, standard, special, period_id,
       permit_no, version AS permit_version, issued_at, unit_name, org_code
FROM ranked
WHERE place = 1
