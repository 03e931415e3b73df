/*---
id = "T08"
version = 2
name_zh = "未备案MN"
name_en = "unknown logger"
group = "transmission"
severity = "S4"
basis = "HJ 212; registry of automatic monitoring"
effective_from = "2026-11-24"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "nonsite"
granularity = "day"
daily = true
reason_zh = "数采仪 {mn} {day} 上传数据，但任何许可证和备案均未登记该设备。"
reason_en = "Data logger {mn} sent data on {day}, but neither a permit nor a filing binds it to an outlet."

[episode]
quiet_gap_h = 48

[params.documents]
default = 1
min = 1
max = 1000000
unit = "1"
doc = "permit documents there have to be before their silence means anything"

[screen]
look = "first AND NOT bound"
passed = "CASE WHEN first THEN 1 ELSE 0 END"
---*/
-- Whether any document ever bound the logger, a permit or a filing between permits: what became of
-- the permit since is a matter of P02 and P03. Documents with faults do not count.
WITH days AS (
  SELECT h.mn, h.date, count(*) AS hours
  FROM hourly h
  JOIN core c ON c.mn = h.mn AND c.date = h.date
  GROUP BY h.mn, h.date
),
bound AS (
  SELECT mn FROM permit_bindings WHERE doc_valid
  UNION
  SELECT mn FROM bindings_in_force
),
registry AS (
  SELECT count(*) AS documents FROM permit_documents
)
SELECT d.mn, day_start(d.date) AS window_start, day_start(d.date) + INTERVAL '24 hours' AS window_end,
       CAST(d.hours AS DOUBLE) AS observed, NULL AS limit_value, 'h' AS unit, d.hours AS points,
       CASE WHEN b.mn IS NOT NULL THEN 'passed'
            WHEN r.documents < $documents THEN 'not_evaluated' ELSE 'flagged' END AS outcome,
       CASE WHEN b.mn IS NULL AND r.documents < $documents THEN 'no_registry' END AS why
FROM days d
LEFT JOIN bound b ON b.mn = d.mn
CROSS JOIN registry r
