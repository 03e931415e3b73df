WITH limits AS (
  SELECT b.mn AS mn, l.factor AS factor, l.limit_value AS limit_value, l.valid_from AS valid_from
  FROM permit_limits l
  JOIN permit_bindings b ON b.outlet_uid = l.outlet_uid AND b.version = l.version
  WHERE l.averaging = 'hour'
)
SELECT r.factor, count(*) AS n, sum(CASE WHEN r.value > l.limit_value THEN 1 ELSE 0 END) AS n_over,
       sum(l.limit_value) AS limits
FROM readings r
ASOF JOIN limits l ON l.mn = r.mn AND l.factor = r.factor AND r.data_time >= l.valid_from
WHERE r.granularity = 'hour' AND r.date BETWEEN '{month_from}' AND '{month_to}'
GROUP BY r.factor
ORDER BY r.factor
