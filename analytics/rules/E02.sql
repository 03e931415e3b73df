/*---
id = "E02"
version = 3
name_zh = "废气长时间超标"
name_en = "gas exceedance in several hours of one day"
group = "exceedance"
severity = "S2"
basis = "Ecological and Environmental Code art. 1103, 1107; rule set of 18 kinds of abnormal automatic data, no. 7"
effective_from = "2026-11-30"
scope = { industry = "all except waste incineration (4417)", outlet = "gas", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
evidence = ["hours", "limit_hour"]
exempts = ["M1", "M2"]
reason_zh = "{start} 起的自然日，{factor} 有 {observed} 个小时均值超过许可限值（{limit} 小时及以上即认定）。"
reason_en = "{factor} was above its hourly limit in {observed} hours of the day from {start} ({limit} or more count)."

[params.hours]
default = 3
min = 1
max = 24
unit = "h"
doc = "hours above the limit in one day from which the day is flagged"

[params.factor]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the limit is multiplied by this before comparing"

[screen]
look = "concentration AND gas AND (incinerator OR watched OR judged = 0 OR observed > limit_hour * $factor)"
passed = "CASE WHEN concentration AND gas THEN 1 ELSE 0 END"
---*/
-- All industries except waste incineration, which is judged by the day (E07). Hours that are marked are
-- not counted, so a mark on one of the others excuses nothing: only a mark of the whole day does.
WITH days AS (
  SELECT mn, factor, date, max(outlet_uid) AS outlet_uid, max(permit_no) AS permit_no,
         max(permit_version) AS permit_version,
         count(*) FILTER (WHERE why IS NULL) AS judged,
         count(*) FILTER (WHERE why IS NULL AND observed > limit_value * $factor) AS over,
         max(observed / limit_value) FILTER (WHERE why IS NULL) AS worst,
         min(why) AS why
  FROM hours_judged
  WHERE is_gas(factor) AND hour + INTERVAL '1 hour' <= $as_of
  GROUP BY mn, factor, date
),
judged AS (
  SELECT d.*,
         CASE WHEN i.mn IS NOT NULL THEN 'waste_incineration' WHEN d.judged = 0 THEN d.why END AS problem
  FROM days d
  LEFT JOIN incinerators i ON i.mn = d.mn
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       CAST(over AS DOUBLE) AS observed, CAST($hours AS DOUBLE) AS limit_value, 'h' AS unit,
       over AS points,
       CASE WHEN problem IS NOT NULL THEN 'not_evaluated' WHEN over >= $hours THEN 'flagged'
            ELSE 'passed' END AS outcome,
       problem AS why, NULL AS exempt, NULL AS severity,
       CASE WHEN over >= $hours
            THEN concat('{"hours_over":', over, ',"hours_judged":', judged, ',"worst_ratio":', worst, '}')
       END AS detail
FROM judged
