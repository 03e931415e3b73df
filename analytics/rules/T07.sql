/*---
id = "T07"
version = 1
name_zh = "时钟漂移/乱序"
name_en = "clock drift or future time"
group = "transmission"
severity = "S4"
basis = "HJ 212 (clock of the logger)"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "hour"
daily = true
exempts = ["M6"]
reason_zh = "数采仪 {mn} 自 {start} 至 {end} 数据时间与到达时间至少相差 {observed} {unit}。"
reason_en = "Data logger {mn}: between {start} and {end} the time of its data was at least {observed} {unit} off the time of arrival."

[episode]
quiet_gap_h = 6

[params.late_min]
default = 15
min = 5
max = 240
unit = "min"
doc = "delay of every value of an hour above which the clock is wrong, interval not counted"

[params.ahead_min]
default = 1
min = 0
max = 60
unit = "min"
doc = "data this far in the future are flagged"

[params.values]
default = 3
min = 1
max = 60
unit = "1"
doc = "values an hour needs"

[screen]
look = "false"
passed = "0"
---*/
-- The smallest difference of the hour counts, and it has to be the same all hour: slow lines delay some
-- packets, what was buffered comes with a delay that shrinks, a wrong clock shifts all of them alike.
-- A real-time value is due at its instant, a minute value at the end of its interval. What is marked
-- as back-filled is left out.
WITH lags AS (
  SELECT r.mn, date_trunc('hour', r.data_time) AS hour,
         min((arrow_cast(r.received_at, 'Int64') - arrow_cast(r.data_time, 'Int64')) / 1000000
             - CASE WHEN r.granularity = 'realtime' THEN 0 ELSE coalesce(r.period_s, 0) END) AS late_s,
         min((arrow_cast(r.received_at, 'Int64') - arrow_cast(r.data_time, 'Int64')) / 1000000) AS ahead_s,
         max((arrow_cast(r.received_at, 'Int64') - arrow_cast(r.data_time, 'Int64')) / 1000000) AS latest_s,
         count(DISTINCT r.data_time) AS times
  FROM readings_raw r
  JOIN core c ON c.mn = r.mn AND c.date = r.date
  WHERE r.granularity IN ('realtime', 'minute') AND NOT r.resend
  GROUP BY r.mn, date_trunc('hour', r.data_time)
)
SELECT mn, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       CASE WHEN ahead_s < 0 THEN -ahead_s ELSE late_s END / 60.0 AS observed,
       CASE WHEN ahead_s < 0 THEN $ahead_min ELSE $late_min END AS limit_value, 'min' AS unit, times AS points,
       CASE WHEN ahead_s < -60 * $ahead_min THEN 'flagged'
            WHEN times < $values THEN 'not_evaluated'
            WHEN late_s > 60 * $late_min AND late_s < 86400
             AND latest_s - ahead_s <= 60 * $late_min THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN ahead_s >= -60 * $ahead_min AND times < $values THEN 'too_few_values' END AS why
FROM lags
