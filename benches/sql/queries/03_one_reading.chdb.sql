SELECT value, zs_value, flag
FROM readings
WHERE mn = '{mn}' AND factor = '{factor}' AND granularity = 'hour'
  AND date = '{date}' AND data_time = toDateTime64('{date} 03:00:00', 6, 'UTC')
