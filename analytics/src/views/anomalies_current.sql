-- The present state of every anomaly.
SELECT * EXCEPT (place)
FROM (
  SELECT *, row_number() OVER (PARTITION BY anomaly_id ORDER BY last_seen_at DESC) AS place
  FROM anomalies
)
WHERE place = 1
