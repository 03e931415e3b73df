-- Inspection acts that the workflow wrote, and what became of those that go by a topic.
CREATE TABLE review_acts (
    seq         BIGINT NOT NULL REFERENCES review_events (seq),
    act_id      TEXT COLLATE "C" NOT NULL,
    act_version INTEGER NOT NULL,
    case_id     TEXT COLLATE "C" NOT NULL,
    document    TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (seq, act_id),
    UNIQUE (act_id, act_version)
);

CREATE INDEX review_acts_case ON review_acts (case_id, seq);

CREATE TABLE review_acts_intents (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      TEXT NOT NULL,
    last_seq   BIGINT NOT NULL,
    marks      TEXT NOT NULL,
    held_until BIGINT NOT NULL,
    at         BIGINT NOT NULL
);

CREATE TABLE review_acts_sent (
    seq       BIGINT NOT NULL,
    act_id    TEXT COLLATE "C" NOT NULL,
    topic     TEXT NOT NULL,
    partition BIGINT NOT NULL,
    position  BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (seq, act_id)
);

CREATE TRIGGER review_acts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON review_acts
    FOR EACH STATEMENT EXECUTE FUNCTION review_refuse('acts are append-only: a correction is a further version');
