-- Who read what (查阅记录). A row is written before the answer leaves; it is never changed or removed. It is
-- not part of the audit chain: reading changes no case.
CREATE TABLE review_reads (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    role      TEXT NOT NULL,
    org_code  TEXT,
    client    TEXT NOT NULL,
    operation TEXT NOT NULL,
    kind      TEXT NOT NULL,
    subject   TEXT,
    part      TEXT,
    query     TEXT,
    status    INTEGER NOT NULL
) STRICT;

CREATE INDEX review_reads_subject ON review_reads (subject, seq);
CREATE INDEX review_reads_actor ON review_reads (actor, seq);

CREATE TRIGGER review_reads_unchanged BEFORE UPDATE ON review_reads
BEGIN
    SELECT RAISE(ABORT, 'the log of reads is append-only');
END;

CREATE TRIGGER review_reads_stay BEFORE DELETE ON review_reads
BEGIN
    SELECT RAISE(ABORT, 'the log of reads is append-only');
END;
