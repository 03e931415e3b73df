-- Days of the five pollutants of waste incineration: `observed` is the daily mean at reference oxygen
-- (the sheet's `ref_o2`, else 11 %) in mg/m3, from the day's means: mean(C) * (21 - reference) /
-- (21 - mean(O2)). `own_limit` is the plant sheet's, else the permit's daily limit at reference oxygen;
-- null where neither is known.
WITH thresholds AS (
  SELECT mn, name, min(value) AS value FROM process_thresholds GROUP BY mn, name
),
days AS (
  SELECT d.*, unit_scale(reading_unit(d.mn, d.factor), 'mg/m3') AS scale
  FROM daily d
  JOIN incinerators i ON i.mn = d.mn
  WHERE d.factor IN ('a34013', 'a21002', 'a21026', 'a21024', 'a21005')
)
SELECT d.mn, d.factor, d.date, d.n_used, d.n_stopped, d.n_condition, d.n_instrument, d.dropped, d.o2,
       CASE WHEN d.o2 < 21.0
            THEN d.value * d.scale * (21.0 - coalesce(r.value, 11.0)) / (21.0 - d.o2) END AS observed,
       coalesce(t.value, l.limit_value * d.scale) AS own_limit,
       CASE WHEN t.value IS NOT NULL THEN 'sheet' WHEN l.limit_value IS NOT NULL THEN 'permit'
            ELSE 'standard' END AS limit_from,
       l.outlet_uid, l.permit_no, l.permit_version,
       CASE WHEN d.n_due = 0 THEN 'stopped' WHEN d.scale IS NULL THEN 'unit_unknown' END AS why
FROM days d
LEFT JOIN thresholds t ON t.mn = d.mn AND t.name = concat('day_', d.factor)
LEFT JOIN thresholds r ON r.mn = d.mn AND r.name = 'ref_o2'
LEFT JOIN mn_limits l
  ON l.mn = d.mn AND l.factor = d.factor AND l.averaging = 'day' AND l.basis = 'converted'
 AND day_start(d.date) >= l.in_force_from AND day_start(d.date) < l.in_force_to
