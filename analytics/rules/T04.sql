/*---
id = "T04"
version = 1
name_zh = "传输有效率低"
name_en = "low effective transmission rate"
group = "transmission"
severity = "S3"
basis = "HJ 355-2019; transmission rate of the national platform; rule set of 18 kinds of abnormal automatic data, no. 2"
granularity = "day"
daily = true
exempts = ["M3", "M7"]
reason_zh = "{factor} {day} 传输有效率 {observed}{unit}，低于 {limit}{unit}。"
reason_en = "The effective transmission rate of {factor} on {day} was {observed}{unit}, below {limit}{unit}."

[episode]
quiet_gap_h = 72
lowest = true

[params.percent]
default = 90.0
min = 50.0
max = 100.0
unit = "%"
doc = "rate below which a day is flagged"
---*/
-- (received / due) x (valid / received), so valid / due: minute values for gas, values at the
-- station's cadence for water, hours marked as stopped not due. Water analysers may lose one hour a
-- day to their standard check.
WITH gas AS (
  SELECT mn, factor, date,
         (24 - count(*) FILTER (WHERE mark = 'F')) * (3600.0 / max(interval_s)) AS due,
         sum(n_received) FILTER (WHERE mark <> 'F') AS received,
         sum(n_valid) FILTER (WHERE mark <> 'F') AS valid
  FROM hourly
  WHERE is_concentration(factor) AND is_gas(factor)
  GROUP BY mn, factor, date
),
water AS (
  SELECT mn, factor, date, n_due * (CASE WHEN n_due > 12 THEN 23.0 / 24.0 ELSE 1.0 END) AS due,
         n_hours AS received, least(n_used, n_due) AS valid
  FROM daily
  WHERE is_concentration(factor) AND NOT is_gas(factor)
),
days AS (
  SELECT mn, factor, date, due, CAST(received AS DOUBLE) AS received, CAST(valid AS DOUBLE) AS valid FROM gas
  UNION ALL
  SELECT mn, factor, date, due, CAST(received AS DOUBLE), CAST(valid AS DOUBLE) FROM water
)
SELECT d.mn, d.factor, day_start(d.date) AS window_start,
       day_start(d.date) + INTERVAL '24 hours' AS window_end,
       CASE WHEN due > 0.0 THEN least(100.0, 100.0 * coalesce(valid, 0.0) / due) END AS observed,
       $percent AS limit_value, '%' AS unit, coalesce(valid, 0.0) AS points,
       CASE WHEN due <= 0.0 THEN 'not_evaluated'
            WHEN 100.0 * coalesce(valid, 0.0) < $percent * due THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN due <= 0.0 THEN 'stopped' END AS why,
       concat('{"due":', due, ',"received":', coalesce(received, 0.0), ',"valid":', coalesce(valid, 0.0), '}') AS detail
FROM days d
JOIN core c ON c.mn = d.mn AND c.date = d.date
