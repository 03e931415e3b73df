-- Gas days with valid hours in which the production was at rest: their means as `daily` has them, from
-- the hours of normal production alone. Other days are not here: `daily` is right about them.
SELECT mn, factor, date, n_at_rest, n_used, total / n_used AS value,
       CASE WHEN n_used = 0 THEN NULL
            WHEN ref_o2 IS NOT NULL AND n_o2 = n_used
            THEN CASE WHEN o2_total / n_o2 < 21.0
                      THEN (total / n_used) * (21.0 - ref_o2) / (21.0 - o2_total / n_o2) END
            WHEN n_converted = n_used THEN converted_total / n_converted END AS converted
FROM (
  SELECT h.mn, h.factor, h.date,
         count(*) FILTER (WHERE h.valid AND h.at_rest) AS n_at_rest,
         count(*) FILTER (WHERE h.normal) AS n_used,
         ordered_sum(h.value, h.hour) FILTER (WHERE h.normal) AS total,
         ordered_sum(h.o2, h.hour) FILTER (WHERE h.normal) AS o2_total,
         count(h.o2) FILTER (WHERE h.normal) AS n_o2,
         ordered_sum(h.converted, h.hour) FILTER (WHERE h.normal) AS converted_total,
         count(h.converted) FILTER (WHERE h.normal) AS n_converted,
         max(h.ref_o2) AS ref_o2
  FROM normal_hours h
  LEFT SEMI JOIN (SELECT DISTINCT mn, day_of(hour) AS date FROM production_hours WHERE at_rest) d
    ON d.mn = h.mn AND d.date = h.date
  WHERE is_gas(h.factor)
  GROUP BY h.mn, h.factor, h.date
)
WHERE n_at_rest > 0
