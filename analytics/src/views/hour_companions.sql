-- Oxygen and flow of every logger's hour: what other factors of that hour are converted with or
-- weighted by. Gas flow (a00000) is in m3/s and water flow (w00000) in L/s unless the interval's
-- volume (Cou, m3) was sent, which is preferred.
SELECT mn, hour,
       max(CASE WHEN factor = 'a19001' AND valid THEN value END) AS o2,
       max(CASE WHEN factor = 'a00000' AND valid THEN value END) AS gas_flow,
       max(CASE WHEN factor = 'w00000' AND valid THEN value END) AS water_flow,
       max(CASE WHEN factor = 'a00000' AND valid THEN coalesce(cou, value * 3600.0)
                WHEN factor = 'w00000' AND valid THEN coalesce(cou, value * 3.6) END) AS volume_m3
FROM series_hours
WHERE factor IN ('a19001', 'a00000', 'w00000')
GROUP BY mn, hour
