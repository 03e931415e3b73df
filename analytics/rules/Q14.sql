/*---
id = "Q14"
version = 1
name_zh = "实测折算不一致"
name_en = "raw and converted value do not agree"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; HJ 75-2017 (conversion to reference oxygen)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "gas", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours", "minutes"]
exempts = ["M1"]
reason_zh = "{factor} 自 {start} 至 {end} 上报折算值 {observed} 与按基准含氧量复算值 {limit} 不一致，共 {points} 小时。"
reason_en = "{factor}: the converted value {observed} sent between {start} and {end} does not agree with {limit} recomputed at reference oxygen, in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.percent]
default = 1.0
min = 0.1
max = 20.0
unit = "%"
doc = "difference tolerated, of the recomputed value"

[params.absolute]
default = 0.5
min = 0.0
max = 50.0
unit = "unit of the factor"
doc = "difference tolerated in any case"

[params.o2_most]
default = 20.0
min = 15.0
max = 20.9
unit = "%"
doc = "oxygen from which on nothing is compared"

[screen]
look = "concentration AND gas AND (stated > 0 OR reference IS NOT NULL) AND (valid < hours OR hours < logger_hours OR stated < hours OR reference IS NULL OR oxygens < logger_hours OR o2_highest >= $o2_most OR apart_percent > 0.999 * $percent)"
passed = "CASE WHEN concentration AND gas AND (stated > 0 OR reference IS NOT NULL) THEN hours ELSE 0 END"
---*/
-- Recomputed twice: from the hour's means, and from each minute value with the oxygen of its time.
-- Only what agrees with neither is flagged, because stations convert in either order.
WITH hours AS (
  SELECT mn, factor, hour, valid, mark, zs_value AS stated, converted, o2, ref_o2,
         CASE WHEN NOT valid THEN CASE WHEN mark = 'missing' THEN 'too_few_valid_minutes'
                                       ELSE concat('marked_', mark_class(mark)) END
              WHEN zs_value IS NULL THEN 'no_converted_value'
              WHEN ref_o2 IS NULL THEN 'no_reference_oxygen'
              WHEN o2 IS NULL THEN 'no_oxygen'
              WHEN o2 >= $o2_most THEN 'oxygen_too_high' END AS why
  FROM hourly
  WHERE is_concentration(factor) AND is_gas(factor) AND hour + INTERVAL '1 hour' <= $as_of
    AND (zs_value IS NOT NULL OR ref_o2 IS NOT NULL)
),
apart AS (
  SELECT *
  FROM hours
  WHERE why IS NULL AND abs(stated - converted) > $percent / 100.0 * abs(converted)
    AND abs(stated - converted) > $absolute
),
copies AS (
  SELECT a.mn, a.factor AS of_factor, a.hour, a.ref_o2, r.factor, r.data_time,
         last_value(r.value ORDER BY r.received_at, r.kafka_partition, r.kafka_offset) AS value
  FROM apart a
  JOIN readings_raw r
    ON r.mn = a.mn AND (r.factor = a.factor OR r.factor = 'a19001')
   AND r.data_time >= a.hour AND r.data_time < a.hour + INTERVAL '1 hour'
  WHERE r.granularity = 'minute' AND mark_class(r.flag) IN ('normal', 'over_range')
  GROUP BY a.mn, a.factor, a.hour, a.ref_o2, r.factor, r.data_time
),
minutes AS (
  SELECT v.mn, v.of_factor, v.hour, count(*) AS minutes,
         ordered_sum(v.value * (21.0 - v.ref_o2) / (21.0 - o.value), v.data_time) / count(*) AS again
  FROM copies v
  JOIN copies o
    ON o.mn = v.mn AND o.of_factor = v.of_factor AND o.hour = v.hour
   AND o.data_time = v.data_time AND o.factor = 'a19001'
  WHERE v.factor <> 'a19001' AND v.value IS NOT NULL AND o.value < 21.0
  GROUP BY v.mn, v.of_factor, v.hour
)
SELECT h.mn, h.factor, h.hour AS window_start, h.hour + INTERVAL '1 hour' AS window_end,
       h.stated AS observed, h.converted AS limit_value, reading_unit(h.mn, h.factor) AS unit,
       CASE WHEN h.why IS NOT NULL THEN 'not_evaluated'
            WHEN a.mn IS NOT NULL
             AND (m.again IS NULL OR (abs(h.stated - m.again) > $percent / 100.0 * abs(m.again)
                                      AND abs(h.stated - m.again) > $absolute)) THEN 'flagged'
            ELSE 'passed' END AS outcome,
       h.why,
       CASE WHEN h.mark <> 'missing' THEN mark_exemption(h.mark) END AS exempt,
       CASE WHEN a.mn IS NOT NULL
            THEN concat('{"o2":', h.o2, ',"ref_o2":', h.ref_o2,
                        CASE WHEN m.again IS NULL THEN '' ELSE concat(',"by_minutes":', m.again) END,
                        '}') END AS detail
FROM hours h
LEFT JOIN apart a ON a.mn = h.mn AND a.factor = h.factor AND a.hour = h.hour
LEFT JOIN minutes m ON m.mn = h.mn AND m.of_factor = h.factor AND m.hour = h.hour
