-- Power and process values: the current copy of every reading of ST 44 (electricity), 45 (production
-- conditions), 51 and 52 (treatment), of codes d, p, e and g, and of every code filed as a process
-- point; with what it was measured at. `running` compares with the point's own threshold and is null
-- where none is filed. Restrict by `date`, as with `readings`.
SELECT r.mn, r.factor, p.point_id, p.permit_no, p.facility, p.name, p.role, p.quantity, p.unit,
       p.outlets, p.linked, p.on_above, p.rated, p.low, p.high,
       r.granularity, r.data_time, r.period_s, r.value, r.value_text, r.min, r.max, r.cou,
       CASE WHEN p.on_above IS NOT NULL AND r.value IS NOT NULL THEN r.value > p.on_above END AS running,
       r.flag, r.st, r.cn, r.received_at, r.kafka_topic, r.kafka_partition, r.kafka_offset, r.date
FROM readings r
LEFT JOIN process_points_in_force p
  ON p.mn = r.mn AND p.factor = r.factor
 AND r.data_time >= p.in_force_from AND r.data_time < p.in_force_to
WHERE p.point_id IS NOT NULL OR r.st IN ('44', '45', '51', '52')
   OR (character_length(r.factor) = 6 AND substr(r.factor, 1, 1) IN ('d', 'p', 'e', 'g'))
