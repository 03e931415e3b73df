/*---
id = "Q33"
version = 2
name_zh = "补传改数"
name_en = "back-filled value differs from first upload"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry (fabrication)"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours", "minutes", "limit"]
exempts = ["M6"]
reason_zh = "{factor} 自 {start} 至 {end} 的数据重传后改变，最大改动 {observed}{unit}（阈值 {limit}{unit}），共 {points} 小时。"
reason_en = "{factor}: data between {start} and {end} were sent again with other values, changed by up to {observed}{unit} (threshold {limit}{unit}), in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.percent]
default = 1.0
min = 0.0
max = 50.0
unit = "%"
doc = "change tolerated, of the value first sent"

[params.absolute]
default = 0.001
min = 0.0
max = 10.0
unit = "unit of the factor"
doc = "smaller changes are rounding"

[screen]
look = "false"
passed = "0"
---*/
-- First and last copy of every value of the hours that have copies. S1 when the hour was above the
-- limit as first sent and is not as sent last. A value where there was none before is a back-fill.
WITH again AS (
  SELECT h.mn, h.factor, h.hour, h.changed, h.converted / h.value AS conversion
  FROM hourly h
  WHERE h.copies > 0 AND h.hour + INTERVAL '1 hour' <= $as_of
),
copies AS (
  SELECT a.mn, a.factor, a.hour, r.granularity, r.data_time,
         first_value(r.value ORDER BY r.received_at, r.kafka_partition, r.kafka_offset) AS first,
         last_value(r.value ORDER BY r.received_at, r.kafka_partition, r.kafka_offset) AS last
  FROM again a
  JOIN readings_raw r ON r.mn = a.mn AND r.factor = a.factor
                     AND r.data_time >= a.hour AND r.data_time < a.hour + INTERVAL '1 hour'
  WHERE a.changed > 0 AND r.granularity IN ('minute', 'hour')
  GROUP BY a.mn, a.factor, a.hour, r.granularity, r.data_time
),
hours AS (
  SELECT mn, factor, hour,
         count(*) FILTER (WHERE first IS NOT NULL AND last IS NOT NULL) AS both,
         max(100.0 * abs(last - first) / greatest(abs(first), 1e-9))
           FILTER (WHERE abs(last - first) > $absolute) AS change,
         ordered_sum(first, data_time) FILTER (WHERE granularity = 'minute') / count(first) FILTER (WHERE granularity = 'minute') AS first_mean,
         ordered_sum(last, data_time) FILTER (WHERE granularity = 'minute') / count(last) FILTER (WHERE granularity = 'minute') AS last_mean,
         max(first) FILTER (WHERE granularity = 'hour') AS first_hour,
         max(last) FILTER (WHERE granularity = 'hour') AS last_hour
  FROM copies
  GROUP BY mn, factor, hour
),
judged AS (
  SELECT a.mn, a.factor, a.hour, a.changed, h.both, h.change, l.limit_value, l.permit_no, l.permit_version,
         l.outlet_uid,
         -- What was sent again counts: an hour packet of its own, whose minutes stay as they were, too.
         CASE WHEN h.first_hour <> h.last_hour THEN h.first_hour ELSE coalesce(h.first_mean, h.first_hour) END
           * CASE WHEN l.basis = 'converted' THEN a.conversion ELSE 1.0 END AS before,
         CASE WHEN h.first_hour <> h.last_hour THEN h.last_hour ELSE coalesce(h.last_mean, h.last_hour) END
           * CASE WHEN l.basis = 'converted' THEN a.conversion ELSE 1.0 END AS after
  FROM again a
  LEFT JOIN hours h ON h.mn = a.mn AND h.factor = a.factor AND h.hour = a.hour
  LEFT JOIN mn_limits l ON l.mn = a.mn AND l.factor = a.factor AND l.averaging = 'hour'
                       AND a.hour >= l.in_force_from AND a.hour < l.in_force_to
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       change AS observed, $percent AS limit_value, '%' AS unit,
       CASE WHEN changed = 0 THEN 'passed'
            WHEN both = 0 THEN 'not_evaluated'
            WHEN change > $percent THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN changed > 0 AND both = 0 THEN 'no_value_before' END AS why,
       CASE WHEN before > limit_value AND after <= limit_value THEN 'S1' END AS severity,
       CASE WHEN change > $percent
            THEN concat('{"before":', before, ',"after":', after, '}') END AS detail
FROM judged
