/*---
id = "A05"
version = 1
stage = "tables"
daily = true
name_zh = "同业离群"
name_en = "peer outlier"
group = "aggregate"
severity = "S4"
basis = "Shandong scene: concentrations outside what the industry shows; a look and no accusation"
effective_from = "2026-11-29"
scope = { industry = "industries with enough peers", outlet = "any", factor = "pollutants with a concentration" }
owner = "nonsite"
granularity = "day"
reason_zh = "排放口 {outlet}（{unit_name}）{factor} 自 {start} 起连续两周及以上偏离同行业排放口中位水平（{observed} 倍离散度，阈值 {limit}），请核实工艺或监测原因。"
reason_en = "Outlet {outlet} ({unit_name}): {factor} has been away from the outlets of its industry since {start} ({observed} deviations, {limit} allowed): look for the reason in process or monitoring."

[episode]
quiet_gap_h = 0.0

[params.mads]
default = 3.0
min = 1.0
max = 20.0
unit = "1"
doc = "median absolute deviations (scaled to a standard deviation, of logarithms) from the peers' median"

[params.weeks]
default = 2
min = 1
max = 8
unit = "week"
doc = "weeks in a row, always on the same side"

[params.peers]
default = 8
min = 4
max = 1000
unit = "1"
doc = "outlets that have to be compared, the judged one included"

[params.digits]
default = 4
min = 2
max = 4
unit = "1"
doc = "digits of the industry code (GB/T 4754) in which peers agree"

[params.min_hours]
default = 20
min = 1
max = 24
unit = "h"
doc = "valid hours a day needs"

[params.min_days]
default = 4
min = 1
max = 7
unit = "d"
doc = "such days a week needs"
---*/
-- Weeks begin on Monday. A week's level of an outlet is the median of its daily means; peers are the
-- outlets of the same medium and industry with the same pollutant in the same week. Logarithms,
-- because levels of plants differ by factors. Cleaner technique explains many of these: a reminder.
WITH weeks AS (
  SELECT mn, factor, date_trunc('week', arrow_cast(date, 'Timestamp(Microsecond, None)')) AS monday,
         median(mean) AS level, count(*) AS days
  FROM daily_means
  WHERE hours >= $min_hours
  GROUP BY mn, factor, date_trunc('week', arrow_cast(date, 'Timestamp(Microsecond, None)'))
),
bound AS (
  SELECT w.factor, arrow_cast(w.monday, 'Date32') AS monday, arrow_cast(arrow_cast(w.monday, 'Date32'), 'Int64') AS day_no,
         day_start(arrow_cast(w.monday, 'Date32')) AS week_start, o.outlet_uid, o.permit_no, o.medium,
         substr(split_part(coalesce(o.industry_codes, ''), ',', 1), 1, $digits) AS industry,
         max(w.level) AS level, max(w.days) AS days
  FROM weeks w
  JOIN mn_outlets o
    ON o.mn = w.mn AND day_start(arrow_cast(w.monday, 'Date32')) + INTERVAL '84 hours' >= o.bound_from
   AND day_start(arrow_cast(w.monday, 'Date32')) + INTERVAL '84 hours' < o.bound_to
   AND (coalesce(o.factors, '') = '' OR strpos(concat(',', o.factors, ','), concat(',', w.factor, ',')) > 0)
  WHERE day_start(arrow_cast(w.monday, 'Date32')) + INTERVAL '169 hours' <= $as_of
  GROUP BY w.factor, w.monday, o.outlet_uid, o.permit_no, o.medium, o.industry_codes
),
comparable AS (
  SELECT *, ln(level) AS log_level FROM bound WHERE level > 0.0 AND days >= $min_days AND industry <> ''
),
spreads AS (
  SELECT factor, monday, medium, industry, median(log_level) AS middle, mad(log_level) AS spread,
         count(*) AS peers
  FROM comparable
  GROUP BY factor, monday, medium, industry
),
away AS (
  SELECT b.factor, b.day_no, b.week_start, b.outlet_uid, b.permit_no, b.industry, b.level, s.peers, s.middle,
         CASE WHEN b.industry = '' THEN 'no_industry'
              WHEN b.days < $min_days THEN 'too_few_days'
              WHEN b.level <= 0.0 THEN 'no_positive_value'
              WHEN s.peers < $peers THEN 'few_peers'
              WHEN s.spread = 0.0 THEN 'no_spread' END AS why,
         CASE WHEN s.peers >= $peers AND s.spread > 0.0 AND b.level > 0.0 AND b.days >= $min_days
              THEN deviations(ln(b.level), s.middle, s.spread) END AS deviations
  FROM bound b
  LEFT JOIN spreads s ON s.factor = b.factor AND s.monday = b.monday AND s.medium = b.medium AND s.industry = b.industry
),
judged AS (
  SELECT a.factor, a.day_no, a.week_start, a.outlet_uid, a.permit_no, a.industry, a.level, a.peers, a.middle,
         a.why, a.deviations,
         count(*) FILTER (WHERE e.deviations > $mads) AS above, count(*) FILTER (WHERE e.deviations < -$mads) AS below
  FROM away a
  JOIN away e
    ON e.outlet_uid = a.outlet_uid AND e.factor = a.factor AND e.permit_no = a.permit_no
   AND e.day_no <= a.day_no AND a.day_no - e.day_no < 7 * $weeks
  GROUP BY a.factor, a.day_no, a.week_start, a.outlet_uid, a.permit_no, a.industry, a.level, a.peers, a.middle,
           a.why, a.deviations
)
SELECT CAST(NULL AS VARCHAR) AS mn, factor, outlet_uid, permit_no,
       week_start - arrow_cast(($weeks - 1) * 604800000000, 'Duration(Microsecond)') AS window_start,
       week_start + INTERVAL '7 days' AS window_end,
       abs(deviations) AS observed, $mads AS limit_value, '1' AS unit, peers AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated' WHEN above >= $weeks OR below >= $weeks THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why,
       CASE WHEN why IS NULL
            THEN concat('{"level":', level, ',"peers":', peers, ',"peers_median":', exp(middle), ',"industry":"',
                        industry, '"}') END AS detail
FROM judged
