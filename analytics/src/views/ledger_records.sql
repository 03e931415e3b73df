-- Where each Kafka record is: one row per record and table in which it has rows, with their number,
-- and whether it is quarantined as a whole.
SELECT 'readings_raw' AS table_name, kafka_topic, kafka_partition, kafka_offset,
       min(received_at) AS received_at, count(*) AS row_count, false AS quarantined
FROM readings_raw GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'device_states', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM device_states GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'quarantine', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), bool_or(part IS NULL)
FROM quarantine GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'permits', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM permits GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'permit_outlets', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM permit_outlets GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'permit_limits', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM permit_limits GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'permit_mass_limits', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM permit_mass_limits GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'permit_bindings', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM permit_bindings GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'permit_periods', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM permit_periods GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'inspections', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM inspections GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'marks', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM marks GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'equipment_filings', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM equipment_filings GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'maintenance_tickets', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM maintenance_tickets GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'control_windows', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM control_windows GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'execution_reports', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM execution_reports GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'execution_report_items', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM execution_report_items GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'manual_results', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM manual_results GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'mn_bindings', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM mn_bindings GROUP BY kafka_topic, kafka_partition, kafka_offset
UNION ALL
SELECT 'process_points', kafka_topic, kafka_partition, kafka_offset,
       min(received_at), count(*), false
FROM process_points GROUP BY kafka_topic, kafka_partition, kafka_offset
