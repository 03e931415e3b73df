-- What a power or process value was measured at when: one row per stretch of time. A later version
-- of a point holds from its own `valid_from` on. Ends are exclusive.
SELECT point_id, version, mn, factor, permit_no, facility, name, role, quantity, unit, outlets, linked,
       on_above, rated, low, high, valid_from AS in_force_from,
       least(coalesce(valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')),
             coalesce(closed_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))'))) AS in_force_to,
       known_from
FROM (
  -- A version holds up to the day from which a later one says otherwise.
  SELECT *, min(valid_from) OVER (PARTITION BY point_id ORDER BY version
                                  RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS closed_at
  FROM (
    SELECT *,
           min(recorded_at) OVER (PARTITION BY point_id ORDER BY version
                                  RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS known_from,
           min(recorded_at) OVER (PARTITION BY point_id ORDER BY version
                                  RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
    FROM (
      SELECT *, rank() OVER (PARTITION BY point_id, version
                             ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
      FROM process_points
      WHERE doc_valid
    )
    WHERE copy = 1
  )
)
WHERE valid_from < least(coalesce(valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')),
                         coalesce(closed_at, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')))
