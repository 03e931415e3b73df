/*---
id = "Q35"
version = 1
name_zh = "采样管线断开或不密封"
name_en = "sample line open or leaking"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1087; list of 35 situations of abnormal automatic monitoring, no. 1, 10 and 11"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "gas", factor = "oxygen (a19001), humidity (a01014), pollutants" }
owner = "nonsite"
granularity = "hour"
lookback_h = 24
evidence = ["hours"]
exempts = ["M2", "M4"]
reason_zh = "数采仪 {mn} {start} 起湿度与气态污染物同时骤降、氧含量由 {limit}{unit} 升至 {observed}{unit}，而烟气流量基本不变，采样管线疑似断开或漏气。"
reason_en = "Data logger {mn}: from {start} humidity and pollutants fell together and oxygen rose from {limit}{unit} to {observed}{unit} while the flow stayed the same: the sample line looks open or leaking."

[episode]
quiet_gap_h = 6

[params.humidity]
default = 50.0
min = 10.0
max = 95.0
unit = "%"
doc = "fall of the humidity from one hour to the next, of the former"

[params.oxygen]
default = 3.0
min = 0.5
max = 15.0
unit = "%"
doc = "rise of the oxygen in points of percent"

[params.pollutants]
default = 30.0
min = 10.0
max = 95.0
unit = "%"
doc = "fall of a pollutant that counts, of its former value"

[params.load]
default = 20.0
min = 1.0
max = 100.0
unit = "%"
doc = "change of the flow up to which the load counts as unchanged"

[screen]
look = "((factor = 'a19001') IS TRUE) AND valid > 0 AND (NOT led OR humid)"
passed = "0"

[screen.unevaluated]
no_humidity = "CASE WHEN factor = 'a19001' THEN valid ELSE 0 END"
---*/
-- An hour against the one before. Where the flow goes with it, the plant changes and not the line.
WITH air AS (
  SELECT o.mn, o.date, o.hour, o.value AS oxygen, o.flow, w.value AS humidity
  FROM hourly o
  LEFT JOIN hourly w ON w.mn = o.mn AND w.hour = o.hour AND w.factor = 'a01014' AND w.valid
  WHERE o.factor = 'a19001' AND o.valid AND o.hour + INTERVAL '1 hour' <= $as_of
),
pollutants AS (
  SELECT a.mn, a.hour, count(*) AS known,
         count(*) FILTER (WHERE a.value <= b.value * (1.0 - $pollutants / 100.0)) AS fallen
  FROM hourly a
  JOIN hourly b ON b.mn = a.mn AND b.factor = a.factor AND b.hour = a.hour - INTERVAL '1 hour' AND b.valid
  WHERE is_concentration(a.factor) AND is_gas(a.factor) AND a.valid
  GROUP BY a.mn, a.hour
),
judged AS (
  SELECT n.mn, n.hour, n.oxygen, b.oxygen AS before, n.humidity, b.humidity AS humidity_before,
         p.known, p.fallen,
         CASE WHEN b.mn IS NULL THEN 'no_hour_before'
              WHEN n.humidity IS NULL OR b.humidity IS NULL THEN 'no_humidity'
              WHEN n.flow IS NULL OR b.flow IS NULL THEN 'no_flow'
              WHEN abs(n.flow - b.flow) > $load / 100.0 * b.flow THEN 'load_changed'
              WHEN p.mn IS NULL THEN 'no_pollutant' END AS why
  FROM air n
  JOIN core c ON c.mn = n.mn AND c.date = n.date
  LEFT JOIN air b ON b.mn = n.mn AND b.hour = n.hour - INTERVAL '1 hour'
  LEFT JOIN pollutants p ON p.mn = n.mn AND p.hour = n.hour
)
SELECT mn, 'a19001' AS factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       oxygen AS observed, before AS limit_value, '%' AS unit,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN humidity <= humidity_before * (1.0 - $humidity / 100.0)
             AND oxygen >= before + $oxygen AND fallen * 2 >= known THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why,
       concat('{"humidity":', humidity, ',"humidity_before":', humidity_before, ',"fallen":', fallen, '}') AS detail
FROM judged
