-- Hours as `hourly` has them, with normal production: `normal` is a valid hour (no mark of a stop, a
-- start or a fault takes it out) in which power or process values, where any watch the logger, do not
-- show the production at rest; `at_rest` is an hour in which they do. Waste water runs from basins when
-- nothing is made, so production says nothing of it: its flow does.
SELECT h.*, is_gas(h.factor) AND p.mn IS NOT NULL AS at_rest,
       h.valid AND NOT (is_gas(h.factor) AND p.mn IS NOT NULL) AS normal
FROM hourly h
LEFT JOIN (SELECT mn, hour FROM production_hours WHERE at_rest) p ON p.mn = h.mn AND p.hour = h.hour
