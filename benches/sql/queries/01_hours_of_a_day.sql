-- hourly values of one factor of one logger on a day
-- point
SELECT data_time, value, flag
FROM readings
WHERE mn = '{mn}' AND factor = '{factor}' AND granularity = 'hour' AND date = '{date}'
ORDER BY data_time
