-- What happened at an instrument or logger besides measuring, from HJ 212: calibration and standard
-- checks (CN 3011, 2062, 3024), cleaning (3013), samples (3012, 3014, 3015, 3022), parameter orders
-- (3021), changed serial numbers (3019), restarts (2081), clock orders (1012, 1013). One row per
-- event; the values of a packet are put together. `kind` of a CN 3011 is zero_calibration,
-- span_calibration or, in editions before 2025, calibration.
SELECT mn, factor, data_time AS at,
       CASE cn WHEN '3011' THEN CASE max(value_text) FILTER (WHERE item = 'CalibrationType')
                                  WHEN '0' THEN 'zero_calibration' WHEN '1' THEN 'span_calibration'
                                  ELSE 'calibration' END
               WHEN '2062' THEN 'standard_check' WHEN '3024' THEN 'standard_check_ordered'
               WHEN '3012' THEN 'sample_ordered' WHEN '3013' THEN 'cleaning'
               WHEN '3014' THEN 'comparison_sample' WHEN '3015' THEN 'sample_retained'
               WHEN '3022' THEN 'sample_retained' WHEN '3021' THEN 'parameter_set'
               WHEN '3019' THEN 'serial_number' WHEN '2081' THEN 'restart'
               ELSE 'clock_set' END AS kind,
       max(value) FILTER (WHERE item LIKE '%-SampleRd') AS sample_value,
       max(value) FILTER (WHERE item LIKE '%-StandardValue') AS standard_value,
       max(value) FILTER (WHERE item LIKE '%-ResultType') = 1.0 AS passed,
       max(coalesce(value_text, arrow_cast(value, 'Utf8'))) FILTER (WHERE item LIKE '%-SN') AS serial_no,
       cn, min(received_at) AS received_at, kafka_topic, kafka_partition, kafka_offset
FROM device_states
WHERE cn IN ('3011', '2062', '3024', '3012', '3013', '3014', '3015', '3022', '3021', '3019', '2081',
             '1012', '1013')
GROUP BY mn, factor, data_time, cn, kafka_topic, kafka_partition, kafka_offset
