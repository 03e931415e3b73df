/*---
id = "Q20"
version = 2
name_zh = "停运期间数据异常"
name_en = "data inconsistent with declared outage"
group = "quality"
severity = "S1"
basis = "Ecological and Environmental Code art. 80, 164, 1088; rule set of 18 kinds of abnormal automatic data, no. 13"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "gas", factor = "velocity, temperature, flow, oxygen, pollutants with a limit" }
owner = "nonsite"
granularity = "day"
lookback_h = 48
reason_zh = "数采仪 {mn} {day} 标记停运，但 {observed}{unit} 的停运小时烟气参数显示仍在运行（阈值 {limit}{unit}）。"
reason_en = "Data logger {mn}: on {day} the source was declared stopped, but in {observed}{unit} of those hours the flue gas looked like operation (threshold {limit}{unit})."

[episode]
quiet_gap_h = 24

[params.velocity]
default = 3.0
min = 0.5
max = 20.0
unit = "m/s"
doc = "flue-gas velocity above which a source runs"

[params.temperature]
default = 42.0
min = 20.0
max = 200.0
unit = "degC"
doc = "flue-gas temperature above which a source runs"

[params.flow]
default = 10000.0
min = 100.0
max = 1000000.0
unit = "m3/h"
doc = "flow above which a source runs"

[params.oxygen]
default = 17.0
min = 5.0
max = 20.5
unit = "%"
doc = "oxygen below which a source runs"

[params.limit_share]
default = 0.3
min = 0.05
max = 1.0
unit = "1"
doc = "share of the hourly limit above which a source runs"

[params.signs]
default = 3
min = 1
max = 5
unit = "1"
doc = "signs an hour needs to count as running"

[params.percent]
default = 50.0
min = 10.0
max = 100.0
unit = "%"
doc = "share of running hours from which on a day is flagged"

[params.min_hours]
default = 3
min = 1
max = 24
unit = "h"
doc = "stopped hours with enough parameters a day needs"

[params.cooling_h]
default = 8
min = 0
max = 48
unit = "h"
doc = "hours after the stop that are left out"

[screen]
look = "marked OR stopped > 0"
passed = "0"
---*/
-- An hour is declared stopped by mark F of all pollutants that have a value, or by a condition mark on
-- the platform; one analyser marked F is no stop of the source. The parameters of such hours are read
-- whatever their own mark. Heat that remains after the stop is no sign: the first hours are left out,
-- also where the data begin with a stop, which may just have begun.
WITH hours AS (
  SELECT h.mn, h.hour, h.date,
         coalesce(min(CASE WHEN h.mark = 'F' OR m.mn IS NOT NULL THEN 1
                           WHEN h.mark <> 'missing' THEN 0 END) = 1, false) AS stopped
  FROM hourly h
  LEFT JOIN (SELECT * FROM marks_in_force WHERE code = 'stopped') m
    ON m.mn = h.mn AND h.hour >= m.from_time AND h.hour < m.to_time
  WHERE is_concentration(h.factor) AND is_gas(h.factor)
  GROUP BY h.mn, h.hour, h.date
),
since AS (
  SELECT mn, hour, date, stopped,
         coalesce(max(CASE WHEN NOT stopped THEN hour END)
                    OVER (PARTITION BY mn ORDER BY hour ROWS BETWEEN 48 PRECEDING AND CURRENT ROW),
                  min(hour) OVER (PARTITION BY mn ORDER BY hour ROWS BETWEEN 48 PRECEDING AND CURRENT ROW)
                    - INTERVAL '1 hour') AS ran_last
  FROM hours
),
cold AS (
  SELECT s.mn, s.hour, s.date
  FROM since s
  JOIN core c ON c.mn = s.mn AND c.date = s.date
  WHERE s.stopped AND s.hour > s.ran_last + arrow_cast($cooling_h * 3600000000, 'Duration(Microsecond)')
),
means AS (
  SELECT k.mn, k.hour, k.date, r.factor,
         ordered_sum(r.value, r.data_time) / count(r.value) AS value
  FROM cold k
  JOIN readings_raw r ON r.mn = k.mn AND r.date = k.date AND r.data_time >= k.hour AND r.data_time < k.hour + INTERVAL '1 hour'
  WHERE r.granularity IN ('minute', 'hour') AND r.value IS NOT NULL
  GROUP BY k.mn, k.hour, k.date, r.factor
),
signs AS (
  SELECT m.mn, m.hour, m.date,
         max(CASE WHEN m.factor = 'a01011' THEN CASE WHEN m.value > $velocity THEN 1 ELSE 0 END END) AS velocity,
         max(CASE WHEN m.factor = 'a01012' THEN CASE WHEN m.value > $temperature THEN 1 ELSE 0 END END) AS temperature,
         max(CASE WHEN m.factor = 'a00000'
                  THEN CASE WHEN m.value * unit_scale(reading_unit(m.mn, m.factor), 'm3/h') > $flow
                            THEN 1 ELSE 0 END END) AS flow,
         max(CASE WHEN m.factor = 'a19001' THEN CASE WHEN m.value < $oxygen THEN 1 ELSE 0 END END) AS oxygen,
         max(CASE WHEN l.limit_value > 0.0
                  THEN CASE WHEN m.value > $limit_share * l.limit_value THEN 1 ELSE 0 END END) AS concentration
  FROM means m
  LEFT JOIN mn_limits l ON l.mn = m.mn AND l.factor = m.factor AND l.averaging = 'hour'
                       AND m.hour >= l.in_force_from AND m.hour < l.in_force_to
  GROUP BY m.mn, m.hour, m.date
),
counted AS (
  SELECT mn, hour, date,
         coalesce(velocity, 0) + coalesce(temperature, 0) + coalesce(flow, 0) + coalesce(oxygen, 0)
           + coalesce(concentration, 0) AS signs,
         CASE WHEN velocity IS NULL THEN 0 ELSE 1 END + CASE WHEN temperature IS NULL THEN 0 ELSE 1 END
           + CASE WHEN flow IS NULL THEN 0 ELSE 1 END + CASE WHEN oxygen IS NULL THEN 0 ELSE 1 END
           + CASE WHEN concentration IS NULL THEN 0 ELSE 1 END AS known
  FROM signs
),
days AS (
  SELECT s.mn, s.date, count(*) AS stopped, count(k.hour) AS hours,
         count(*) FILTER (WHERE n.known >= $signs) AS measured,
         count(*) FILTER (WHERE n.signs >= $signs) AS running
  FROM since s
  JOIN core c ON c.mn = s.mn AND c.date = s.date
  LEFT JOIN cold k ON k.mn = s.mn AND k.hour = s.hour
  LEFT JOIN counted n ON n.mn = k.mn AND n.hour = k.hour
  WHERE s.stopped
  GROUP BY s.mn, s.date
)
SELECT mn, day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       CASE WHEN measured > 0 THEN 100.0 * running / measured END AS observed,
       $percent AS limit_value, '%' AS unit, running AS points,
       CASE WHEN measured < $min_hours THEN 'not_evaluated'
            WHEN 100.0 * running >= $percent * measured THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN measured < $min_hours
            THEN CASE WHEN hours < $min_hours THEN 'too_few_stopped_hours' ELSE 'too_few_parameters' END
            END AS why,
       concat('{"stopped_hours":', stopped, ',"after_cooling":', hours, ',"measured":', measured, ',"running":', running, '}') AS detail
FROM days
