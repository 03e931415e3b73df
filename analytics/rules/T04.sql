/*---
id = "T04"
version = 3
name_zh = "传输有效率低"
name_en = "low effective transmission rate"
group = "transmission"
severity = "S3"
basis = "HJ 355-2019; transmission rate of the national platform; rule set of 18 kinds of abnormal automatic data, no. 2"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
daily = true
exempts = ["M3", "M7"]
reason_zh = "数采仪 {mn} {day} 各因子传输有效率均低于 {limit}{unit}，最低 {observed}{unit}。"
reason_en = "Data logger {mn}: the effective transmission rate of every factor on {day} was below {limit}{unit}, the lowest {observed}{unit}."

[reason.factor]
zh = "{factor} {day} 传输有效率 {observed}{unit}，低于 {limit}{unit}。"
en = "The effective transmission rate of {factor} on {day} was {observed}{unit}, below {limit}{unit}."

[episode]
quiet_gap_h = 72
lowest = true

[params.percent]
default = 90.0
min = 50.0
max = 100.0
unit = "%"
doc = "rate below which a day is flagged"

[params.min_due]
default = 8
min = 1
max = 24
unit = "h"
doc = "hours that have to be due for a day to be judged: of fewer, one hour is more than the rate leaves"

[screen]
look = "concentration AND (marked OR slow OR 24 - stopped < $min_due OR due < $min_due OR 100.0 * valid < 1.000001 * $percent * CASE WHEN gas THEN 24 - stopped ELSE due END)"
passed = "CASE WHEN concentration THEN 1 ELSE 0 END"
---*/
-- (received / due) x (valid / received), so valid / due: minute values for gas, values at the
-- station's cadence for water, hours marked as stopped not due. Water analysers may lose one hour a
-- day to their standard check. Hours without valid data that lie in a maintenance or calibration marked
-- in time and with a ticket, or in a working condition (start-up, shut-down, ...) marked in time, are not
-- due either: the enterprise did what it has to.
WITH filed AS (
  SELECT h.mn, h.factor, h.date, count(DISTINCT h.hour) AS hours
  FROM hourly h
  JOIN marks_in_force m
    ON m.mn = h.mn AND (m.factor IS NULL OR m.factor = h.factor)
   AND (m.scope = 'condition'
        OR m.scope = 'device' AND m.code IN ('maintenance', 'calibration') AND m.ticket_id IS NOT NULL)
   AND m.from_time < h.hour + INTERVAL '1 hour' AND m.to_time > h.hour AND h.hour >= m.in_time_from
  WHERE is_concentration(h.factor) AND NOT h.valid AND h.mark <> 'F'
  GROUP BY h.mn, h.factor, h.date
),
gas AS (
  SELECT h.mn, h.factor, h.date,
         (24 - count(*) FILTER (WHERE h.mark = 'F') - coalesce(max(f.hours), 0))
           * (3600.0 / max(h.interval_s)) AS due,
         24.0 - count(*) FILTER (WHERE h.mark = 'F') - coalesce(max(f.hours), 0) AS due_hours,
         sum(h.n_received) FILTER (WHERE h.mark <> 'F') AS received,
         sum(h.n_valid) FILTER (WHERE h.mark <> 'F') AS valid
  FROM hourly h
  LEFT JOIN filed f ON f.mn = h.mn AND f.factor = h.factor AND f.date = h.date
  WHERE is_concentration(h.factor) AND is_gas(h.factor)
  GROUP BY h.mn, h.factor, h.date
),
water AS (
  SELECT d.mn, d.factor, d.date,
         (d.n_due - coalesce(f.hours, 0)) * (CASE WHEN d.n_due > 12 THEN 23.0 / 24.0 ELSE 1.0 END) AS due,
         (d.n_due - coalesce(f.hours, 0)) * (greatest(coalesce(o.cadence_s, 3600), 3600) / 3600.0) AS due_hours,
         d.n_hours AS received, least(d.n_used, d.n_due) AS valid
  FROM daily d
  LEFT JOIN filed f ON f.mn = d.mn AND f.factor = d.factor AND f.date = d.date
  LEFT JOIN (SELECT mn, max(cadence_s) AS cadence_s FROM mn_outlets GROUP BY mn) o ON o.mn = d.mn
  WHERE is_concentration(d.factor) AND NOT is_gas(d.factor)
),
days AS (
  SELECT mn, factor, date, due, due_hours, CAST(received AS DOUBLE) AS received, CAST(valid AS DOUBLE) AS valid FROM gas
  UNION ALL
  SELECT mn, factor, date, due, due_hours, CAST(received AS DOUBLE), CAST(valid AS DOUBLE) FROM water
),
judged AS (
  SELECT d.mn, d.factor, d.date, d.due, d.received, d.valid,
         CASE WHEN due > 0.0 THEN least(100.0, 100.0 * coalesce(valid, 0.0) / due) END AS observed,
         CASE WHEN due <= 0.0 THEN 'stopped' WHEN due_hours < $min_due THEN 'few_hours_due' END AS why,
         CASE WHEN due <= 0.0 OR due_hours < $min_due THEN 'not_evaluated'
              WHEN 100.0 * coalesce(valid, 0.0) < $percent * due THEN 'flagged' ELSE 'passed' END AS outcome
  FROM days d
  JOIN core c ON c.mn = d.mn AND c.date = d.date
),
-- One cause for all factors is one finding of the logger.
alike AS (
  SELECT mn, date, min(observed) AS observed, min(valid) AS valid, max(due) AS due,
         min(received) AS received
  FROM judged
  GROUP BY mn, date
  HAVING count(*) > 1 AND count(*) = count(*) FILTER (WHERE outcome = 'flagged')
)
SELECT j.mn, j.factor, day_start(j.date) AS window_start,
       day_start(j.date) + INTERVAL '24 hours' AS window_end, j.observed,
       $percent AS limit_value, '%' AS unit, coalesce(j.valid, 0.0) AS points, j.outcome,
       j.why,
       concat('{"due":', j.due, ',"received":', coalesce(j.received, 0.0), ',"valid":', coalesce(j.valid, 0.0), '}') AS detail,
       'factor' AS say
FROM judged j
LEFT ANTI JOIN alike a ON a.mn = j.mn AND a.date = j.date
UNION ALL
SELECT mn, NULL, day_start(date), day_start(date) + INTERVAL '24 hours', observed, $percent, '%',
       coalesce(valid, 0.0), 'flagged', NULL,
       concat('{"due":', due, ',"received":', coalesce(received, 0.0), ',"valid":', coalesce(valid, 0.0), '}'),
       NULL
FROM alike
