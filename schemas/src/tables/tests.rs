use std::collections::HashSet;

use arrow::datatypes::DataType;

use super::*;

#[test]
fn every_column_says_what_it_means() {
    for table in all() {
        assert!(table.comment.len() > 20, "{} needs a comment", table.name);
        for field in table.schema.fields() {
            let comment = field.metadata().get(COMMENT).map_or("", String::as_str);
            assert!(
                comment.len() >= 10,
                "{}.{} needs a comment",
                table.name,
                field.name()
            );
        }
    }
}

#[test]
fn names_are_unique_and_partition_and_sort_columns_exist() {
    let mut tables = HashSet::new();
    for table in all() {
        assert!(tables.insert(table.name), "{} is defined twice", table.name);
        let mut columns = HashSet::new();
        for field in table.schema.fields() {
            assert!(
                columns.insert(field.name().clone()),
                "{}.{}",
                table.name,
                field.name()
            );
            assert!(
                field
                    .name()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{}.{} is not snake_case",
                table.name,
                field.name()
            );
        }
        for name in table.sort_columns.iter().chain(table.partition_columns) {
            assert!(
                columns.contains(*name),
                "{} has no column {name}",
                table.name
            );
        }
        if let Some(partition) = table.partition_columns.first() {
            let last = table
                .schema
                .fields()
                .last()
                .map(|field| field.name().as_str());
            assert_eq!(
                Some(*partition),
                last,
                "{}: partition column comes last",
                table.name
            );
        }
    }
}

#[test]
fn instants_are_utc_microseconds_and_types_are_known_to_delta() {
    for table in all() {
        for field in table.schema.fields() {
            let known = match field.data_type() {
                DataType::Timestamp(..) => *field.data_type() == timestamp_type(),
                DataType::Utf8
                | DataType::Float64
                | DataType::Int64
                | DataType::Int32
                | DataType::Int16
                | DataType::Boolean
                | DataType::Date32
                | DataType::Binary => true,
                _ => false,
            };
            assert!(
                known,
                "{}.{}: {}",
                table.name,
                field.name(),
                field.data_type()
            );
        }
    }
}

#[test]
fn rows_from_kafka_carry_their_origin() {
    for name in [
        "readings_raw",
        "device_states",
        "quarantine",
        "permits",
        "permit_outlets",
        "permit_limits",
        "permit_mass_limits",
        "permit_bindings",
        "permit_periods",
        "inspections",
        "marks",
        "equipment_filings",
        "maintenance_tickets",
        "control_windows",
        "execution_reports",
        "execution_report_items",
        "manual_results",
        "mn_bindings",
        "process_points",
    ] {
        let table = by_name(name).unwrap();
        for column in [
            "kafka_topic",
            "kafka_partition",
            "kafka_offset",
            "received_at",
        ] {
            let field = table.schema.field_with_name(column).unwrap();
            assert!(!field.is_nullable(), "{name}.{column} must not be null");
        }
    }
}

#[test]
fn the_markdown_reference_lists_every_table_and_column() {
    let text = markdown();
    for table in all() {
        assert!(text.contains(&format!("## {}\n", table.name)));
        for field in table.schema.fields() {
            assert!(
                text.contains(&format!("| `{}` |", field.name())),
                "{}",
                field.name()
            );
        }
    }
}
