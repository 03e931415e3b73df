-- Which factor of which logger is which signal of which unit. The plant's sheet comes first; loggers
-- without one have the power of filed process points (a unit is a production facility with the
-- treatment linked to it), and furnace temperatures by their HJ 212 code, i333SN with S = 1 for the
-- upper and 2 for the middle section.
SELECT mn, unit, role, factor
FROM sheet_signals
UNION ALL
SELECT DISTINCT p.mn, p.facility AS unit, 'production_power' AS role, p.factor
FROM power_points p
WHERE p.role = 'production'
UNION ALL
SELECT DISTINCT p.mn, p.facility AS unit, 'abatement_power' AS role, t.factor
FROM power_points p
JOIN power_points t
  ON t.mn = p.mn AND t.role = 'treatment'
 AND strpos(concat(',', p.linked, ','), concat(',', t.facility, ',')) > 0
WHERE p.role = 'production'
UNION ALL
SELECT DISTINCT r.mn, '' AS unit,
       CASE WHEN r.factor LIKE 'i3331%' THEN 'furnace_upper' ELSE 'furnace_middle' END AS role,
       r.factor
FROM readings_raw r
LEFT ANTI JOIN process_units u ON u.mn = r.mn
WHERE r.factor LIKE 'i3331_' OR r.factor LIKE 'i3332_'
