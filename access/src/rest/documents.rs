//! Documents whose form is fixed elsewhere, for the description: rows of tables, evidence, and records of
//! acts as `docs/schemas/inspection.json` has them.
//!
//! They pass through as they are kept, byte for byte where a hash is taken of them; what is here tells
//! readers what to expect. Rows follow the table's own definition and records the exported schema, so
//! neither can fall behind. Nothing here is stricter than what is kept: a record may lack what the
//! minimum asks for.

use std::borrow::Cow;

use arrow::datatypes::DataType;
use nonsite_schemas::tables::{self, COMMENT};
use nonsite_schemas::wire::export::Message;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// What fields of a record of a case's act are called; the others the workflow knows.
const OF_A_CASE: [&str; 14] = [
    "method",
    "class",
    "plan_item",
    "team_id",
    "started_at",
    "ended_at",
    "signed_by",
    "outlets",
    "approval",
    "notice",
    "officers",
    "sources",
    "checklist",
    "findings",
];

/// A row of table `anomalies` without its evidence.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(super) struct AnomalyRow(pub(super) Map<String, Value>);

impl PartialSchema for AnomalyRow {
    fn schema() -> RefOr<Schema> {
        let about = "Row of table `anomalies` as `docs/tables.md` describes it, without its evidence. \
                     Instants are microseconds UTC, days count from 1970-01-01; a column without a value \
                     is null or left out.";
        let def = tables::anomalies();
        let columns = def.schema.fields().iter();
        let columns = columns.filter(|field| field.name() != "evidence");
        let row = columns.fold(
            ObjectBuilder::new().description(Some(about)),
            |row, field| {
                let kind = match field.data_type() {
                    DataType::Float64 => Type::Number,
                    DataType::Boolean => Type::Boolean,
                    DataType::Utf8 => Type::String,
                    // Whole numbers, instants and days.
                    _ => Type::Integer,
                };
                let kind = match field.is_nullable() {
                    true => SchemaType::from_iter([kind, Type::Null]),
                    false => SchemaType::new(kind),
                };
                let column = ObjectBuilder::new()
                    .schema_type(kind)
                    .description(field.metadata().get(COMMENT).cloned());
                row.property(field.name(), column)
            },
        );
        object(row.required("anomaly_id"))
    }
}

impl ToSchema for AnomalyRow {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("AnomalyRow")
    }
}

fn object(builder: ObjectBuilder) -> RefOr<Schema> {
    RefOr::T(Schema::Object(builder.build()))
}

/// An object of plain values by the name of the column.
fn row() -> ObjectBuilder {
    let cell = SchemaType::from_iter([Type::String, Type::Number, Type::Boolean, Type::Null]);
    let cell = Schema::Object(ObjectBuilder::new().schema_type(cell).build());
    let any = AdditionalProperties::RefOr(RefOr::T(cell));
    ObjectBuilder::new().additional_properties(Some(any))
}

/// A row of a view, an object of plain values. Instants are microseconds UTC.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(super) struct Row(pub(super) Map<String, Value>);

impl PartialSchema for Row {
    fn schema() -> RefOr<Schema> {
        let about = "A row by the names of its columns. Instants are microseconds UTC.";
        object(row().description(Some(about)))
    }
}

impl ToSchema for Row {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Row")
    }
}

/// The evidence of a finding (`docs/evidence.md`).
pub(super) enum Evidence {}

impl PartialSchema for Evidence {
    fn schema() -> RefOr<Schema> {
        let text = |about: &str| {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some(about))
        };
        let rows = |about: &str| ArrayBuilder::new().items(row()).description(Some(about));
        let number =
            || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Null]));
        let window = ObjectBuilder::new()
            .property("start", text("Start, Beijing time."))
            .property("end", text("End, Beijing time."))
            .property("observed", number().description(Some("What was observed.")))
            .property(
                "limit",
                number().description(Some("What it was compared with.")),
            );
        let hashes = ObjectBuilder::new()
            .additional_properties(Some(AdditionalProperties::RefOr(object(text("SHA-256.")))))
            .description(Some("SHA-256 of the text of every other part."));
        let rule = ObjectBuilder::new()
            .property("id", text("Id of the rule."))
            .property(
                "version",
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .description(Some("Its version.")),
            )
            .property("sha256", text("SHA-256 of its file."))
            .property("basis", text("Legal or technical basis."))
            .description(Some(
                "The rule with its parameters, and exemptions considered.",
            ));
        let recomputation = ObjectBuilder::new()
            .property("formula", text("How the value follows."))
            .property("hours", rows("The hours it follows from."))
            .property("days", rows("The days it follows from."))
            .description(Some("Formula and inputs of the worst window's value."));
        let built = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
            .description(Some(
                "What proves the finding (`docs/evidence.md`). A part that does not exist for its \
                 subject is left out; `NAME_omitted` counts the rows above 200. Null when the kept \
                 text cannot be read.",
            ))
            .property("rule", rule)
            .property(
                "windows",
                ArrayBuilder::new()
                    .items(window)
                    .description(Some("Every flagged window.")),
            )
            .property("query", text("A query that shows the series."))
            .property("hours", rows("Hours around the worst window."))
            .property("minutes", rows("Every copy of its minute values."))
            .property("limit", rows("The limit in force."))
            .property("permit", rows("The permit, for a finding about one."))
            .property("marks", rows("Marks that the rows carry."))
            .property("sources", rows("Where the rows came from."))
            .property("recomputation", recomputation)
            .property("manifest", hashes);
        object(built)
    }
}

