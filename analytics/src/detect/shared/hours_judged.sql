-- Every hour of a pollutant next to the hourly limit of its time: `observed` is the value on the
-- limit's basis (as measured, or converted to reference oxygen) in the unit of `limit_value`. `why`
-- says why the hour cannot be judged: an hour of waste gas in which power or process values show the
-- production at rest is none of normal production.
SELECT h.mn, h.factor, h.date, h.hour, h.mark, h.n_valid * h.interval_s AS valid_seconds,
       l.outlet_uid, l.permit_no, l.permit_version, l.limit_value, l.unit, l.special,
       CASE WHEN l.basis = 'converted' THEN h.converted ELSE h.value END AS observed,
       CASE WHEN mark_class(h.mark) NOT IN ('normal', 'over_range') AND h.mark <> 'missing'
                 THEN concat('marked_', mark_class(h.mark))
            WHEN NOT h.valid THEN 'too_few_valid_minutes'
            WHEN h.at_rest THEN 'not_in_production'
            WHEN b.mn IS NULL THEN 'no_permit'
            WHEN l.unit_problem IS NOT NULL THEN l.unit_problem
            WHEN l.limit_value IS NULL THEN 'no_limit'
            WHEN NOT is_gas(h.factor) AND h.flow = 0.0 THEN 'not_discharging'
            WHEN l.basis = 'converted' AND h.converted IS NULL THEN 'no_conversion'
       END AS why,
       CASE WHEN h.mark <> 'missing' THEN mark_exemption(h.mark) END AS exempt
FROM normal_hours h
LEFT JOIN mn_limits l
  ON l.mn = h.mn AND l.factor = h.factor AND l.averaging = 'hour'
 AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
LEFT JOIN (SELECT DISTINCT mn FROM mn_outlets) b ON b.mn = h.mn
WHERE is_concentration(h.factor)
