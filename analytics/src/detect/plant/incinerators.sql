-- Loggers of waste incineration: by their sheet, or by the industry (4417) of the permit they are
-- bound to.
SELECT mn FROM process_units WHERE kind = 'incinerator'
UNION
SELECT mn FROM mn_outlets WHERE strpos(concat(',', coalesce(industry_codes, ''), ','), ',4417,') > 0
