-- Requests that carry a key, and their answers: the same key is answered the same way again. Not part
-- of the audit chain; old ones are deleted.
CREATE TABLE review_requests (
    owner       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    document    TEXT,
    at          INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;

CREATE INDEX review_requests_age ON review_requests (at);
