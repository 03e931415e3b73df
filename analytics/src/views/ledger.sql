-- What is in the tables, by origin: one row per table, topic and partition. `next_offset` is where the
-- partition stands over all tables: the offset after the last record that has rows anywhere. Offsets
-- that a table lacks are in others; `ledger_findings` adds them up.
SELECT table_name, kafka_topic, kafka_partition, first_offset, last_offset,
       max(last_offset) OVER (PARTITION BY kafka_topic, kafka_partition) + 1 AS next_offset,
       records, row_count, quarantined, first_received_at, last_received_at
FROM (
  SELECT table_name, kafka_topic, kafka_partition,
         min(kafka_offset) AS first_offset, max(kafka_offset) AS last_offset,
         count(*) AS records, sum(row_count) AS row_count,
         sum(CASE WHEN quarantined THEN 1 ELSE 0 END) AS quarantined,
         min(received_at) AS first_received_at, max(received_at) AS last_received_at
  FROM ledger_records
  GROUP BY table_name, kafka_topic, kafka_partition
)
