-- one reading by its key
-- point
SELECT value, zs_value, flag
FROM readings
WHERE mn = '{mn}' AND factor = '{factor}' AND granularity = 'hour'
  AND date = '{date}' AND data_time = '{date}T03:00:00Z'
