-- mass discharged by body and factor, a quarter
SELECT p.org_code AS body, r.factor AS factor, sum(r.cou) AS mass
FROM readings r
JOIN permit_bindings b ON b.mn = r.mn
JOIN permits p ON p.permit_no = b.permit_no
WHERE r.granularity = 'hour' AND r.cou IS NOT NULL
  AND r.date BETWEEN '{quarter_from}' AND '{quarter_to}' AND b.version = 1 AND p.version = 1
GROUP BY p.org_code, r.factor
ORDER BY body, factor
