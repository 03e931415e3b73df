//! The description: OpenAPI 3.1, made from the handlers and from the workflow's data.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_analytics::review::{Machine, Role, Transition};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, Required,
    ResponseBuilder, Schema, ServerBuilder,
};

use super::problem::{Fault, Told};
use super::routes::{BASE, operations};

const ABOUT: &str = "Case work of off-site enforcement: clues, rectification, review, figures.\n\n\
Send `Authorization: Bearer TOKEN` with every request. A change of a case needs `If-Match` with the \
case's ETag; any writing request may carry an `Idempotency-Key` and is then done once. Every answer to \
a reading request has an ETag for `If-None-Match`, and every list comes in pages. Whatever is not what \
was asked for is a problem (RFC 9457) with a stable `code`. Who read which case, file or finding is \
noted in a log that nobody can change.";

/// Everything but the operations.
pub(super) fn frame() -> OpenApi {
    let license = LicenseBuilder::new()
        .name("Apache-2.0")
        .identifier(Some("Apache-2.0"))
        .build();
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("made by `nonsite token`"))
        .build();
    let components = ComponentsBuilder::new()
        .schema_from::<Told>()
        .schema_from::<Fault>()
        .security_scheme("token", SecurityScheme::Http(token))
        .build();
    let tag = |name: &str, text: &str| TagBuilder::new().name(name).description(Some(text)).build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("nonsite")
                .version("1")
                .description(Some(ABOUT))
                .license(Some(license))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url(BASE).build()]))
        .components(Some(components))
        .tags(Some([
            tag("cases", "cases within your scope"),
            tag("files", "evidence"),
            tag(
                "documents",
                "documents to be served, hand-over packages, drafts of records",
            ),
            tag("work", "what people do with cases"),
            tag("figures", "how the work is doing, and the audit chain"),
            tag("ratio", "the off-site ratio"),
            tag(
                "inspection",
                "checklists, records of acts, lots, samples of closed cases, audits of bodies, supervision, officers",
            ),
            tag("anomalies", "findings of the rules"),
            tag("meta", "the workflow, and who you are"),
        ]))
        .build()
}

/// The document as it is served and kept under `docs/`.
pub fn document() -> String {
    let mut api = operations().into_openapi();
    if let Some(operation) = api
        .paths
        .paths
        .get_mut("/cases/{case_id}/actions/{action}")
        .and_then(|item| item.post.as_mut())
    {
        describe_actions(operation);
    }
    for item in api.paths.paths.values_mut() {
        if let Some(operation) = &mut item.get {
            describe_tags(operation);
        }
    }
    // Texts and numbers into memory: this cannot fail.
    let mut text = serde_json::to_string_pretty(&api).unwrap_or_default();
    text.push('\n');
    text
}

/// What people can do, and what each way of it needs.
fn describe_actions(operation: &mut Operation) {
    let machine = Machine::built_in();
    let mut ways: BTreeMap<&str, Vec<&Transition>> = BTreeMap::new();
    for way in machine.transitions() {
        if way.roles != [Role::Engine] {
            ways.entry(&way.action).or_default().push(way);
        }
    }
    let mut text = operation.description.take().unwrap_or_default();
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str("| action | from | to | roles | requires |\n|---|---|---|---|---|\n");
    for (action, ways) in &ways {
        for way in ways {
            let roles: Vec<&str> = way
                .roles
                .iter()
                .filter(|role| **role != Role::Engine)
                .map(|role| role.code())
                .collect();
            text.push_str(&format!(
                "| `{action}` | {} | {} | {} | {} |\n",
                way.from.join(", "),
                way.to,
                roles.join(", "),
                way.requires.join(", ")
            ));
        }
    }
    operation.description = Some(text);
    let names: BTreeSet<&str> = ways.keys().copied().collect();
    let parameters = operation.parameters.iter_mut().flatten();
    for parameter in parameters {
        name_values(parameter, "action", &names);
    }
}

/// What holds of every reading operation: its answer has a tag, and is not sent again to who names it.
fn describe_tags(operation: &mut Operation) {
    let asked = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "ETag of an answer you have: it is not sent again while it is the same.",
        ))
        .schema(Some(Object::with_type(Type::String)))
        .build();
    operation
        .parameters
        .get_or_insert_default()
        .push(RefOr::T(asked));
    let tag = |about: &str| {
        let header = HeaderBuilder::new().schema(Some(Object::with_type(Type::String)));
        header.description(Some(about)).build()
    };
    let answers = &mut operation.responses.responses;
    if let Some(RefOr::T(given)) = answers.get_mut("200") {
        let own = tag("changes with the answer");
        given
            .headers
            .entry("ETag".to_owned())
            .or_insert(RefOr::T(own));
    }
    let unchanged = ResponseBuilder::new()
        .description("it is still what `If-None-Match` names")
        .header("ETag", tag("the one that was named"))
        .build();
    answers.insert("304".to_owned(), RefOr::T(unchanged));
}

fn name_values(parameter: &mut RefOr<Parameter>, name: &str, values: &BTreeSet<&str>) {
    if let RefOr::T(parameter) = parameter
        && parameter.name == name
    {
        let schema = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .enum_values(Some(values.iter().copied()))
            .build();
        parameter.schema = Some(RefOr::T(Schema::Object(schema)));
    }
}
