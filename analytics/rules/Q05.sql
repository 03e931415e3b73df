/*---
id = "Q05"
version = 1
name_zh = "超量程"
name_en = "over range"
group = "quality"
severity = "S3"
basis = "HJ 212-2017 (mark T); rule set of 18 kinds of abnormal automatic data, no. 3"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
daily = true
evidence = ["hours", "minutes"]
exempts = ["M1"]
reason_zh = "{factor} 自 {start} 至 {end} 有 {points} 小时超过仪器量程上限 {limit}（最高 {observed}）。"
reason_en = "{factor} was above the upper end of its range {limit} between {start} and {end} (highest {observed}), in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.factor]
default = 1.0
min = 0.5
max = 2.0
unit = "1"
doc = "the upper end of the range is multiplied by this"

[screen]
look = "concentration AND (ranged OR valid < hours)"
passed = "0"

[screen.unevaluated]
no_range = "CASE WHEN concentration THEN hours ELSE 0 END"
---*/
-- Over range: marked T, sent as the largest number of its type, or above the range reported by the
-- instrument (i13001), else the one filed.
WITH ranges AS (
  SELECT mn, factor, in_force_from, in_force_to, value AS upper, 0 AS place
  FROM equipment_parameters
  WHERE parameter = 'i13001' AND value IS NOT NULL
  UNION ALL
  SELECT mn, factor, in_force_from, in_force_to, value, 1
  FROM filed_parameters
  WHERE parameter = 'i13001' AND value IS NOT NULL
),
hours AS (
  SELECT h.mn, h.factor, h.hour, h.value, h.valid, h.mark,
         coalesce(r.upper, f.upper) AS upper,
         coalesce(strpos(h.dropped, 'sentinel') > 0, false) AS saturated
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  LEFT JOIN (SELECT * FROM ranges WHERE place = 0) r
    ON r.mn = h.mn AND r.factor = h.factor AND h.hour >= r.in_force_from AND h.hour < r.in_force_to
  LEFT JOIN (SELECT * FROM ranges WHERE place = 1) f
    ON f.mn = h.mn AND f.factor = h.factor AND h.hour >= f.in_force_from AND h.hour < f.in_force_to
  WHERE is_concentration(h.factor)
),
judged AS (
  SELECT *, coalesce(mark = 'T' OR saturated OR value > upper * $factor, false) AS over,
         CASE WHEN mark_class(mark) NOT IN ('normal', 'over_range') AND mark <> 'missing'
                   THEN concat('marked_', mark_class(mark))
              WHEN value IS NULL THEN 'no_value'
              WHEN upper IS NULL THEN 'no_range' END AS problem
  FROM hours
)
SELECT mn, factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       value AS observed, upper AS limit_value, reading_unit(mn, factor) AS unit,
       CASE WHEN over THEN 'flagged' WHEN problem IS NOT NULL THEN 'not_evaluated'
            ELSE 'passed' END AS outcome,
       CASE WHEN NOT over THEN problem END AS why,
       CASE WHEN mark <> 'missing' THEN mark_exemption(mark) END AS exempt,
       CASE WHEN over THEN concat('{"mark":"', mark, '","saturated":', saturated, '}') END AS detail
FROM judged
