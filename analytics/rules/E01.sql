/*---
id = "E01"
version = 2
name_zh = "小时均值超标"
name_en = "hourly-mean exceedance"
group = "exceedance"
severity = "S3"
basis = "Ecological and Environmental Code art. 1103, 1107; MEE Announcement 2022 No. 21; HJ 75-2017"
granularity = "hour"
evidence = ["hours", "minutes", "limit"]
exempts = ["M1", "M2", "M5"]
reason_zh = "{start} 至 {end}，{factor} 小时均值最高 {observed} {unit}，超过许可限值 {limit} {unit}，共 {points} 小时。"
reason_en = "{factor} reached an hourly mean of {observed} {unit} between {start} and {end}, above the permitted {limit} {unit}, in {points} hour(s)."

[episode]
quiet_gap_h = 6
consecutive = 3
severity = "S2"

[params.factor]
default = 1.0
min = 0.5
max = 5.0
unit = "1"
doc = "the limit is multiplied by this before comparing"

[params.min_valid_minutes]
default = 45
min = 30
max = 60
unit = "min"
doc = "valid minutes an hour needs, scaled to the station's minute interval"

[params.severe_ratio]
default = 2.0
min = 1.0
max = 10.0
unit = "1"
doc = "an hour at or above this multiple of the limit is S2"
---*/
SELECT mn, factor, outlet_uid, permit_no, permit_version,
       hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       observed, limit_value, unit, 1 AS points,
       CASE WHEN why IS NOT NULL THEN 'not_evaluated'
            WHEN observed > limit_value * $factor THEN 'flagged'
            ELSE 'passed' END AS outcome,
       why,
       CASE WHEN mark <> 'missing' THEN mark_exemption(mark) END AS exempt,
       CASE WHEN observed >= limit_value * $severe_ratio THEN 'S2' END AS severity,
       NULL AS detail
FROM (
  SELECT h.mn, h.factor, h.hour, h.mark, l.outlet_uid, l.permit_no, l.permit_version,
         l.limit_value, l.unit,
         CASE WHEN l.basis = 'converted' THEN h.converted ELSE h.value END AS observed,
         CASE WHEN mark_class(h.mark) NOT IN ('normal', 'over_range') AND h.mark <> 'missing'
                   THEN concat('marked_', mark_class(h.mark))
              WHEN NOT h.valid OR h.n_valid * h.interval_s < $min_valid_minutes * 60
                   THEN 'too_few_valid_minutes'
              WHEN b.mn IS NULL THEN 'no_permit'
              WHEN l.unit_problem IS NOT NULL THEN l.unit_problem
              WHEN l.limit_value IS NULL THEN 'no_limit'
              WHEN NOT is_gas(h.factor) AND h.flow = 0.0 THEN 'not_discharging'
              WHEN l.basis = 'converted' AND h.converted IS NULL THEN 'no_conversion'
         END AS why
  FROM hourly h
  LEFT JOIN mn_limits l
    ON l.mn = h.mn AND l.factor = h.factor AND l.averaging = 'hour'
   AND h.hour >= l.in_force_from AND h.hour < l.in_force_to
  LEFT JOIN (SELECT DISTINCT mn FROM mn_outlets) b ON b.mn = h.mn
  WHERE is_concentration(h.factor) AND h.hour + INTERVAL '1 hour' <= $as_of
)
