-- Mass of every day under the permit it counts for: one row per permit, outlet, logger, factor and
-- day, from `daily_masses` and the binding at noon of that day.
SELECT o.permit_no, o.outlet_uid, m.factor, m.date, m.mass_kg, m.hours, m.hours_missing, m.mn
FROM daily_masses m
JOIN mn_outlets o
  ON o.mn = m.mn AND day_start(m.date) + INTERVAL '12 hours' >= o.bound_from
 AND day_start(m.date) + INTERVAL '12 hours' < o.bound_to
WHERE coalesce(o.factors, '') = ''
   OR strpos(concat(',', o.factors, ','), concat(',', m.factor, ',')) > 0
