/*---
id = "X10"
version = 1
name_zh = "末位数字检验"
name_en = "digit-preference test"
group = "quality"
severity = "S4"
basis = "Test of digit preference (chi-square), 8 degrees of freedom"
effective_from = "2026-11-23"
scope = { industry = "any", outlet = "unit", factor = "results of manual monitoring" }
owner = "nonsite"
granularity = "day"
enabled = false
reason_zh = "许可证 {permit_no} 的手工监测数据末位数字分布异常（卡方 {observed}，阈值 {limit}，共 {points} 个数据）。"
reason_en = "Permit {permit_no}: the last digits of {points} manual results are unevenly spread (chi-square {observed}, threshold {limit})."

[params.chi_square]
default = 31.83
min = 15.0
max = 200.0
unit = "1"
doc = "chi-square above which the digits are unevenly spread"

[params.results]
default = 200
min = 50
max = 100000
unit = "1"
doc = "results a permit needs"
---*/
-- The last significant digit of measured values is spread evenly over 1 to 9; people who make numbers
-- up prefer some. Results below detection do not count. 31.83 is passed by chance once in 10,000.
WITH results AS (
  SELECT permit_no, sampled_at,
         right(rtrim(replace(arrow_cast(arrow_cast(value, 'Decimal128(18, 4)'), 'Utf8'), '.', ''), '0'), 1) AS digit
  FROM manual_history
  WHERE latest AND NOT below_detection AND permit_no IS NOT NULL AND value > 0.0
    AND sampled_at <= $as_of AND sampled_at > $as_of - INTERVAL '365 days'
),
sums AS (
  SELECT permit_no, count(*) AS n, min(sampled_at) AS from_time, max(sampled_at) AS to_time
  FROM results
  WHERE digit <> ''
  GROUP BY permit_no
),
digits AS (
  SELECT s.permit_no, s.n, s.from_time, s.to_time, d.digit, count(r.digit) AS seen
  FROM sums s
  CROSS JOIN (SELECT unnest(make_array('1', '2', '3', '4', '5', '6', '7', '8', '9')) AS digit) d
  LEFT JOIN results r ON r.permit_no = s.permit_no AND r.digit = d.digit
  GROUP BY s.permit_no, s.n, s.from_time, s.to_time, d.digit
),
judged AS (
  SELECT permit_no, n, from_time, to_time,
         -- Sum of squares of whole numbers first, so that no order of adding shows.
         9.0 * CAST(sum(seen * seen) AS DOUBLE) / n - n AS chi
  FROM digits
  GROUP BY permit_no, n, from_time, to_time
)
SELECT CAST(NULL AS VARCHAR) AS mn, permit_no, date_trunc('year', from_time) AS window_start,
       to_time + INTERVAL '1 second' AS window_end,
       chi AS observed, $chi_square AS limit_value, '1' AS unit, n AS points,
       CASE WHEN n < $results THEN 'not_evaluated' WHEN chi > $chi_square THEN 'flagged'
            ELSE 'passed' END AS outcome,
       CASE WHEN n < $results THEN 'too_few_results' END AS why
FROM judged
