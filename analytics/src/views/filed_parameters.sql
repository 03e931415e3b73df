-- Which value of an instrument's parameter was filed for which time: one row per stretch. Whatever
-- was filed later holds from its own `valid_from` on; what was filed before holds up to there.
-- Serial numbers stand as parameter `serial_no`. Ends are exclusive.
WITH filed AS (
  SELECT filing_id, version, mn, factor, parameter, value, value_text, unit, tolerance, valid_from,
         valid_to, filed_at, known_from, ticket_id, received_at
  FROM filings_history
  WHERE parameter IS NOT NULL
  UNION ALL
  SELECT DISTINCT filing_id, version, mn, factor, 'serial_no' AS parameter,
         arrow_cast(NULL, 'Float64') AS value, serial_no AS value_text,
         arrow_cast(NULL, 'Utf8') AS unit, arrow_cast(NULL, 'Float64') AS tolerance, valid_from,
         valid_to, filed_at, known_from, ticket_id, received_at
  FROM filings_history
  WHERE serial_no IS NOT NULL
)
SELECT mn, factor, parameter, valid_from AS in_force_from,
       least(coalesce(valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')), coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))'))) AS in_force_to,
       value, value_text, unit, tolerance, filed_at, filing_id, version, ticket_id
FROM (
  SELECT *,
         min(valid_from) OVER (PARTITION BY mn, factor, parameter
                               ORDER BY known_from, filing_id, version
                               ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_from
  FROM filed
)
WHERE valid_from < least(coalesce(valid_to, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')), coalesce(next_from, arrow_cast('9999-12-31T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')))
