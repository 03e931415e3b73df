/*---
id = "A02"
version = 1
name_zh = "月累计超标天数"
name_en = "exceedance days in a month"
group = "aggregate"
severity = "S1"
basis = "MEE Order No. 10 (waste incineration: five violation days in a month lead to limited or stopped production)"
effective_from = "2026-11-23"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "particulates, NOx, SO2, HCl, CO" }
owner = "nonsite"
granularity = "day"
lookback_h = 744
reason_zh = "焚烧炉 {mn} 本月截至 {day} 已有 {observed} 个超标日（{limit} 日及以上），建议启动限产、停产审查。"
reason_en = "Incinerator {mn} had {observed} violation days this month by {day} ({limit} or more): review for limited or stopped production."

[episode]
quiet_gap_h = 744

[params.days]
default = 5
min = 1
max = 31
unit = "d"
doc = "violation days in a month"

[params.min_valid_hours]
default = 20
min = 1
max = 24
unit = "h"
doc = "valid hours a day needs"

[params.day_a34013]
default = 20.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "daily mean of particulates above this, unless sheet or permit say otherwise"

[params.day_a21002]
default = 250.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "the same for nitrogen oxides"

[params.day_a21026]
default = 80.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "the same for sulphur dioxide"

[params.day_a21024]
default = 50.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "the same for hydrogen chloride"

[params.day_a21005]
default = 80.0
min = 0.1
max = 2000.0
unit = "mg/m3"
doc = "the same for carbon monoxide"

[screen]
look = "incinerator OR process"
passed = "0"
---*/
-- A violation day is a day on which any of the five pollutants is above its daily limit (E07).
WITH standards AS (
  SELECT * FROM (VALUES
    ('a34013', $day_a34013), ('a21002', $day_a21002), ('a21026', $day_a21026), ('a21024', $day_a21024),
    ('a21005', $day_a21005)
  ) AS s (factor, standard)
),
days AS (
  SELECT d.mn, d.date,
         arrow_cast(date_trunc('month', arrow_cast(d.date, 'Timestamp(Microsecond, None)')), 'Date32') AS month,
         count(*) FILTER (WHERE d.why IS NULL AND d.n_used >= $min_valid_hours AND d.observed IS NOT NULL) AS judged,
         count(*) FILTER (WHERE d.why IS NULL AND d.n_used >= $min_valid_hours
                            AND d.observed > coalesce(d.own_limit, s.standard)) AS over
  FROM incinerator_days d
  JOIN standards s ON s.factor = d.factor
  WHERE day_start(d.date) + INTERVAL '24 hours' <= $as_of
  GROUP BY d.mn, d.date
),
months AS (
  SELECT d.mn, d.date, d.judged, d.over, count(e.date) FILTER (WHERE e.over > 0) AS violations
  FROM days d
  JOIN days e ON e.mn = d.mn AND e.month = d.month AND e.date <= d.date
  GROUP BY d.mn, d.date, d.judged, d.over
)
SELECT m.mn, NULL AS factor, NULL AS outlet_uid, NULL AS permit_no, NULL AS permit_version,
       day_start(m.date) AS window_start, day_start(m.date) + INTERVAL '24 hours' AS window_end,
       CAST(m.violations AS DOUBLE) AS observed, CAST($days AS DOUBLE) AS limit_value, 'd' AS unit,
       m.violations AS points,
       CASE WHEN m.judged = 0 THEN 'not_evaluated' WHEN m.over > 0 AND m.violations >= $days THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN m.judged = 0 THEN 'no_valid_day' END AS why, NULL AS exempt, NULL AS severity, NULL AS detail
FROM months m
JOIN core c ON c.mn = m.mn AND c.date = m.date
