SELECT value, zs_value, flag
FROM readings
WHERE mn = '{mn}' AND factor = '{factor}' AND granularity = 'hour'
  AND date = '{date}' AND data_time = TIMESTAMPTZ '{date} 03:00:00+00'
