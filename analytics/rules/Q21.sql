/*---
id = "Q21"
version = 1
name_zh = "停运未标"
name_en = "outage not marked"
group = "quality"
severity = "S3"
basis = "MEE Announcement 2022 No. 21; HJ 75-2017"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "gas", factor = "oxygen, velocity, temperature" }
owner = "nonsite"
granularity = "hour"
evidence = ["hours"]
reason_zh = "{factor} 自 {start} 至 {end} 烟气参数显示已停运（氧含量 {observed}{unit}）但数据未标记，共 {points} 小时。"
reason_en = "{factor}: between {start} and {end} the flue gas shows a source at rest (oxygen {observed}{unit}) but the data are not marked, in {points} hour(s)."

[episode]
quiet_gap_h = 6

[params.oxygen]
default = 20.0
min = 18.0
max = 20.9
unit = "%"
doc = "oxygen from which on a source rests"

[params.velocity]
default = 1.0
min = 0.1
max = 5.0
unit = "m/s"
doc = "flue-gas velocity below which it rests"

[params.temperature]
default = 42.0
min = 10.0
max = 100.0
unit = "degC"
doc = "flue-gas temperature below which it rests"

[screen]
look = "concentration AND gas AND (valid < hours OR hours < logger_hours OR oxygens < logger_hours OR moved < logger_hours OR o2_highest >= $oxygen)"
passed = "CASE WHEN concentration AND gas THEN hours ELSE 0 END"
---*/
-- The reverse, a mark while the source runs, is Q20 and Q19. Oxygen of air alone may be a leak or a
-- dilution (Q11): the gas has to stand still or be cold as well.
WITH hours AS (
  SELECT h.mn, h.factor, h.hour, h.valid, h.mark, h.o2, v.value AS velocity, t.value AS temperature, h.flow
  FROM hourly h
  LEFT JOIN hourly v ON v.mn = h.mn AND v.factor = 'a01011' AND v.hour = h.hour AND v.valid
  LEFT JOIN hourly t ON t.mn = h.mn AND t.factor = 'a01012' AND t.hour = h.hour AND t.valid
  WHERE is_concentration(h.factor) AND is_gas(h.factor) AND h.hour + INTERVAL '1 hour' <= $as_of
),
told AS (
  SELECT DISTINCT h.mn, h.factor, h.hour
  FROM hours h
  JOIN marks_in_force m ON m.mn = h.mn AND (m.factor IS NULL OR m.factor = h.factor)
                       AND h.hour + INTERVAL '1 hour' > m.from_time AND h.hour < m.to_time
)
SELECT h.mn, h.factor, h.hour AS window_start, h.hour + INTERVAL '1 hour' AS window_end,
       h.o2 AS observed, $oxygen AS limit_value, '%' AS unit,
       CASE WHEN NOT h.valid OR h.o2 IS NULL OR (h.velocity IS NULL AND h.temperature IS NULL) THEN 'not_evaluated'
            WHEN k.mn IS NULL AND h.o2 >= $oxygen
             AND coalesce(h.velocity < $velocity, true)
             AND coalesce(h.temperature < $temperature, true) THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN NOT h.valid THEN CASE WHEN h.mark = 'missing' THEN 'too_few_valid_minutes'
                                       ELSE concat('marked_', mark_class(h.mark)) END
            WHEN h.o2 IS NULL THEN 'no_oxygen'
            WHEN h.velocity IS NULL AND h.temperature IS NULL THEN 'no_velocity_or_temperature' END AS why
FROM hours h
LEFT JOIN told k ON k.mn = h.mn AND k.factor = h.factor AND k.hour = h.hour
