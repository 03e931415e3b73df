-- Reference oxygen (percent by volume) of a logger's factor over time, from the limits that are
-- meant for converted values; the hourly limit's value comes before the daily one's.
WITH stated AS (
  SELECT mn, factor, ref_o2, averaging, in_force_from AS from_time, in_force_to AS to_time
  FROM mn_limits
  WHERE basis = 'converted' AND ref_o2 IS NOT NULL
),
edges AS (
  SELECT mn, factor, from_time AS at FROM stated
  UNION
  SELECT mn, factor, to_time AS at FROM stated
),
spans AS (
  SELECT mn, factor, at, lead(at) OVER (PARTITION BY mn, factor ORDER BY at) AS until FROM edges
),
ranked AS (
  SELECT s.mn, s.factor, s.at AS in_force_from, s.until AS in_force_to, stated.ref_o2,
         row_number() OVER (PARTITION BY s.mn, s.factor, s.at
                            ORDER BY CASE stated.averaging WHEN 'hour' THEN 0 WHEN 'day' THEN 1
                                                           ELSE 2 END) AS place
  FROM spans s
  JOIN stated ON stated.mn = s.mn AND stated.factor = s.factor
             AND stated.from_time <= s.at AND s.until <= stated.to_time
  WHERE s.until IS NOT NULL
)
SELECT mn, factor, in_force_from, in_force_to, ref_o2
FROM ranked
WHERE place = 1
