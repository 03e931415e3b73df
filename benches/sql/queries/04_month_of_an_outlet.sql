-- one outlet's month of one factor
-- point
SELECT count(*) AS n, avg(value) AS mean, min(value) AS least, max(value) AS most
FROM readings
WHERE mn = '{mn}' AND factor = '{factor}' AND granularity = 'hour'
  AND date BETWEEN '{month_from}' AND '{month_to}'
