-- Every version of every case, as the change that brought it left it. This is the record; `review_cases`
-- is an index of the newest versions and can be written anew from here at any time. `sha256` repeats what
-- the audit row says of the document.
CREATE TABLE review_case_versions (
    case_id  TEXT NOT NULL,
    version  INTEGER NOT NULL,
    seq      INTEGER NOT NULL UNIQUE REFERENCES review_events (seq) DEFERRABLE INITIALLY DEFERRED,
    document TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    PRIMARY KEY (case_id, version)
) STRICT;

-- Of cases from before this table their present version alone is known.
INSERT INTO review_case_versions (case_id, version, seq, document, sha256)
SELECT c.case_id, c.version, e.seq, c.document, e.case_sha256
FROM review_cases c
JOIN review_events e ON e.case_id = c.case_id AND e.case_version = c.version;

CREATE TRIGGER review_case_versions_unchanged BEFORE UPDATE ON review_case_versions
BEGIN
    SELECT RAISE(ABORT, 'versions of cases are append-only');
END;

CREATE TRIGGER review_case_versions_stay BEFORE DELETE ON review_case_versions
BEGIN
    SELECT RAISE(ABORT, 'versions of cases are append-only');
END;

-- The index follows the versions. A program that knows of none cannot change a case and lose one.
CREATE TRIGGER review_cases_entered BEFORE INSERT ON review_cases
WHEN (NEW.version, NEW.document) IS NOT
     (SELECT version, document FROM review_case_versions
      WHERE case_id = NEW.case_id ORDER BY version DESC LIMIT 1)
BEGIN
    SELECT RAISE(ABORT, 'the index of cases holds the newest version that is kept');
END;

CREATE TRIGGER review_cases_newest BEFORE UPDATE OF case_id, version, document ON review_cases
WHEN (NEW.version, NEW.document) IS NOT
     (SELECT version, document FROM review_case_versions
      WHERE case_id = NEW.case_id ORDER BY version DESC LIMIT 1)
BEGIN
    SELECT RAISE(ABORT, 'the index of cases holds the newest version that is kept');
END;

-- What stands in the index without any version is no case.
DROP TRIGGER review_cases_stay;
CREATE TRIGGER review_cases_stay BEFORE DELETE ON review_cases
WHEN EXISTS (SELECT 1 FROM review_case_versions WHERE case_id = OLD.case_id)
BEGIN
    SELECT RAISE(ABORT, 'a case is never deleted');
END;

-- What is about to be sent and what arrived is noted once and never changed.
CREATE TRIGGER review_acts_intents_unchanged BEFORE UPDATE ON review_acts_intents
BEGIN
    SELECT RAISE(ABORT, 'notes of what is sent are append-only');
END;

CREATE TRIGGER review_acts_intents_stay BEFORE DELETE ON review_acts_intents
BEGIN
    SELECT RAISE(ABORT, 'notes of what is sent are append-only');
END;

CREATE TRIGGER review_acts_sent_unchanged BEFORE UPDATE ON review_acts_sent
BEGIN
    SELECT RAISE(ABORT, 'notes of what was sent are append-only');
END;

CREATE TRIGGER review_acts_sent_stay BEFORE DELETE ON review_acts_sent
BEGIN
    SELECT RAISE(ABORT, 'notes of what was sent are append-only');
END;

-- `INSERT OR REPLACE` takes the row that stood there away without its DELETE trigger.
CREATE TRIGGER review_case_versions_once BEFORE INSERT ON review_case_versions
WHEN EXISTS (SELECT 1 FROM review_case_versions
             WHERE (case_id = NEW.case_id AND version >= NEW.version) OR seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'versions of cases are append-only');
END;

CREATE TRIGGER review_events_once BEFORE INSERT ON review_events
WHEN EXISTS (SELECT 1 FROM review_events
             WHERE seq = NEW.seq OR prev_hash = NEW.prev_hash OR hash = NEW.hash
                OR (case_id = NEW.case_id AND case_version = NEW.case_version))
BEGIN
    SELECT RAISE(ABORT, 'the audit chain is append-only');
END;

CREATE TRIGGER review_files_once BEFORE INSERT ON review_files
WHEN EXISTS (SELECT 1 FROM review_files WHERE seq = NEW.seq AND position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'the index of files is append-only');
END;

CREATE TRIGGER review_acts_once BEFORE INSERT ON review_acts
WHEN EXISTS (SELECT 1 FROM review_acts
             WHERE (seq = NEW.seq AND act_id = NEW.act_id)
                OR (act_id = NEW.act_id AND act_version = NEW.act_version))
BEGIN
    SELECT RAISE(ABORT, 'acts are append-only: a correction is a further version');
END;

CREATE TRIGGER review_acts_intents_once BEFORE INSERT ON review_acts_intents
WHEN EXISTS (SELECT 1 FROM review_acts_intents WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'notes of what is sent are append-only');
END;

CREATE TRIGGER review_acts_sent_once BEFORE INSERT ON review_acts_sent
WHEN EXISTS (SELECT 1 FROM review_acts_sent WHERE seq = NEW.seq AND act_id = NEW.act_id)
BEGIN
    SELECT RAISE(ABORT, 'notes of what was sent are append-only');
END;
