-- values against the limit in force at their time, a month
WITH limits AS (
  SELECT b.mn, l.factor, l.limit_value, l.valid_from,
         lead(l.valid_from) OVER (PARTITION BY b.mn, l.factor ORDER BY l.valid_from) AS until
  FROM permit_limits l
  JOIN permit_bindings b ON b.outlet_uid = l.outlet_uid AND b.version = l.version
  WHERE l.averaging = 'hour'
)
SELECT r.factor, count(*) AS n, sum(CASE WHEN r.value > l.limit_value THEN 1 ELSE 0 END) AS n_over,
       sum(l.limit_value) AS limits
FROM readings r
JOIN limits l ON l.mn = r.mn AND l.factor = r.factor
WHERE r.granularity = 'hour' AND r.date BETWEEN '{month_from}' AND '{month_to}'
  AND r.data_time >= l.valid_from AND (l.until IS NULL OR r.data_time < l.until)
GROUP BY r.factor
ORDER BY r.factor
