/*---
id = "W09"
version = 1
name_zh = "工况与标记不符"
name_en = "declared stop, yet the furnace runs"
group = "condition"
severity = "S2"
basis = "MEE Announcement 2019 No. 50 (marks have to be true); control-system curves have to match the marks"
effective_from = "2026-11-23"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "process values of the furnace" }
owner = "nonsite"
granularity = "realtime"
reason_zh = "标记为停运的 {start} 至 {end}，炉膛温度达 {observed} ℃，氧含量等工况显示焚烧炉在运行，与标记不符。"
reason_en = "Marked as stopped from {start} to {end}, but the furnace was at {observed} degC with oxygen below that of standing air: the mark does not match."

[episode]
quiet_gap_h = 6

[params.running_temp]
default = 850.0
min = 400.0
max = 1300.0
unit = "degC"
doc = "a furnace this hot with burning oxygen is running"

[params.stop_o2]
default = 19.0
min = 10.0
max = 21.0
unit = "%"
doc = "oxygen of a standing furnace is above this"

[params.minutes]
default = 6
min = 1
max = 240
unit = "min"
doc = "shortest stretch that counts"

[screen]
look = "process OR incinerator"
passed = "0"
---*/
-- A furnace stands still when both sections are below `stop_temp` and oxygen is above `stop_o2`. It
-- runs when it is hotter and oxygen is lower; anything in between is not judged, because a hot furnace
-- cools for hours.
WITH stops AS (
  SELECT DISTINCT mn, from_time, least(to_time, $as_of) AS to_time
  FROM marks_in_force
  WHERE code = 'stopped'
),
states AS (
  SELECT v.mn, v.unit, v.date, v.data_time, min(v.factor) FILTER (WHERE v.role <> 'furnace_oxygen') AS factor,
         max(v.value) FILTER (WHERE v.role <> 'furnace_oxygen') AS hottest,
         min(v.value) FILTER (WHERE v.role = 'furnace_oxygen') AS oxygen
  FROM process_values v
  JOIN stops s ON s.mn = v.mn AND v.data_time >= s.from_time AND v.data_time < s.to_time
  WHERE v.role IN ('furnace_upper', 'furnace_middle', 'furnace_oxygen')
  GROUP BY v.mn, v.unit, v.date, v.data_time
),
days AS (
  SELECT s.mn, s.unit, max(s.factor) AS factor, s.date, min(s.data_time) AS first_time,
         max(s.data_time) AS last_time, count(s.hottest + s.oxygen) AS judged,
         runs_where(s.data_time, s.hottest,
                    CASE WHEN s.hottest IS NOT NULL AND s.oxygen IS NOT NULL
                         THEN s.hottest >= $running_temp AND s.oxygen < coalesce(o.value, $stop_o2) END,
                    3600) AS stretches
  FROM states s
  LEFT JOIN process_thresholds o ON o.mn = s.mn AND o.unit = s.unit AND o.name = 'stop_o2'
  GROUP BY s.mn, s.unit, s.date
),
flagged AS (
  SELECT *
  FROM (SELECT *, unnest(stretches) AS s FROM days)
  WHERE arrow_cast(s['to_time'], 'Int64') - arrow_cast(s['from_time'], 'Int64') >= $minutes * 60000000
)
SELECT mn, factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       s['from_time'] AS window_start, s['to_time'] + INTERVAL '1 second' AS window_end,
       s['most'] AS observed, $running_temp AS limit_value, 'degC' AS unit, s['points'] AS points,
       'flagged' AS outcome, NULL AS why, NULL AS exempt, NULL AS severity,
       concat('{"unit":"', unit, '","kind":"stop_mark_untrue","event":"工况与标记不符"}') AS detail
FROM flagged
UNION ALL
SELECT d.mn, d.factor, NULL, NULL, NULL, d.first_time, d.last_time + INTERVAL '1 second', NULL, $running_temp,
       'degC', d.judged, CASE WHEN d.judged = 0 THEN 'not_evaluated' ELSE 'passed' END,
       CASE WHEN d.judged = 0 THEN 'no_process_values' END, NULL, NULL, NULL
FROM days d
WHERE NOT EXISTS (SELECT 1 FROM flagged f WHERE f.mn = d.mn AND f.unit = d.unit AND f.date = d.date)
UNION ALL
-- A stop was declared for a waste incinerator of which no furnace signal is known.
SELECT DISTINCT s.mn, NULL, NULL, NULL, CAST(NULL AS INT), s.from_time, s.to_time, CAST(NULL AS DOUBLE),
       CAST(NULL AS DOUBLE), 'degC', 0, 'not_evaluated', 'no_process_values', NULL, NULL, NULL
FROM stops s
JOIN incinerators i ON i.mn = s.mn
LEFT ANTI JOIN process_signals p
  ON p.mn = s.mn AND p.role IN ('furnace_upper', 'furnace_middle', 'furnace_oxygen')
WHERE s.to_time > s.from_time
