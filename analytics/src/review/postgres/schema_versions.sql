-- Every version of every case, as the change that brought it left it. This is the record; `review_cases`
-- is an index of the newest versions and can be written anew from here at any time. `sha256` repeats what
-- the audit row says of the document.
CREATE TABLE review_case_versions (
    case_id  TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    seq      BIGINT NOT NULL UNIQUE REFERENCES review_events (seq) DEFERRABLE INITIALLY DEFERRED,
    document TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    PRIMARY KEY (case_id, version)
);

CREATE TRIGGER review_case_versions_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON review_case_versions
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('versions of cases are append-only');

-- The index follows the versions. A program that knows of none cannot change a case and lose one.
CREATE FUNCTION review_newest() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest RECORD;
BEGIN
    SELECT v.version, v.document INTO newest FROM review_case_versions v
    WHERE v.case_id = NEW.case_id ORDER BY v.version DESC LIMIT 1;
    IF NOT FOUND OR newest.version <> NEW.version OR newest.document <> NEW.document THEN
        RAISE EXCEPTION 'the index of cases holds the newest version that is kept';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER review_cases_newest BEFORE INSERT OR UPDATE OF case_id, version, document ON review_cases
    FOR EACH ROW EXECUTE FUNCTION review_newest();

-- What stands in the index without any version is no case.
CREATE FUNCTION review_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM review_case_versions v WHERE v.case_id = OLD.case_id) THEN
        RAISE EXCEPTION 'a case is never deleted';
    END IF;
    RETURN OLD;
END
$$;

DROP TRIGGER review_cases_stay ON review_cases;
CREATE TRIGGER review_cases_stay BEFORE TRUNCATE ON review_cases
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('a case is never deleted');
CREATE TRIGGER review_cases_kept BEFORE DELETE ON review_cases
    FOR EACH ROW EXECUTE FUNCTION review_kept();

-- What is about to be sent and what arrived is noted once and never changed.
CREATE TRIGGER review_acts_intents_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON review_acts_intents
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('notes of what is sent are append-only');

CREATE TRIGGER review_acts_sent_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON review_acts_sent
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('notes of what was sent are append-only');

-- Of cases from before this table their present version alone is known. The reference to the audit row is
-- looked at here and now: later steps may want to change the table.
INSERT INTO review_case_versions (case_id, version, seq, document, sha256)
SELECT c.case_id, c.version, e.seq, c.document, e.case_sha256
FROM review_cases c
JOIN review_events e ON e.case_id = c.case_id AND e.case_version = c.version;

SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
