-- Every version of every inspection act with the time during which it was the latest word:
-- `known_from` (inclusive) to `known_to` (exclusive; the year 9999 for the latest). Versions that
-- arrived out of order stand by number: one that was recorded after a higher version counts as
-- known no later than that one. Of copies of one version the one received last counts. Versions
-- with faults are among them, because a figure shows them as not counted: see `doc_valid`.
SELECT act_id, act_version, task_id, unit_id, permit_no, unit_name, admin_code, org_code, org_level,
       mode, method, class, status, started_at, ended_at, completed_at, team_id, officers, conclusion,
       escalated_from, escalated_to, collapsed_into, withdrawn_reason, record_faults,
       counts_for_ratio, not_counted_reason, doc_valid, doc_faults, recorded_at,
       known_from, coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS known_to, next_from IS NULL AS latest,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM (
  SELECT *,
         min(recorded_at) OVER (PARTITION BY act_id ORDER BY act_version
                                RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
         min(recorded_at) OVER (PARTITION BY act_id ORDER BY act_version
                                RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM (
    SELECT *, row_number() OVER (PARTITION BY act_id, act_version
                                 ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
    FROM inspections
  )
  WHERE copy = 1
)
