-- Which limit a logger's values had to meet when: `limits_in_force` seen through `mn_outlets`.
-- Where a logger is bound to several outlets for one factor, the binding issued last holds.
-- `limit_value` and `limit_low` are in the unit of the logger's values (`unit`), converted from what
-- the permit states (`stated_value`, `stated_unit`). When the two cannot be compared they are null
-- and `unit_problem` says why: `unit_unknown` (of the values or of the limit) or `unit_mismatch`.
WITH candidates AS (
  SELECT b.mn, l.factor, l.averaging, l.outlet_uid, l.medium, l.limit_value, l.limit_low, l.unit,
         l.basis, l.ref_o2, l.special, l.permit_no, l.permit_version, l.unit_name, l.org_code,
         b.issued_at AS bound_at,
         greatest(b.bound_from, l.in_force_from) AS from_time,
         least(b.bound_to, l.in_force_to) AS to_time
  FROM mn_outlets b
  JOIN limits_in_force l ON l.outlet_uid = b.outlet_uid
  WHERE coalesce(b.factors, '') = ''
     OR strpos(concat(',', b.factors, ','), concat(',', l.factor, ',')) > 0
),
edges AS (
  SELECT mn, factor, averaging, from_time AS at FROM candidates WHERE from_time < to_time
  UNION
  SELECT mn, factor, averaging, to_time AS at FROM candidates WHERE from_time < to_time
),
spans AS (
  SELECT mn, factor, averaging, at,
         lead(at) OVER (PARTITION BY mn, factor, averaging ORDER BY at) AS until
  FROM edges
),
ranked AS (
  SELECT s.at AS in_force_from, s.until AS in_force_to, c.*,
         row_number() OVER (PARTITION BY s.mn, s.factor, s.averaging, s.at
                            ORDER BY c.bound_at DESC, c.outlet_uid) AS place
  FROM spans s
  JOIN candidates c ON c.mn = s.mn AND c.factor = s.factor AND c.averaging = s.averaging
                   AND c.from_time <= s.at AND s.until <= c.to_time
  WHERE s.until IS NOT NULL
)
SELECT mn, factor, averaging, in_force_from, in_force_to, outlet_uid, medium,
       limit_value * scale AS limit_value, limit_low * scale AS limit_low,
       CASE WHEN scale IS NOT NULL THEN reading_unit END AS unit,
       basis, ref_o2, special, permit_no, permit_version, unit_name, org_code,
       limit_value AS stated_value, unit AS stated_unit,
       CASE WHEN scale IS NOT NULL OR (limit_value IS NULL AND limit_low IS NULL) THEN NULL
            WHEN reading_unit IS NULL OR coalesce(unit, '') = '' THEN 'unit_unknown'
            ELSE 'unit_mismatch' END AS unit_problem
FROM (
  SELECT *, unit_scale(unit, reading_unit) AS scale
  FROM (SELECT *, reading_unit(mn, factor) AS reading_unit FROM ranked WHERE place = 1)
)
