//! Where a message came from.

/// The Kafka record a message was read from; every row leads back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Topic of the record.
    pub topic: &'a str,
    /// Partition of the record.
    pub partition: i32,
    /// Offset of the record.
    pub offset: i64,
    /// Timestamp of the record, microseconds UTC.
    pub received_at: i64,
}
