-- Who read what (查阅记录). A row is written before the answer leaves; it is never changed or removed. It is
-- not part of the audit chain: reading changes no case.
CREATE TABLE review_reads (
    seq       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        BIGINT NOT NULL,
    actor     TEXT COLLATE "C" NOT NULL,
    role      TEXT NOT NULL,
    org_code  TEXT,
    client    TEXT NOT NULL,
    operation TEXT NOT NULL,
    kind      TEXT NOT NULL,
    subject   TEXT COLLATE "C",
    part      TEXT,
    query     TEXT,
    status    BIGINT NOT NULL
);

CREATE INDEX review_reads_subject ON review_reads (subject, seq);
CREATE INDEX review_reads_actor ON review_reads (actor, seq);

CREATE TRIGGER review_reads_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON review_reads
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('the log of reads is append-only');
