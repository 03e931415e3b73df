/*---
id = "P05"
version = 2
name_zh = "限值配置不符"
name_en = "configured limit differs from the permit"
group = "permit"
severity = "S4"
basis = "MEE Announcement 2022 No. 21 (limits follow the permit); a duty of the system, not of the enterprise"
effective_from = "2026-11-24"
scope = { industry = "waste incineration (4417)", outlet = "gas", factor = "pollutants with a limit" }
owner = "nonsite"
granularity = "day"
reason_zh = "{mn} 的 {factor} 在平台配置的限值为 {observed} {unit}，与现行许可证的 {limit} {unit} 不一致，请核对配置。"
reason_en = "The limit configured for {factor} of {mn} is {observed} {unit}, the permit in force says {limit} {unit}: check the configuration."

[episode]
quiet_gap_h = 72

[screen]
look = "process OR incinerator"
passed = "0"
---*/
-- Limits of the plant sheets (day_..., hour_...), meant at reference oxygen, against the permit's. Waste
-- incineration is where sheets give limits: a logger there without any is judged by permit and standard
-- alone, and nothing is configured that could differ.
WITH configured AS (
  SELECT mn, split_part(name, '_', 1) AS averaging, split_part(name, '_', 2) AS factor,
         min(value) AS value
  FROM process_thresholds
  WHERE name LIKE 'day_a%' OR name LIKE 'hour_a%'
  GROUP BY mn, name
),
judged AS (
  SELECT d.mn, d.factor, d.date, c.averaging, c.value, l.outlet_uid, l.permit_no, l.permit_version,
         l.limit_value, l.unit, l.basis,
         CASE WHEN l.mn IS NULL THEN 'no_limit' WHEN l.unit_problem IS NOT NULL THEN l.unit_problem END AS why
  FROM configured c
  JOIN daily d ON d.mn = c.mn AND d.factor = c.factor
  LEFT JOIN mn_limits l
    ON l.mn = c.mn AND l.factor = c.factor AND l.averaging = c.averaging
   AND day_start(d.date) >= l.in_force_from AND day_start(d.date) < l.in_force_to
  WHERE day_start(d.date) <= $as_of
)
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       day_start(date) AS window_start, day_start(date) + INTERVAL '24 hours' AS window_end,
       value AS observed, limit_value, unit, 1 AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN value <> limit_value OR basis <> 'converted' THEN 'flagged' ELSE 'passed' END AS outcome,
       why, NULL AS exempt, NULL AS severity,
       CASE WHEN why IS NULL AND (value <> limit_value OR basis <> 'converted')
            THEN concat('{"averaging":"', averaging, '","permit_basis":"', basis, '"}') END AS detail
FROM judged
UNION ALL
SELECT c.mn, NULL, NULL, NULL, NULL, day_start(c.date), day_start(c.date) + INTERVAL '24 hours',
       NULL, NULL, NULL, 1, 'not_evaluated', 'no_configured_limit', NULL, NULL, NULL
FROM core c
JOIN (SELECT DISTINCT mn FROM incinerators) i ON i.mn = c.mn
LEFT ANTI JOIN configured k ON k.mn = c.mn
WHERE day_start(c.date) <= $as_of
