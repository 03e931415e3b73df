-- capture rates of all bodies, a quarter
SELECT p.org_code AS body, count(*) AS received, count(DISTINCT r.mn) AS loggers,
       CAST(count(*) AS DOUBLE) / (count(DISTINCT r.mn) * 24 * {quarter_days}) AS rate
FROM readings r
JOIN permit_bindings b ON b.mn = r.mn
JOIN permits p ON p.permit_no = b.permit_no
WHERE r.granularity = 'hour' AND r.factor = '{factor}'
  AND r.date BETWEEN '{quarter_from}' AND '{quarter_to}' AND b.version = 1 AND p.version = 1
GROUP BY p.org_code
ORDER BY body
