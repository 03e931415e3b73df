SELECT factor, quantileExactInclusive(0.05)(value) AS p05,
       quantileExactInclusive(0.5)(value) AS p50,
       quantileExactInclusive(0.95)(value) AS p95
FROM readings
WHERE granularity = 'hour' AND date BETWEEN '{month_from}' AND '{month_to}'
GROUP BY factor
ORDER BY factor
