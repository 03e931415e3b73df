-- What must not be, as `nonsite verify` finds it in the tables: offsets without a row anywhere (`gap`;
-- losses an operator accepted are none), records that are rows and quarantined as a whole (`both`;
-- redriven ones are none), records whose rows are in a table more than once (`double`). Empty is
-- good. A gap may be a hole (a transaction marker): only the broker can tell, and only the table's
-- log has its offset; `nonsite verify --against-broker` asks both. `to_offset` is exclusive.
WITH accounted AS (
  SELECT kafka_topic, kafka_partition, kafka_offset FROM ledger_records
  GROUP BY kafka_topic, kafka_partition, kafka_offset
), steps AS (
  SELECT kafka_topic, kafka_partition, kafka_offset + 1 AS from_offset,
         lead(kafka_offset) OVER (PARTITION BY kafka_topic, kafka_partition
                                  ORDER BY kafka_offset) AS to_offset
  FROM accounted
), losses AS (
  SELECT topic, "partition" AS number, from_offset AS lost_from, to_offset AS lost_to
  FROM operator_actions WHERE action = 'resume_after_loss'
), refused AS (
  SELECT q.kafka_topic, q.kafka_partition, q.kafka_offset
  FROM quarantine q
  LEFT ANTI JOIN (SELECT quarantine_id AS id FROM quarantine_redriven WHERE outcome = 'rows') r
    ON r.id = q.quarantine_id
  WHERE q.part IS NULL
), doubles AS (
  SELECT 'readings_raw' AS table_name, kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM readings_raw
    WHERE coalesce(note, '') NOT LIKE '%repeated_factor%'
    GROUP BY kafka_topic, kafka_partition, kafka_offset, mn, granularity, factor, data_time
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING max(n) > 1
  UNION ALL
  SELECT 'device_states', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM device_states
    GROUP BY kafka_topic, kafka_partition, kafka_offset, mn, st, cn, factor, item, data_time,
             value, value_text, flag
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING max(n) > 1
  UNION ALL
  SELECT 'quarantine', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM quarantine
    GROUP BY kafka_topic, kafka_partition, kafka_offset, quarantine_id
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING max(n) > 1
  UNION ALL
  SELECT 'permits', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM permits
    GROUP BY kafka_topic, kafka_partition, kafka_offset, permit_no, version
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING max(n) > 1
  UNION ALL
  SELECT 'permit_outlets', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM permit_outlets
    GROUP BY kafka_topic, kafka_partition, kafka_offset, permit_no, version, outlet_uid, kind,
             medium, valid_from, valid_to
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'permit_limits', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM permit_limits
    GROUP BY kafka_topic, kafka_partition, kafka_offset, permit_no, version, outlet_uid, factor,
             averaging, basis, special, period_id, limit_value, limit_low,
             valid_from, valid_to
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'permit_mass_limits', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM permit_mass_limits
    GROUP BY kafka_topic, kafka_partition, kafka_offset, permit_no, version, level, outlet_uid,
             factor, period, year_no, month, period_id, starts_on, mass_t
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'permit_bindings', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM permit_bindings
    GROUP BY kafka_topic, kafka_partition, kafka_offset, permit_no, version, mn, outlet_uid,
             factors, valid_from, valid_to
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'permit_periods', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM permit_periods
    GROUP BY kafka_topic, kafka_partition, kafka_offset, permit_no, version, period_id, kind,
             level, starts_at, ends_at
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'inspections', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM inspections
    GROUP BY kafka_topic, kafka_partition, kafka_offset, act_id, act_version
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING max(n) > 1
  UNION ALL
  SELECT 'marks', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM marks
    GROUP BY kafka_topic, kafka_partition, kafka_offset, mark_id, version
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'equipment_filings', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM equipment_filings
    GROUP BY kafka_topic, kafka_partition, kafka_offset, filing_id, version, factor, parameter,
             value, value_text
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'maintenance_tickets', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM maintenance_tickets
    GROUP BY kafka_topic, kafka_partition, kafka_offset, ticket_id, version
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'control_windows', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM control_windows
    GROUP BY kafka_topic, kafka_partition, kafka_offset, window_id, version, permit_no
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'execution_reports', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM execution_reports
    GROUP BY kafka_topic, kafka_partition, kafka_offset, report_id, version
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'execution_report_items', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM execution_report_items
    GROUP BY kafka_topic, kafka_partition, kafka_offset, report_id, version, level, outlet_uid,
             factor
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'manual_results', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM manual_results
    GROUP BY kafka_topic, kafka_partition, kafka_offset, result_id, version, outlet_uid, factor,
             sampled_at, value
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'mn_bindings', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM mn_bindings
    GROUP BY kafka_topic, kafka_partition, kafka_offset, binding_id, version
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
  UNION ALL
  SELECT 'process_points', kafka_topic, kafka_partition, kafka_offset FROM (
    SELECT kafka_topic, kafka_partition, kafka_offset, count(*) AS n
    FROM process_points
    GROUP BY kafka_topic, kafka_partition, kafka_offset, point_id, version
  ) GROUP BY kafka_topic, kafka_partition, kafka_offset HAVING min(n) > 1
)
SELECT 'gap' AS kind, kafka_topic, kafka_partition, CAST(NULL AS VARCHAR) AS table_name,
       from_offset, to_offset
FROM (
  SELECT * FROM steps
  -- Acts of the review queue itself have their place in the audit chain as offset, not every one.
  WHERE to_offset > from_offset AND kafka_topic <> 'nonsite-review'
) s
LEFT ANTI JOIN losses l
  ON l.topic = s.kafka_topic AND l.number = s.kafka_partition
 AND l.lost_from <= s.from_offset AND l.lost_to >= s.to_offset
UNION ALL
SELECT 'both', d.kafka_topic, d.kafka_partition, d.table_name, d.kafka_offset, d.kafka_offset + 1
FROM ledger_records d
JOIN refused q
  ON q.kafka_topic = d.kafka_topic AND q.kafka_partition = d.kafka_partition
 AND q.kafka_offset = d.kafka_offset
WHERE d.table_name <> 'quarantine'
UNION ALL
SELECT 'double', kafka_topic, kafka_partition, table_name, kafka_offset, kafka_offset + 1
FROM doubles
