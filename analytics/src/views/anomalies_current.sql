-- The present state of every anomaly: the rows of `anomalies`, of which there is one per anomaly.
SELECT * FROM anomalies
