//! Kafka to Delta, exactly once.
