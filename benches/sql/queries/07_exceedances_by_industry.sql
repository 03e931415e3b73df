-- exceedances ranked by industry, a quarter
SELECT p.industry_codes AS industry, count(*) AS n,
       sum(CASE WHEN r.value > l.limit_value THEN 1 ELSE 0 END) AS n_over
FROM readings r
JOIN permit_bindings b ON b.mn = r.mn
JOIN permit_limits l ON l.outlet_uid = b.outlet_uid AND l.factor = r.factor
JOIN permits p ON p.permit_no = b.permit_no
WHERE r.granularity = 'hour' AND r.flag = 'N' AND r.date BETWEEN '{quarter_from}' AND '{quarter_to}'
  AND l.averaging = 'hour' AND b.version = 1 AND l.version = 1 AND p.version = 1
GROUP BY p.industry_codes
ORDER BY n_over DESC, industry
