-- Thresholds of units: what the sheets say, and the levels of filed power meters.
SELECT mn, unit, name, value FROM sheet_thresholds
UNION ALL
SELECT p.mn, p.facility AS unit, 'production_on_kw' AS name, min(p.on_above) AS value
FROM power_points p
WHERE p.role = 'production' AND p.on_above IS NOT NULL
GROUP BY p.mn, p.facility
UNION ALL
SELECT p.mn, p.facility AS unit, 'abatement_on_kw' AS name, min(t.on_above) AS value
FROM power_points p
JOIN power_points t
  ON t.mn = p.mn AND t.role = 'treatment'
 AND strpos(concat(',', p.linked, ','), concat(',', t.facility, ',')) > 0
WHERE p.role = 'production' AND t.on_above IS NOT NULL
GROUP BY p.mn, p.facility
