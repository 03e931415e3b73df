-- Daily values recomputed from valid hours. Gas: arithmetic mean, converted from the means of the
-- same hours; valid with at least 20 valid hours. Water: weighted by the volume of each hour; valid
-- with at least 75 % of the due hours. pH is never averaged: its median is given. Hours marked as
-- stopped are not due.
--
-- How many hours are due: 24, or for a water analyser that is slower than hourly one per cadence
-- (`cadence_s`): the one its permit binding states, else the step seen between the day's values if
-- it is 2, 3 or 4 hours. An analyser seen to be faster than its binding is judged as seen. A value
-- of a slow analyser stands for its whole cadence, so it is multiplied into volume and mass.
WITH days AS (
  SELECT mn, factor, date, is_gas(factor) AS gas,
         count(DISTINCT source) AS sources, max(source) AS source,
         count(*) AS n_hours,
         count(*) FILTER (WHERE valid) AS n_used,
         count(*) FILTER (WHERE mark = 'missing') AS n_marked_missing,
         count(*) FILTER (WHERE mark = 'F') AS n_stopped,
         count(*) FILTER (WHERE mark <> 'missing' AND mark_class(mark) = 'instrument') AS n_instrument,
         count(*) FILTER (WHERE mark_class(mark) = 'manual') AS n_manual,
         count(*) FILTER (WHERE mark_class(mark) = 'condition') AS n_condition,
         count(*) FILTER (WHERE NOT valid AND mark = 'T') AS n_over_range,
         count(*) FILTER (WHERE mark <> 'missing' AND mark_class(mark) = 'unknown') AS n_unknown,
         usual_step(hour) AS seen_s,
         ordered_sum(value, hour) FILTER (WHERE valid) AS total,
         ordered_sum(value * volume_m3, hour) FILTER (WHERE valid AND volume_m3 > 0.0) AS mass,
         ordered_sum(volume_m3, hour) FILTER (WHERE valid AND volume_m3 > 0.0) AS volume,
         ordered_sum(o2, hour) FILTER (WHERE valid) AS o2_total,
         count(o2) FILTER (WHERE valid) AS n_o2,
         ordered_sum(converted, hour) FILTER (WHERE valid) AS converted_total,
         count(converted) FILTER (WHERE valid) AS n_converted,
         max(ref_o2) AS ref_o2,
         median(value) FILTER (WHERE valid AND factor = 'w01001') AS median,
         min(min) FILTER (WHERE valid) AS min, max(max) FILTER (WHERE valid) AS max
  FROM hourly
  GROUP BY mn, factor, date
),
bound AS (
  SELECT d.*, b.cadence_s AS bound_s,
         row_number() OVER (PARTITION BY d.mn, d.factor, d.date
                            ORDER BY b.issued_at DESC, b.outlet_uid, b.cadence_s) AS place
  FROM days d
  LEFT JOIN mn_outlets b
    ON b.mn = d.mn AND b.cadence_s IS NOT NULL
   AND (coalesce(b.factors, '') = ''
        OR strpos(concat(',', b.factors, ','), concat(',', d.factor, ',')) > 0)
   AND arrow_cast(d.date, 'Timestamp(Microsecond, Some("UTC"))') + INTERVAL '4 hours' >= b.bound_from
   AND arrow_cast(d.date, 'Timestamp(Microsecond, Some("UTC"))') + INTERVAL '4 hours' < b.bound_to
),
paced AS (
  SELECT *,
         CASE WHEN gas THEN 3600
              WHEN bound_s IS NOT NULL THEN greatest(3600, least(bound_s, coalesce(seen_s, bound_s)))
              WHEN seen_s IN (7200, 10800, 14400) THEN seen_s
              ELSE 3600 END AS cadence_s
  FROM bound
  WHERE place = 1
),
due AS (
  SELECT *, greatest(86400 / cadence_s, 1) AS slots, CAST(cadence_s AS DOUBLE) / 3600.0 AS weight
  FROM paced
),
counted AS (
  SELECT *, greatest(slots - n_stopped, n_used) AS n_due,
         greatest(slots - n_hours, 0) + n_marked_missing AS n_missing
  FROM due
)
SELECT mn, factor, date,
       CASE WHEN sources > 1 THEN 'mixed' ELSE source END AS source,
       CASE WHEN gas THEN n_used >= 20 ELSE n_used * 4 >= n_due * 3 AND n_used > 0 END AS valid,
       CASE WHEN factor = 'w01001' THEN NULL
            WHEN gas OR factor = 'w00000' THEN total / n_used
            WHEN volume > 0.0 THEN mass / volume END AS value,
       CASE WHEN NOT gas OR n_used = 0 THEN NULL
            WHEN ref_o2 IS NOT NULL AND n_o2 = n_used
            THEN CASE WHEN o2_total / n_o2 < 21.0
                      THEN (total / n_used) * (21.0 - ref_o2) / (21.0 - o2_total / n_o2) END
            WHEN n_converted = n_used THEN converted_total / n_converted END AS converted,
       CASE WHEN n_o2 > 0 THEN o2_total / n_o2 END AS o2, ref_o2,
       median, min, max, volume * weight AS volume_m3, mass * weight AS mass,
       n_due, n_hours, n_used, n_due - n_used AS n_dropped, cadence_s,
       concat('{', concat_ws(',',
         CASE WHEN n_missing > 0 THEN concat('"missing":', n_missing) END,
         CASE WHEN n_instrument > 0 THEN concat('"instrument":', n_instrument) END,
         CASE WHEN n_manual > 0 THEN concat('"manual":', n_manual) END,
         CASE WHEN n_stopped > 0 THEN concat('"stopped":', n_stopped) END,
         CASE WHEN n_condition > 0 THEN concat('"condition":', n_condition) END,
         CASE WHEN n_over_range > 0 THEN concat('"over_range":', n_over_range) END,
         CASE WHEN n_unknown > 0 THEN concat('"unknown":', n_unknown) END), '}') AS dropped,
       n_stopped, n_instrument, n_condition, n_missing
FROM counted
