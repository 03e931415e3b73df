-- Requests that carry a key, and their answers: the same key is answered the same way again. Not part
-- of the audit chain; old ones are deleted.
CREATE TABLE review_requests (
    owner       TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT NOT NULL,
    document    TEXT,
    at          BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);

CREATE INDEX review_requests_age ON review_requests (at);
