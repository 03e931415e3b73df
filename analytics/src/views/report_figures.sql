-- What the execution reports say as they stand: the figures of the latest good version of each
-- report that was not sent back, one row per outlet or level and pollutant.
SELECT r.report_id, r.version, r.permit_no, r.period, r.period_start, r.period_end, r.submitted_at,
       r.status, i.level, i.outlet_uid, i.factor, i.mass_t, i.min_value, i.max_value, i.mean_value,
       i.unit, i.exceedances
FROM reports_history r
JOIN execution_report_items i
  ON i.kafka_topic = r.kafka_topic AND i.kafka_partition = r.kafka_partition
 AND i.kafka_offset = r.kafka_offset AND i.report_id = r.report_id AND i.version = r.version
WHERE r.latest AND r.status <> 'returned'
