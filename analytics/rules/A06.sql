/*---
id = "A06"
version = 1
stage = "findings"
name_zh = "多源证据叠加"
name_en = "independent kinds of evidence"
group = "aggregate"
severity = "S1"
basis = "practice of fused models (Guizhou, Yibin): clues of independent kinds on one outlet within a day confirm each other"
effective_from = "2026-11-29"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "hour"
reason_zh = "排放口 {outlet}（{unit_name}）自 {start} 起 24 小时内出现 {observed} 类相互独立的异常线索，按最高级别处置并建议现场检查。"
reason_en = "Outlet {outlet} ({unit_name}): {observed} independent kinds of evidence within a day from {start} on: most severe, an on-site inspection is proposed."

[episode]
quiet_gap_h = 24

[params.families]
default = 2
min = 2
max = 4
unit = "1"
doc = "kinds of evidence that have to come together"

[params.within_h]
default = 24
min = 1
max = 168
unit = "h"
doc = "their findings begin at most this far apart"

[params.least]
default = 3
min = 1
max = 3
unit = "1"
doc = "findings of this severity or worse count: 1 for S1 to 3 for S3; reminders never do"
---*/
-- Kinds are exceedance, quality, condition (power and process) and permit; what the line lost
-- (transmission) is no evidence of anything else. Together are findings of one outlet that begin
-- within a day of each other; each of them becomes S1. What was exempted, refuted, suspended or held
-- does not count.
WITH counted AS (
  SELECT anomaly_id, rule_id, permit_no, outlet_uid, family, window_start, window_end
  FROM findings
  WHERE outlet_uid IS NOT NULL AND set_aside IS NULL AND level <= $least
    AND family IN ('exceedance', 'quality', 'condition', 'permit')
),
judged AS (
  SELECT f.anomaly_id, f.rule_id, f.permit_no, f.outlet_uid, f.family, f.window_start, f.window_end,
         count(DISTINCT g.family) AS families
  FROM counted f
  JOIN counted g
    ON g.outlet_uid = f.outlet_uid
   AND abs(arrow_cast(g.window_start, 'Int64') - arrow_cast(f.window_start, 'Int64')) <= $within_h * 3600000000
  GROUP BY f.anomaly_id, f.rule_id, f.permit_no, f.outlet_uid, f.family, f.window_start, f.window_end
)
SELECT CAST(NULL AS VARCHAR) AS mn, CAST(NULL AS VARCHAR) AS factor, outlet_uid, permit_no,
       window_start, window_end,
       CAST(families AS DOUBLE) AS observed, CAST($families AS DOUBLE) AS limit_value, '1' AS unit, 1 AS points,
       CASE WHEN families >= $families THEN 'flagged' ELSE 'passed' END AS outcome, CAST(NULL AS VARCHAR) AS why,
       CASE WHEN families >= $families
            THEN concat('{"rule":"', rule_id, '","family":"', family,
                        '","raise":3,"proposal":"on_site","base":["', anomaly_id, '"]}') END AS detail
FROM judged
UNION ALL
-- A logger that is bound to no outlet shares none with another.
SELECT CAST(NULL AS VARCHAR), logger, CAST(NULL AS VARCHAR), permit,
       day_start(date), day_start(date) + INTERVAL '24 hours', NULL, NULL, NULL, findings,
       'not_evaluated', 'no_outlet', NULL
FROM (
  SELECT mn AS logger, permit_no AS permit, date, count(*) AS findings
  FROM findings
  WHERE outlet_uid IS NULL AND mn IS NOT NULL AND set_aside IS NULL AND level <= $least
    AND family IN ('exceedance', 'quality', 'condition', 'permit')
  GROUP BY mn, permit_no, date
)
