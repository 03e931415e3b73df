-- conversion to reference oxygen from pairs of factors, a week
SELECT count(*) AS n, avg(a.value * 10.0 / (21.0 - b.value)) AS converted
FROM readings a
JOIN readings b ON a.mn = b.mn AND a.data_time = b.data_time AND a.date = b.date
WHERE a.factor = 'a21026' AND b.factor = 'a19001' AND a.granularity = 'hour' AND b.granularity = 'hour'
  AND a.date BETWEEN '{week_from}' AND '{week_to}' AND b.date BETWEEN '{week_from}' AND '{week_to}'
