-- Which values tell whether the production behind a logger runs: filed process points of production
-- that name an outlet of the logger (or name none and are its own), and power signals of its sheet,
-- each with the level above which it runs. A sheet states one level for the sum of its meters: none of
-- them may pass its share. Waste incineration is left out: what is not marked there counts as normal
-- (MEE Order 10), whatever the furnace does. Ends are exclusive.
WITH filed AS (
  SELECT mn, factor, permit_no, on_above, in_force_from, in_force_to, unnest(outlets) AS outlet
  FROM (
    SELECT concat(p.mn, '') AS mn, concat(p.factor, '') AS factor,
           concat(p.permit_no, '') AS permit_no, p.on_above, p.in_force_from, p.in_force_to,
           coalesce(string_to_array(nullif(p.outlets, ''), ','), make_array('*')) AS outlets
    FROM process_points_in_force p
    LEFT ANTI JOIN process_units u ON u.mn = p.mn
    WHERE p.role = 'production' AND p.on_above IS NOT NULL
  )
),
placed AS (
  SELECT mn, mn AS watch_mn, factor AS watch_factor, on_above,
         greatest(in_force_from, arrow_cast('1970-01-01T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS from_time,
         least(in_force_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS to_time
  FROM filed
  WHERE outlet = '*'
  UNION ALL
  SELECT concat(o.mn, '') AS mn, f.mn AS watch_mn, f.factor AS watch_factor, f.on_above,
         greatest(f.in_force_from, o.bound_from) AS from_time, least(f.in_force_to, o.bound_to) AS to_time
  FROM filed f
  JOIN mn_outlets o ON o.outlet_uid = CASE WHEN starts_with(f.outlet, f.permit_no) THEN f.outlet
                                           ELSE concat(f.permit_no, f.outlet) END
  WHERE f.outlet <> '*'
  UNION ALL
  SELECT concat(s.mn, '') AS mn, concat(s.mn, '') AS watch_mn, concat(s.factor, '') AS watch_factor,
         t.value / m.meters AS on_above,
         arrow_cast('1970-01-01T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))') AS from_time,
         arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))') AS to_time
  FROM sheet_signals s
  JOIN sheet_thresholds t ON t.mn = s.mn AND t.unit = s.unit AND t.name = 'production_on_kw'
  JOIN (
    SELECT mn, unit, count(*) AS meters FROM sheet_signals WHERE role = 'production_power' GROUP BY mn, unit
  ) m ON m.mn = s.mn AND m.unit = s.unit
  WHERE s.role = 'production_power'
)
SELECT DISTINCT p.mn, p.watch_mn, p.watch_factor, p.on_above, p.from_time, p.to_time
FROM placed p
LEFT ANTI JOIN incinerators i ON i.mn = p.mn
WHERE p.from_time < p.to_time
