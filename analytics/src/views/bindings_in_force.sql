-- Which outlet a logger measured when, as filed outside permits: one row per stretch of time. A
-- later version of a binding holds from its own `valid_from` on. Ends are exclusive. `mn_outlets`
-- has these and the bindings of the permits.
SELECT binding_id, version, mn, permit_no, outlet_uid, outlet_code, factors, cadence_s, replaces_mn,
       filed_by, valid_from AS in_force_from,
       least(coalesce(valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')),
             coalesce(closed_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))'))) AS in_force_to,
       known_from
FROM (
  -- A version holds up to the day from which a later one says otherwise.
  SELECT *, min(valid_from) OVER (PARTITION BY binding_id ORDER BY version
                                  RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS closed_at
  FROM (
    SELECT *,
           min(recorded_at) OVER (PARTITION BY binding_id ORDER BY version
                                  RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
           min(recorded_at) OVER (PARTITION BY binding_id ORDER BY version
                                  RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
    FROM (
      SELECT *, rank() OVER (PARTITION BY binding_id, version
                             ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
      FROM mn_bindings
      WHERE doc_valid
    )
    WHERE copy = 1
  )
)
WHERE valid_from < least(coalesce(valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')),
                         coalesce(closed_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')))
