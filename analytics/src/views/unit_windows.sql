-- Which unit had to do what in which emergency or staggered-production window, as the orders stand:
-- units named in an order, and those of its area and industries by their latest permit. What an order
-- says of a unit comes before what it says of the area; exempt units are left out. The end of a
-- window is exclusive.
WITH standing AS (
  SELECT * FROM windows_history WHERE latest AND cancelled_at IS NULL
),
units AS (
  SELECT permit_no, admin_code,
         unnest(coalesce(string_to_array(industry_codes, ','), make_array(''))) AS industry
  FROM (
    SELECT permit_no, admin_code, industry_codes,
           row_number() OVER (PARTITION BY permit_no
                              ORDER BY issued_at DESC, version DESC, received_at DESC) AS place
    FROM permits
    WHERE doc_valid
  )
  WHERE place = 1
),
areas AS (
  SELECT window_id, version, area, unnest(industries) AS industry
  FROM (
    SELECT window_id, version, unnest(string_to_array(admin_codes, ',')) AS area,
           coalesce(string_to_array(industry_codes, ','), make_array('')) AS industries
    FROM standing
    WHERE permit_no IS NULL AND admin_codes IS NOT NULL
  )
),
reached AS (
  SELECT DISTINCT a.window_id, a.version, u.permit_no
  FROM areas a
  JOIN units u ON starts_with(u.admin_code, a.area)
              AND starts_with(ltrim(u.industry, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), a.industry)
)
SELECT s.window_id, s.version, s.permit_no, s.kind, s.level, s.issued_by, s.issued_at, s.starts_at,
       s.ends_at, s.stop, s.energy_cut_percent, s.mass_cut_percent, s.measures, true AS named
FROM standing s
WHERE s.permit_no IS NOT NULL AND NOT s.exempt
UNION ALL
SELECT s.window_id, s.version, r.permit_no, s.kind, s.level, s.issued_by, s.issued_at, s.starts_at,
       s.ends_at, s.stop, s.energy_cut_percent, s.mass_cut_percent, s.measures, false AS named
FROM standing s
JOIN reached r ON r.window_id = s.window_id AND r.version = s.version
LEFT ANTI JOIN (SELECT window_id, permit_no FROM standing WHERE permit_no IS NOT NULL) n
  ON n.window_id = s.window_id AND n.permit_no = r.permit_no
WHERE s.permit_no IS NULL
