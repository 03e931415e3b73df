-- The files that audit rows name, to find earlier ones that are the same or look the same.
CREATE TABLE review_files (
    seq      INTEGER NOT NULL REFERENCES review_events (seq),
    position INTEGER NOT NULL,
    case_id  TEXT NOT NULL,
    name     TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    picture  TEXT,
    at       INTEGER NOT NULL,
    PRIMARY KEY (seq, position)
) STRICT;

CREATE INDEX review_files_content ON review_files (sha256, seq);

CREATE TRIGGER review_files_unchanged BEFORE UPDATE ON review_files
BEGIN
    SELECT RAISE(ABORT, 'the index of files is append-only');
END;

CREATE TRIGGER review_files_stay BEFORE DELETE ON review_files
BEGIN
    SELECT RAISE(ABORT, 'the index of files is append-only');
END;
