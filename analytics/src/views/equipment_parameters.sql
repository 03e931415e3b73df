-- What each instrument's parameters were when, as the logger reported them (CN 3020, 3019) or was
-- told to set them (CN 3021): one row per stretch of time with one value. `parameter` is the code
-- of HJ 212 (i13001 range, i13004 digestion temperature, i13005 digestion time, i13007 intercept,
-- i13008 slope, i13009 detection limit ...) or `serial_no`. A repeated report of the same value
-- only moves `confirmed_at`; reports that arrive late find their place by their own time.
-- `changed` is false for the first value ever reported.
WITH said AS (
  SELECT mn, factor,
         CASE WHEN item LIKE '%-SN' THEN 'serial_no' ELSE split_part(item, '-', 1) END AS parameter,
         data_time, CASE WHEN item LIKE '%-SN' THEN NULL ELSE value END AS value,
         CASE WHEN item LIKE '%-SN' THEN coalesce(value_text, arrow_cast(value, 'Utf8'))
              ELSE value_text END AS value_text,
         cn, st, received_at, kafka_topic, kafka_partition, kafka_offset,
         row_number() OVER (PARTITION BY mn, factor, item, data_time
                            ORDER BY received_at DESC, kafka_partition DESC, kafka_offset DESC) AS copy
  FROM device_states
  WHERE (item LIKE 'i_3___-Info' OR item LIKE '%-SN') AND (value IS NOT NULL OR value_text IS NOT NULL)
),
steps AS (
  SELECT *,
         lag(data_time) OVER series IS NULL AS first,
         lag(value) OVER series AS value_before, lag(value_text) OVER series AS text_before
  FROM said
  WHERE copy = 1
  WINDOW series AS (PARTITION BY mn, factor, parameter ORDER BY data_time)
),
numbered AS (
  SELECT *,
         sum(CASE WHEN first OR (value IS DISTINCT FROM value_before)
                       OR (value_text IS DISTINCT FROM text_before) THEN 1 ELSE 0 END)
           OVER (PARTITION BY mn, factor, parameter ORDER BY data_time
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stretch
  FROM steps
),
stretches AS (
  SELECT mn, factor, parameter, stretch,
         min(data_time) AS in_force_from, max(data_time) AS confirmed_at, count(*) AS reports,
         first_value(value ORDER BY data_time) AS value,
         first_value(value_text ORDER BY data_time) AS value_text,
         first_value(value_before ORDER BY data_time) AS previous_value,
         first_value(text_before ORDER BY data_time) AS previous_text,
         first_value(cn ORDER BY data_time) AS cn,
         first_value(received_at ORDER BY data_time) AS received_at,
         first_value(kafka_topic ORDER BY data_time) AS kafka_topic,
         first_value(kafka_partition ORDER BY data_time) AS kafka_partition,
         first_value(kafka_offset ORDER BY data_time) AS kafka_offset
  FROM numbered
  GROUP BY mn, factor, parameter, stretch
)
SELECT mn, factor, parameter, in_force_from,
       coalesce(lead(in_force_from) OVER (PARTITION BY mn, factor, parameter ORDER BY in_force_from),
                arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')) AS in_force_to,
       value, value_text, stretch > 1 AS changed, previous_value, previous_text, confirmed_at,
       reports, cn, CASE WHEN cn = '3021' THEN 'set' ELSE 'reported' END AS source,
       received_at, kafka_topic, kafka_partition, kafka_offset
FROM stretches
