/*---
id = "E04"
version = 2
name_zh = "废水日均值超标"
name_en = "water daily-mean exceedance"
group = "exceedance"
severity = "S2"
basis = "Ecological and Environmental Code art. 1103, 1107; HJ 356-2019 (flow-weighted daily mean)"
granularity = "day"
evidence = ["hours", "limit"]
exempts = ["M1", "M3"]
reason_zh = "{start} 起的自然日，{factor} 流量加权日均值 {observed} {unit}，超过许可限值 {limit} {unit}。"
reason_en = "{factor} had a flow-weighted daily mean of {observed} {unit} on the day from {start}, above the permitted {limit} {unit}."

[params.factor]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the limit is multiplied by this before comparing"
---*/
-- pH (w01001) and suspended solids (w01012) are not judged by a daily mean.
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       day_start AS window_start, day_start + INTERVAL '24 hours' AS window_end,
       value AS observed, limit_value, unit, n_used AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN value > limit_value * $factor THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why,
       CASE WHEN n_stopped > 0 THEN 'M3' WHEN n_instrument > 0 THEN 'M1' END AS exempt,
       NULL AS severity,
       CASE WHEN why IS NULL AND value > limit_value * $factor
            THEN concat('{"hours_used":', n_used, ',"volume_m3":', volume_m3,
                        ',"hours_dropped":', dropped, '}') END AS detail
FROM (
  SELECT d.*, l.outlet_uid, l.permit_no, l.permit_version, l.limit_value, l.unit,
         CASE WHEN d.n_due = 0 THEN 'stopped'
              WHEN NOT d.valid THEN 'too_few_valid_hours'
              WHEN b.mn IS NULL THEN 'no_permit'
              WHEN l.unit_problem IS NOT NULL THEN l.unit_problem
              WHEN l.limit_value IS NULL THEN 'no_limit'
              WHEN d.volume_m3 IS NULL THEN 'no_flow'
              WHEN d.value IS NULL THEN 'no_value'
         END AS why
  FROM (
    SELECT *, arrow_cast(date, 'Timestamp(Microsecond, Some("UTC"))') - INTERVAL '8 hours' AS day_start
    FROM daily
    WHERE NOT is_gas(factor) AND is_concentration(factor) AND factor NOT IN ('w01001', 'w01012')
  ) d
  LEFT JOIN mn_limits l
    ON l.mn = d.mn AND l.factor = d.factor AND l.averaging = 'day'
   AND d.day_start >= l.in_force_from AND d.day_start < l.in_force_to
  LEFT JOIN (SELECT DISTINCT mn FROM mn_outlets) b ON b.mn = d.mn
  WHERE d.day_start + INTERVAL '24 hours' <= $as_of
)