impl ToSchema for Evidence {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Evidence")
    }
}

/// The record of an act (`docs/schemas/inspection.json`).
pub(super) enum InspectionRecord {}

/// The part of the record of a case's act that only its officers know.
pub(super) enum CaseRecord {}

impl PartialSchema for InspectionRecord {
    fn schema() -> RefOr<Schema> {
        record(
            "The record of an act (`docs/schemas/inspection.json`). Nothing is required to be taken: \
             what the minimum record lacks is told.",
            |_| true,
        )
    }
}

impl ToSchema for InspectionRecord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("InspectionRecord")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend(parts_of_records());
    }
}

impl PartialSchema for CaseRecord {
    fn schema() -> RefOr<Schema> {
        record(
            "The part of the record of a case's act that only its officers know.",
            |name| OF_A_CASE.contains(&name) || name == "evidence",
        )
    }
}

impl ToSchema for CaseRecord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("CaseRecord")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend(parts_of_records());
    }
}

/// The exported schema of a record.
fn exported() -> Value {
    // What the program printed itself is JSON.
    serde_json::from_str(&Message::Inspection.schema()).unwrap_or_default()
}

fn record(about: &str, wanted: impl Fn(&str) -> bool) -> RefOr<Schema> {
    let mut exported = exported();
    if let Some(fields) = exported["properties"].as_object_mut() {
        fields.retain(|name, _| wanted(name));
    }
    exported["description"] = Value::from(about);
    adopted(&exported)
}

/// Parts of records under names of their own.
fn parts_of_records() -> Vec<(String, RefOr<Schema>)> {
    let exported = exported();
    let parts = exported["$defs"].as_object().into_iter().flatten();
    parts
        .map(|(name, part)| (part_name(name), adopted(part)))
        .collect()
}

fn part_name(name: &str) -> String {
    format!("Record{name}")
}

/// A schema of the exported kind in this description: the keywords that our messages use.
fn adopted(schema: &Value) -> RefOr<Schema> {
    let about = schema["description"].as_str();
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        let mut part = Ref::from_schema_name(part_name(name));
        about.unwrap_or_default().clone_into(&mut part.description);
        return RefOr::Ref(part);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let any = choices.iter().map(adopted);
        let any = any.fold(AnyOfBuilder::new().description(about), AnyOfBuilder::item);
        return RefOr::T(Schema::AnyOf(any.build()));
    }
    if let Some(codes) = schema["oneOf"].as_array() {
        let codes = codes.iter().map(|code| code["const"].clone());
        let codes = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(codes))
            .description(about);
        return object(codes);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    if kinds.contains(&"array") {
        let list = ArrayBuilder::new()
            .items(adopted(&schema["items"]))
            .description(about);
        return RefOr::T(Schema::Array(list.build()));
    }
    let format = schema["format"].as_str().map(|format| match format {
        "int32" => SchemaFormat::KnownFormat(KnownFormat::Int32),
        "int64" => SchemaFormat::KnownFormat(KnownFormat::Int64),
        other => SchemaFormat::Custom(other.to_owned()),
    });
    let more = match &schema["additionalProperties"] {
        Value::Object(_) => Some(AdditionalProperties::RefOr(adopted(
            &schema["additionalProperties"],
        ))),
        _ => None,
    };
    let built = ObjectBuilder::new()
        .schema_type(match kinds.as_slice() {
            [] => SchemaType::AnyValue,
            [one] => SchemaType::new(kind(one)),
            several => several.iter().map(|name| kind(name)).collect(),
        })
        .format(format)
        .pattern(schema["pattern"].as_str())
        .additional_properties(more)
        .description(about);
    let fields = schema["properties"].as_object().into_iter().flatten();
    object(fields.fold(built, |built, (name, field)| {
        built.property(name, or_null(field))
    }))
}

fn kind(name: &str) -> Type {
    match name {
        "string" => Type::String,
        "integer" => Type::Integer,
        "number" => Type::Number,
        "boolean" => Type::Boolean,
        "null" => Type::Null,
        _ => Type::Object,
    }
}

/// A field that may be null: a draft leaves open what people have to say.
fn or_null(field: &Value) -> RefOr<Schema> {
    let nothing = serde_json::json!({"type": "null"});
    let can = |schema: &Value| {
        schema["type"] == "null"
            || schema["type"]
                .as_array()
                .is_some_and(|kinds| kinds.contains(&Value::from("null")))
    };
    let already = can(field)
        || field["anyOf"]
            .as_array()
            .is_some_and(|choices| choices.iter().any(can));
    match already {
        true => adopted(field),
        false => adopted(&serde_json::json!({
            "anyOf": [field, nothing], "description": field["description"],
        })),
    }
}
