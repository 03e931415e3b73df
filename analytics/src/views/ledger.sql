-- What is in the tables, by origin: one row per table, topic and partition. Offsets may have holes
-- (other tables, quarantine, transaction markers); `nonsite verify` adds them up over all tables.
WITH origins AS (
  SELECT 'readings_raw' AS table_name, kafka_topic, kafka_partition, kafka_offset, received_at FROM readings_raw
  UNION ALL SELECT 'device_states', kafka_topic, kafka_partition, kafka_offset, received_at FROM device_states
  UNION ALL SELECT 'quarantine', kafka_topic, kafka_partition, kafka_offset, received_at FROM quarantine
  UNION ALL SELECT 'permits', kafka_topic, kafka_partition, kafka_offset, received_at FROM permits
  UNION ALL SELECT 'inspections', kafka_topic, kafka_partition, kafka_offset, received_at FROM inspections
)
SELECT table_name, kafka_topic, kafka_partition,
       min(kafka_offset) AS first_offset, max(kafka_offset) AS last_offset,
       count(DISTINCT kafka_offset) AS records, count(*) AS row_count,
       min(received_at) AS first_received_at, max(received_at) AS last_received_at
FROM origins
GROUP BY table_name, kafka_topic, kafka_partition
