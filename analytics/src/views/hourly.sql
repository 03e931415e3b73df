-- Hourly values recomputed from minutes by the validity rules (uploaded hours where there are no
-- minutes, real-time values where there is neither, see `source`), with the conversion to reference oxygen from means:
-- converted = mean(C) * (21 - ref_o2) / (21 - mean(O2)); nothing when O2 is 21 % or more.
-- Without an oxygen value the uploaded converted value stands in (`converted_from`).
SELECT h.mn, h.factor, h.date, h.hour, h.source, h.valid, h.mark, h.value,
       CASE WHEN r.ref_o2 IS NOT NULL AND c.o2 IS NOT NULL
            THEN CASE WHEN c.o2 < 21.0 THEN h.value * (21.0 - r.ref_o2) / (21.0 - c.o2) END
            ELSE h.zs_value END AS converted,
       CASE WHEN r.ref_o2 IS NOT NULL AND c.o2 IS NOT NULL
            THEN CASE WHEN c.o2 < 21.0 THEN 'means' ELSE 'o2_too_high' END
            WHEN h.zs_value IS NOT NULL THEN 'uploaded' END AS converted_from,
       CASE WHEN is_gas(h.factor) THEN c.o2 END AS o2, r.ref_o2,
       CASE WHEN is_gas(h.factor) THEN c.gas_flow ELSE c.water_flow END AS flow, c.volume_m3,
       h.interval_s, h.n_due, h.n_received, h.n_used, h.n_valid, h.n_dropped, h.dropped,
       h.min, h.max, h.cou, h.zs_value, h.uploaded_value, h.uploaded_zs, h.copies, h.changed
FROM series_hours h
LEFT JOIN hour_companions c ON c.mn = h.mn AND c.date = h.date AND c.hour = h.hour
LEFT JOIN reference_oxygen r
  ON r.mn = h.mn AND r.factor = h.factor
 AND h.hour >= r.in_force_from AND h.hour < r.in_force_to
