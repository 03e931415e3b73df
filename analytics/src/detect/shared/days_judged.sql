-- Every day of a pollutant next to the daily limit of its time. Gas: the mean of the hours of normal
-- production (`normal_days`) on the limit's basis; water: weighted by flow. `observed` is in the unit of
-- `limit_value`. `why` says why the day cannot be judged, apart from too few valid hours: how many are
-- needed is the rule's to say (`n_used`, `valid`). A day without any hour of production is `stopped`.
SELECT d.mn, d.factor, d.date, day_start(d.date) AS day_start,
       CASE WHEN n.mn IS NOT NULL THEN n.n_used >= 20 ELSE d.valid END AS valid,
       CASE WHEN n.mn IS NOT NULL THEN n.n_used ELSE d.n_used END AS n_used, d.n_stopped,
       d.n_condition, d.n_instrument,
       CASE WHEN n.mn IS NOT NULL
            THEN concat(CASE WHEN d.dropped = '{}' THEN '{'
                             ELSE concat(substr(d.dropped, 1, character_length(d.dropped) - 1), ',') END,
                        '"not_in_production":', n.n_at_rest, '}')
            ELSE d.dropped END AS dropped,
       d.volume_m3,
       l.outlet_uid, l.permit_no, l.permit_version, l.limit_value, l.unit, l.special,
       CASE WHEN n.mn IS NOT NULL THEN CASE WHEN l.basis = 'converted' THEN n.converted ELSE n.value END
            WHEN is_gas(d.factor) AND l.basis = 'converted' THEN d.converted ELSE d.value END AS observed,
       d.n_due = 0 OR coalesce(n.n_used = 0, false) AS stopped,
       CASE WHEN b.mn IS NULL THEN 'no_permit'
            WHEN l.unit_problem IS NOT NULL THEN l.unit_problem
            WHEN l.limit_value IS NULL THEN 'no_limit'
            WHEN is_gas(d.factor) AND l.basis = 'converted'
             AND CASE WHEN n.mn IS NOT NULL THEN n.converted ELSE d.converted END IS NULL THEN 'no_conversion'
            WHEN NOT is_gas(d.factor) AND d.volume_m3 IS NULL THEN 'no_flow'
            WHEN NOT is_gas(d.factor) AND d.value IS NULL THEN 'no_value' END AS why
FROM daily d
LEFT JOIN normal_days n ON n.mn = d.mn AND n.factor = d.factor AND n.date = d.date
LEFT JOIN mn_limits l
  ON l.mn = d.mn AND l.factor = d.factor AND l.averaging = 'day'
 AND day_start(d.date) >= l.in_force_from AND day_start(d.date) < l.in_force_to
LEFT JOIN (SELECT DISTINCT mn FROM mn_outlets) b ON b.mn = d.mn
WHERE is_concentration(d.factor)
