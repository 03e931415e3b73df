//! The message types as JSON Schemas (draft 2020-12), for those who send and receive them.
//!
//! The files under `docs/schemas` are what this module prints; a test fails when they differ.
//! The schemas say what a good message is. Readers are more lenient, see the modules of the types.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::alert::Alert;
use super::documents::{
    ExecutionReport, Filing, LoggerBinding, ManualResult, Mark, ProcessPoint, Ticket, Window,
};
use super::inspection::Inspection;
use super::permit::Permit;
use super::reading::ReadingMessage;

/// A message type that has an exported schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Readings, one or a list.
    Reading,
    /// A permit document.
    Permit,
    /// A version of an inspection act.
    Inspection,
    /// A version of a mark.
    Mark,
    /// A version of an equipment filing.
    Filing,
    /// A version of a maintenance ticket.
    Ticket,
    /// A version of an emergency or staggered-production order.
    Window,
    /// A version of a permit execution report.
    ExecutionReport,
    /// A version of the results of manual monitoring.
    ManualResult,
    /// A version of a logger's binding to an outlet.
    Binding,
    /// A version of a power or process point.
    ProcessPoint,
    /// An alert going out.
    Alert,
}

impl Message {
    /// Every message type.
    pub const ALL: [Self; 12] = [
        Self::Reading,
        Self::Permit,
        Self::Inspection,
        Self::Mark,
        Self::Filing,
        Self::Ticket,
        Self::Window,
        Self::ExecutionReport,
        Self::ManualResult,
        Self::Binding,
        Self::ProcessPoint,
        Self::Alert,
    ];

    /// Name on the command line, and of the file without `.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Permit => "permit",
            Self::Inspection => "inspection",
            Self::Mark => "mark",
            Self::Filing => "filing",
            Self::Ticket => "ticket",
            Self::Window => "window",
            Self::ExecutionReport => "execution_report",
            Self::ManualResult => "manual_result",
            Self::Binding => "binding",
            Self::ProcessPoint => "process_point",
            Self::Alert => "alert",
        }
    }

    /// What such a message is, in a few words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Reading => "a message with readings",
            Self::Permit => "a permit document",
            Self::Inspection => "an inspection act",
            Self::Mark => "a mark on data",
            Self::Filing => "an equipment filing",
            Self::Ticket => "a maintenance ticket",
            Self::Window => "an emergency or staggered-production order",
            Self::ExecutionReport => "a permit execution report",
            Self::ManualResult => "results of manual monitoring",
            Self::Binding => "a logger's binding to an outlet",
            Self::ProcessPoint => "a power or process point",
            Self::Alert => "an alert (CloudEvents)",
        }
    }

    /// The JSON Schema as text, ending in a line feed. The same for every build.
    pub fn schema(self) -> String {
        let schema = match self {
            Self::Reading => schema_of::<ReadingMessage>(),
            Self::Permit => schema_of::<Permit>(),
            Self::Inspection => schema_of::<Inspection>(),
            Self::Mark => schema_of::<Mark>(),
            Self::Filing => schema_of::<Filing>(),
            Self::Ticket => schema_of::<Ticket>(),
            Self::Window => schema_of::<Window>(),
            Self::ExecutionReport => schema_of::<ExecutionReport>(),
            Self::ManualResult => schema_of::<ManualResult>(),
            Self::Binding => schema_of::<LoggerBinding>(),
            Self::ProcessPoint => schema_of::<ProcessPoint>(),
            Self::Alert => schema_of::<Alert>(),
        };
        let mut text = format!("{:#}", sorted(schema.to_value()));
        text.push('\n');
        text
    }
}

fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(|schema: &mut Schema| {
            // Defaults of the reader are not promises of the message.
            schema.remove("default");
        }))
        .into_generator()
        .into_root_schema_for::<T>()
}

/// The same value with the fields of every object in alphabetical order, however the JSON library
/// was built.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    /// Compares a committed file with what is printed today; with `NONSITE_BLESS` set, writes it.
    fn must_be_current(file: &Path, printed: &str, command: &str) {
        if std::env::var_os("NONSITE_BLESS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, printed).unwrap();
        }
        let committed = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            committed == printed,
            "{} is out of date: run `{command} > {}`",
            file.display(),
            file.display()
        );
    }

    fn docs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
    }

    #[test]
    fn the_committed_schemas_are_current() {
        for message in Message::ALL {
            let file = docs().join(format!("schemas/{}.json", message.name()));
            must_be_current(
                &file,
                &message.schema(),
                &format!("nonsite schema {}", message.name()),
            );
        }
    }

    #[test]
    fn the_committed_table_reference_is_current() {
        must_be_current(
            &docs().join("tables.md"),
            &crate::tables::markdown(),
            "nonsite schema tables",
        );
    }

    #[test]
    fn schemas_name_the_required_fields_and_describe_every_one() {
        fn walk(value: &Value, path: &str, bare: &mut Vec<String>) {
            if let Value::Object(fields) = value {
                if let Some(Value::Object(properties)) = fields.get("properties") {
                    for (name, property) in properties {
                        if property.get("description").is_none() {
                            bare.push(format!("{path}.{name}"));
                        }
                    }
                }
                for (name, value) in fields {
                    walk(value, &format!("{path}/{name}"), bare);
                }
            }
        }
        for message in Message::ALL {
            let schema: Value = serde_json::from_str(&message.schema()).unwrap();
            let mut bare = Vec::new();
            walk(&schema, message.name(), &mut bare);
            assert_eq!(bare, Vec::<String>::new());
        }
        let permit: Value = serde_json::from_str(&Message::Permit.schema()).unwrap();
        let required: Vec<&str> = permit["required"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert!(required.contains(&"permit_no") && required.contains(&"issued_at"));
        assert_eq!(
            permit["$defs"]["OutletKind"]["oneOf"]
                .as_array()
                .map(Vec::len),
            Some(2)
        );
    }
}
