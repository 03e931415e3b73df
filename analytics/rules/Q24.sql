/*---
id = "Q24"
version = 2
name_zh = "随机数/公式数据"
name_en = "random-number or formula data"
group = "quality"
severity = "S1"
basis = "Ecological and Environmental Code art. 80, 1088; document 2015 no. 175 of the Ministry (fabrication)"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
lookback_h = 336
evidence = ["hours"]
reason_zh = "{factor} 截至 {end} 连续两日的小时自相关仅 {observed}，此前通常为 {limit}，疑似随机数或公式数据。"
reason_en = "{factor}: for two days up to {end} hours followed each other without memory (lag-1 correlation {observed}, usually {limit}): the data look generated."

[episode]
quiet_gap_h = 72
lowest = true

[params.lost]
default = 0.1
min = -0.5
max = 0.5
unit = "1"
doc = "mean lag-1 correlation of the two days below which memory is lost"

[params.memory]
default = 0.7
min = 0.1
max = 0.99
unit = "1"
doc = "median lag-1 correlation above which a series has memory"

[params.days]
default = 15
min = 7
max = 15
unit = "d"
doc = "days the median comes from, the judged one included"

[params.min_days]
default = 7
min = 5
max = 15
unit = "d"
doc = "usable days those need"

[screen]
look = "concentration AND valid > 0 AND t_recent >= 2 AND t_known >= $min_days AND (abs(t_usual - $memory) < 1e-9 OR (t_usual > $memory AND t_lately < 2.0 * $lost + 1e-9))"
passed = "CASE WHEN concentration AND valid > 0 AND t_recent >= 2 AND t_known >= $min_days AND t_usual > $memory THEN 1 ELSE 0 END"

[screen.unevaluated]
too_few_valid_hours = "CASE WHEN concentration AND valid > 0 AND t_recent < 2 THEN 1 ELSE 0 END"
no_baseline = "CASE WHEN concentration AND valid > 0 AND t_recent >= 2 AND t_known < $min_days THEN 1 ELSE 0 END"
series_without_memory = "CASE WHEN concentration AND valid > 0 AND t_recent >= 2 AND t_known >= $min_days AND t_usual <= $memory THEN 1 ELSE 0 END"

[screen.trailing]
t_lately = { sum = "CASE WHEN concentration AND valid >= 20 THEN lag1 END", days = "2" }
t_recent = { count = "CASE WHEN concentration AND valid >= 20 THEN lag1 END", days = "2" }
t_usual = { median = "CASE WHEN concentration AND valid >= 20 THEN lag1 END", days = "$days" }
t_known = { count = "CASE WHEN concentration AND valid >= 20 THEN lag1 END", days = "$days" }
---*/
-- Emissions have memory: an hour resembles the one before. A source whose series has it and loses it
-- for two days is flagged; one that never had it is not judged. The two days count together: of 24
-- hours alone even pure noise has a correlation above a tenth in one day of four. Neither may come near
-- what is usual.
WITH days AS (
  SELECT mn, factor, date, d['n'] AS hours, d['lag1'] AS memory
  FROM (
    SELECT mn, factor, date, describe_series(hour, value) AS d
    FROM hourly
    WHERE valid AND is_concentration(factor)
    GROUP BY mn, factor, date
  )
),
usable AS (
  SELECT mn, factor, date, CASE WHEN hours >= 20 THEN memory END AS memory
  FROM days
),
spans AS (
  SELECT mn, factor, date, memory,
         trailing_sum(memory, date, 2) OVER series / 2.0 AS lately,
         trailing_max(memory, date, 2) OVER series AS best,
         trailing_count(memory, date, 2) OVER series AS recent,
         trailing_median(memory, date, $days) OVER series AS usual,
         trailing_count(memory, date, $days) OVER series AS known
  FROM usable
  WINDOW series AS (PARTITION BY mn, factor ORDER BY date)
)
SELECT s.mn, s.factor, day_start(s.date) AS window_start,
       day_start(s.date) + INTERVAL '24 hours' AS window_end,
       lately AS observed, usual AS limit_value, '1' AS unit, known AS points,
       CASE WHEN recent < 2 OR known < $min_days OR usual <= $memory THEN 'not_evaluated'
            WHEN lately < $lost AND best < (usual + $lost) / 2.0 THEN 'flagged' ELSE 'passed' END AS outcome,
       CASE WHEN recent < 2 THEN 'too_few_valid_hours' WHEN known < $min_days THEN 'no_baseline'
            WHEN usual <= $memory THEN 'series_without_memory' END AS why
FROM spans s
JOIN core c ON c.mn = s.mn AND c.date = s.date
