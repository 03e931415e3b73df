-- Oxygen and flow of every logger's hour: what other factors of that hour are converted with or
-- weighted by. The flow of gas (a00000) is in m3/s and of water (w00000) in L/s, as HJ 212-2017
-- has it (tables B.1, B.2), or in the unit stated for the station ([session.units]). The volume of
-- an hour is the volume the station sent for it (Cou, m3), else the hour's mean flow times one hour.
-- Gas volumes are what the station sends, by the standard dry at 273.15 K and 101.325 kPa.
SELECT mn, date, hour,
       max(CASE WHEN factor = 'a19001' AND valid THEN value END) AS o2,
       max(CASE WHEN factor = 'a00000' AND valid THEN value * unit_scale(unit, 'm3/s') END) AS gas_flow,
       max(CASE WHEN factor = 'w00000' AND valid THEN value * unit_scale(unit, 'L/s') END) AS water_flow,
       max(CASE WHEN factor = 'a00000' AND valid
                THEN coalesce(cou, value * unit_scale(unit, 'm3/s') * 3600.0)
                WHEN factor = 'w00000' AND valid
                THEN coalesce(cou, value * unit_scale(unit, 'L/s') * 3.6) END) AS volume_m3
FROM (
  SELECT mn, date, factor, hour, valid, value, cou, reading_unit(mn, factor) AS unit
  FROM series_hours
  WHERE factor IN ('a19001', 'a00000', 'w00000')
)
GROUP BY mn, date, hour
