-- The files that audit rows name, to find earlier ones that are the same or look the same.
CREATE TABLE review_files (
    seq      BIGINT NOT NULL REFERENCES review_events (seq),
    position BIGINT NOT NULL,
    case_id  TEXT COLLATE "C" NOT NULL,
    name     TEXT NOT NULL,
    sha256   TEXT COLLATE "C" NOT NULL,
    picture  TEXT,
    at       BIGINT NOT NULL,
    PRIMARY KEY (seq, position)
);

CREATE INDEX review_files_content ON review_files (sha256, seq);

CREATE TRIGGER review_files_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON review_files
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('the index of files is append-only');
