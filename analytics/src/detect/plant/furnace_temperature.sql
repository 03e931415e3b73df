-- The furnace temperature that counts, per unit and instant: the mean of the median of the upper
-- section's thermocouples and the median of the middle section's; nothing while either is missing.
-- `factor` is the first thermocouple by code, under which findings are kept.
SELECT v.mn, v.unit, v.date, v.data_time, max(f.factor) AS factor,
       (median(v.value) FILTER (WHERE v.role = 'furnace_upper')
        + median(v.value) FILTER (WHERE v.role = 'furnace_middle')) / 2.0 AS value
FROM process_values v
JOIN (
  SELECT mn, unit, min(factor) AS factor
  FROM process_signals
  WHERE role IN ('furnace_upper', 'furnace_middle')
  GROUP BY mn, unit
) f ON f.mn = v.mn AND f.unit = v.unit
WHERE v.role IN ('furnace_upper', 'furnace_middle')
GROUP BY v.mn, v.unit, v.date, v.data_time
