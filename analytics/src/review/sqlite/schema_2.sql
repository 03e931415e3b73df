-- A relapse may come to light after its case was closed: late data, or an engine that was down.
ALTER TABLE review_cases ADD COLUMN look_back_until INTEGER;

CREATE INDEX review_cases_look_back ON review_cases (subject, rule_group, look_back_until)
    WHERE look_back_until IS NOT NULL;
