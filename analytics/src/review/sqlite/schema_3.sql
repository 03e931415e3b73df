-- The same condition as the statement that uses it, so that the index serves both dialects.
DROP INDEX review_cases_subject;
CREATE INDEX review_cases_subject ON review_cases (subject, rule_group) WHERE is_open;
