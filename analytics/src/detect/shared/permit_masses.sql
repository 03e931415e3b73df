-- Mass of every day under the permit it counts for: one row per permit, outlet, logger, factor and
-- day, from `daily_masses` and the binding at noon of that day. `kind` (main or general) is what the
-- permit of that day says of the outlet: a permitted mass of the main outlets is no measure of others.
SELECT o.permit_no, o.outlet_uid, k.kind, m.factor, m.date, m.mass_kg, m.hours, m.hours_missing, m.mn
FROM daily_masses m
JOIN mn_outlets o
  ON o.mn = m.mn AND day_start(m.date) + INTERVAL '12 hours' >= o.bound_from
 AND day_start(m.date) + INTERVAL '12 hours' < o.bound_to
LEFT JOIN (
  SELECT permit_no, version, outlet_uid, max(kind) AS kind
  FROM permit_outlets
  WHERE doc_valid
  GROUP BY permit_no, version, outlet_uid
) k ON k.permit_no = o.permit_no AND k.version = o.permit_version AND k.outlet_uid = o.outlet_uid
WHERE coalesce(o.factors, '') = ''
   OR strpos(concat(',', o.factors, ','), concat(',', m.factor, ',')) > 0
