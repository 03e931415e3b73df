-- Power meters filed as process points, for loggers without a sheet, with the level above which the
-- facility runs.
SELECT p.mn, p.facility, p.role, p.factor, coalesce(p.linked, '') AS linked, p.on_above
FROM process_points_in_force p
LEFT ANTI JOIN process_units u ON u.mn = p.mn
WHERE p.quantity = 'power' AND p.facility IS NOT NULL AND p.role IN ('production', 'treatment')
