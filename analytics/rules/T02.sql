/*---
id = "T02"
version = 1
name_zh = "小时缺失/不完整"
name_en = "hour missing or incomplete"
group = "transmission"
severity = "S4"
basis = "HJ 212-2017 D.24; HJ 75-2017; rule set of 18 kinds of abnormal automatic data, no. 1"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "hour"
exempts = ["M6"]
reason_zh = "数采仪 {mn} 自 {start} 至 {end} 有 {points} 个小时数据缺失或不完整（最低到报率 {observed}）。"
reason_en = "Data logger {mn} delivered {points} hour(s) incompletely between {start} and {end} (lowest share received {observed})."

[episode]
quiet_gap_h = 6
lowest = true

[params.share]
default = 0.75
min = 0.1
max = 1.0
unit = "1"
doc = "share of an hour's minute values that has to arrive (45 of 60 minutes)"

[screen]
look = "lacking > 0"
passed = "CASE WHEN first THEN logger_due ELSE 0 END"
---*/
-- Judged per logger: an hour is flagged when any factor of that day lacks too much of it. Hours
-- before the day's first value belong to the silence before it (T01).
WITH seen AS (
  SELECT h.mn, h.factor, h.date, min(h.hour) AS first_hour,
         max(CASE WHEN h.source = 'minutes' THEN 1 ELSE 0 END) AS minutes,
         max(o.cadence_s) AS cadence_s
  FROM hourly h
  LEFT JOIN (SELECT mn, max(cadence_s) AS cadence_s FROM mn_outlets GROUP BY mn) o ON o.mn = h.mn
  GROUP BY h.mn, h.factor, h.date
),
first_seen AS (
  SELECT mn, date, min(first_hour) AS first_hour FROM seen GROUP BY mn, date
),
due AS (
  SELECT s.mn, s.factor, s.minutes, s.cadence_s,
         arrow_cast((arrow_cast(s.date, 'Int64') * 24 + n.value - 8) * 3600000000,
                    'Timestamp(Microsecond, Some("UTC"))') AS hour,
         f.first_hour
  FROM seen s
  JOIN first_seen f ON f.mn = s.mn AND f.date = s.date
  CROSS JOIN (SELECT unnest(range(0, 24)) AS value) n
),
judged AS (
  SELECT d.mn, d.factor, d.hour, d.minutes, d.cadence_s,
         CASE WHEN h.n_received IS NULL THEN 0.0
              WHEN h.source = 'uploaded' THEN 1.0
              ELSE least(1.0, CAST(h.n_received AS DOUBLE) * h.interval_s / 3600.0) END AS share
  FROM due d
  LEFT JOIN hourly h ON h.mn = d.mn AND h.factor = d.factor AND h.hour = d.hour
  WHERE d.hour >= d.first_hour AND d.hour + INTERVAL '1 hour' <= $as_of
),
by_hour AS (
  SELECT mn, hour, min(share) AS share,
         sum(CASE WHEN share < $share AND coalesce(cadence_s, 0) <= 3600 THEN 1 ELSE 0 END) AS short,
         sum(CASE WHEN share < $share AND coalesce(cadence_s, 0) > 3600 THEN 1 ELSE 0 END) AS slow,
         count(*) AS factors
  FROM judged
  GROUP BY mn, hour
)
SELECT mn, NULL AS factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       hour AS window_start, hour + INTERVAL '1 hour' AS window_end, share AS observed,
       $share AS limit_value, '1' AS unit, 1 AS points,
       CASE WHEN short > 0 THEN 'flagged' WHEN slow > 0 THEN 'not_evaluated' ELSE 'passed' END AS outcome,
       CASE WHEN short = 0 AND slow > 0 THEN 'cadence_over_an_hour' END AS why,
       NULL AS exempt, NULL AS severity,
       CASE WHEN short > 0 THEN concat('{"factors_short":', short, ',"factors":', factors, '}') END AS detail
FROM by_hour
