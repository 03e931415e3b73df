-- Every day of a pollutant next to the daily limit of its time. Gas: the mean on the limit's basis;
-- water: weighted by flow. `observed` is in the unit of `limit_value`. `why` says why the day cannot be
-- judged, apart from too few valid hours: how many are needed is the rule's to say (`n_used`, `valid`).
SELECT d.mn, d.factor, d.date, day_start(d.date) AS day_start, d.valid, d.n_used, d.n_stopped,
       d.n_condition, d.n_instrument, d.dropped, d.volume_m3,
       l.outlet_uid, l.permit_no, l.permit_version, l.limit_value, l.unit, l.special,
       CASE WHEN is_gas(d.factor) AND l.basis = 'converted' THEN d.converted ELSE d.value END AS observed,
       d.n_due = 0 AS stopped,
       CASE WHEN b.mn IS NULL THEN 'no_permit'
            WHEN l.unit_problem IS NOT NULL THEN l.unit_problem
            WHEN l.limit_value IS NULL THEN 'no_limit'
            WHEN is_gas(d.factor) AND l.basis = 'converted' AND d.converted IS NULL THEN 'no_conversion'
            WHEN NOT is_gas(d.factor) AND d.volume_m3 IS NULL THEN 'no_flow'
            WHEN NOT is_gas(d.factor) AND d.value IS NULL THEN 'no_value' END AS why
FROM daily d
LEFT JOIN mn_limits l
  ON l.mn = d.mn AND l.factor = d.factor AND l.averaging = 'day'
 AND day_start(d.date) >= l.in_force_from AND day_start(d.date) < l.in_force_to
LEFT JOIN (SELECT DISTINCT mn FROM mn_outlets) b ON b.mn = d.mn
WHERE is_concentration(d.factor)
