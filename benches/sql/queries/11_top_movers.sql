-- loggers whose monthly mean moved most
WITH this AS (
  SELECT mn, avg(value) AS v FROM readings
  WHERE factor = '{factor}' AND granularity = 'hour' AND flag = 'N'
    AND date BETWEEN '{month_from}' AND '{month_to}'
  GROUP BY mn
), last AS (
  SELECT mn, avg(value) AS v FROM readings
  WHERE factor = '{factor}' AND granularity = 'hour' AND flag = 'N'
    AND date BETWEEN '{before_from}' AND '{before_to}'
  GROUP BY mn
)
SELECT this.mn AS mn, this.v AS v, last.v AS v_before
FROM this JOIN last ON this.mn = last.mn
ORDER BY abs(this.v - last.v) DESC, this.mn
LIMIT 20
