/*---
id = "Q16"
version = 1
name_zh = "参数擅改"
name_en = "unfiled parameter change"
group = "quality"
severity = "S2"
basis = "Ecological and Environmental Code art. 80, 1088; Regulation on Environmental Monitoring art. 25(5); document 2015 no. 175 of the Ministry"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "any", factor = "parameters of instruments" }
owner = "nonsite"
granularity = "realtime"
lookback_h = 48
daily = true
evidence = ["hours"]
exempts = ["M4"]
reason_zh = "{factor} 的仪器参数于 {start} 变更为 {observed}（原值或备案值 {limit}），未见备案。"
reason_en = "A parameter of the instrument for {factor} was changed at {start} to {observed} (before, or as filed: {limit}) and no filing covers it."

[episode]
quiet_gap_h = 2

[params.file_within_h]
default = 24
min = 0
max = 168
unit = "h"
doc = "a filing this long after the change still covers it"

[params.near]
default = 0.85
min = 0.5
max = 1.0
unit = "1"
doc = "hours above this share of the limit in the day before make a lowered slope or intercept S1"

[screen]
look = "parameter_set"
passed = "0"
---*/
-- Every value a parameter took on a judged day against what was filed for that time; a filing made
-- within a day of the change counts. The time of calibration (i13006) is no setting.
WITH taken AS (
  SELECT p.mn, p.factor, p.parameter, p.in_force_from AS at, p.value, p.value_text,
         p.previous_value, p.previous_text, p.changed, p.source
  FROM equipment_parameters p
  JOIN core c ON c.mn = p.mn AND c.date = day_of(p.in_force_from)
  WHERE p.parameter <> 'i13006' AND p.in_force_from <= $as_of
),
filings AS (
  SELECT t.mn, t.factor, t.parameter, t.at,
         count(f.mn) AS filings,
         count(f.mn) FILTER (WHERE
           CASE WHEN t.value IS NOT NULL
                THEN abs(f.value - t.value) <= greatest(coalesce(f.tolerance, 0.0), 1e-9 * abs(f.value))
                ELSE f.value_text = t.value_text END) AS fitting,
         max(f.value) AS filed
  FROM taken t
  LEFT JOIN filed_parameters f
    ON f.mn = t.mn AND f.parameter = t.parameter
   AND coalesce(f.factor, '') = coalesce(t.factor, '')
   AND f.in_force_from <= t.at + arrow_cast($file_within_h * 3600000000, 'Duration(Microsecond)') AND f.in_force_to > t.at
   AND f.filed_at <= t.at + arrow_cast($file_within_h * 3600000000, 'Duration(Microsecond)')
  GROUP BY t.mn, t.factor, t.parameter, t.at
),
over_limit AS (
  SELECT t.mn, t.factor, t.parameter, t.at, count(*) AS hours
  FROM taken t
  JOIN hourly h ON h.mn = t.mn AND h.factor = t.factor
               AND h.hour >= t.at - INTERVAL '24 hours' AND h.hour < t.at
  JOIN mn_limits l ON l.mn = h.mn AND l.factor = h.factor AND l.averaging = 'hour'
                  AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
  WHERE h.valid
    AND CASE WHEN l.basis = 'converted' THEN h.converted ELSE h.value END > l.limit_value * $near
  GROUP BY t.mn, t.factor, t.parameter, t.at
)
SELECT t.mn, t.factor, t.at AS window_start, t.at + INTERVAL '1 second' AS window_end,
       t.value AS observed, coalesce(f.filed, t.previous_value) AS limit_value,
       CASE WHEN f.fitting > 0 THEN 'passed'
            WHEN t.changed OR f.filings > 0 THEN 'flagged' ELSE 'not_evaluated' END AS outcome,
       CASE WHEN f.fitting = 0 AND NOT t.changed AND f.filings = 0 THEN 'no_filing' END AS why,
       CASE WHEN o.hours > 0 AND t.parameter IN ('i13007', 'i13008') AND t.value < t.previous_value
            THEN 'S1' END AS severity,
       concat('{"parameter":"', t.parameter, '","source":"', t.source, '","text":"',
              coalesce(t.value_text, ''), '","text_before":"', coalesce(t.previous_text, ''),
              '","filings":', f.filings, ',"hours_near_limit_before":', coalesce(o.hours, 0), '}') AS detail
FROM taken t
JOIN filings f ON f.mn = t.mn AND coalesce(f.factor, '') = coalesce(t.factor, '')
              AND f.parameter = t.parameter AND f.at = t.at
LEFT JOIN over_limit o ON o.mn = t.mn AND o.factor = t.factor
                      AND o.parameter = t.parameter AND o.at = t.at
