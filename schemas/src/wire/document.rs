//! Reading a document that may be faulty.
//!
//! A permit with a wrong date in one field is still that permit, and losing it would leave the
//! older one in force unnoticed. So a document is read in two steps: as JSON, and then as its
//! type, and whenever a field does not fit, that field is noted, taken out, and the rest is read
//! again. What comes out is always a value of the type, with the list of what was wrong.
//!
//! Refused is only what is not UTF-8, not JSON, not an object, or does not say which document it
//! is. JSON `null` means "not given" everywhere.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::Fault;
use crate::reason::Reason;

/// How many faults are noted one by one; past them only the plain fields of the document are read.
const MAX_FAULTS: usize = 100;

/// A document as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<T> {
    /// What could be read of it.
    pub value: T,
    /// What is wrong with it; empty for a good one.
    pub faults: Vec<Fault>,
    /// The text as received.
    pub text: String,
}

impl<T> Document<T> {
    /// Whether it may be used for judging.
    pub const fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }
}

/// A message that cannot be stored as a document, not even as a faulty one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refused {
    /// Stable reason code.
    pub reason: Reason,
    /// One sentence: what, where, what to do.
    pub detail: String,
}

/// A kind of document: what identifies it, and what makes it good.
pub trait Kind: DeserializeOwned {
    /// The reason code for a document without identity.
    const UNIDENTIFIED: Reason;

    /// The first identifying field that is missing, if one is.
    fn missing_identity(&self) -> Option<&'static str>;

    /// What is wrong with the values of the fields.
    fn validate(&self) -> Vec<Fault>;
}

/// Reads one document from a message.
///
/// # Errors
/// [`Refused`] when the message is empty, not UTF-8, not JSON, not an object, or lacks what
/// identifies the document.
pub fn read<T: Kind>(message: &[u8]) -> Result<Document<T>, Refused> {
    let text = str::from_utf8(message).map_err(|error| Refused {
        reason: Reason::NotUtf8,
        detail: format!(
            "byte {} is not UTF-8; send the document as UTF-8",
            error.valid_up_to()
        ),
    })?;
    if text.trim().is_empty() {
        return Err(Refused {
            reason: Reason::EmptyMessage,
            detail: "the message has no content; look at the producer".to_owned(),
        });
    }
    let mut tree: Value = serde_json::from_str(text).map_err(|error| Refused {
        reason: Reason::JsonSyntax,
        detail: format!("{error}; check the producer"),
    })?;
    if !tree.is_object() {
        return Err(Refused {
            reason: Reason::JsonField,
            detail: "the message is not a JSON object; send one document per message".to_owned(),
        });
    }
    drop_nulls(&mut tree);
    let (value, mut faults) = fit::<T>(&mut tree)?;
    if let Some(field) = value.missing_identity() {
        let why = faults
            .iter()
            .find(|fault| fault.field == field)
            .map_or("is missing", |fault| fault.fault.as_str());
        return Err(Refused {
            reason: T::UNIDENTIFIED,
            detail: format!("{field}: {why}; without it the document cannot be told from others"),
        });
    }
    // The order must not hang on how the JSON tree keeps its fields.
    faults.sort_by(|a, b| a.field.cmp(&b.field));
    for fault in value.validate() {
        if !faults.iter().any(|known| known.field == fault.field) {
            faults.push(fault);
        }
    }
    Ok(Document {
        value,
        faults,
        text: text.to_owned(),
    })
}

/// Reads the tree as `T`, taking out what does not fit.
fn fit<T: DeserializeOwned>(tree: &mut Value) -> Result<(T, Vec<Fault>), Refused> {
    let mut faults = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(&*tree) {
            Ok(value) => return Ok((value, faults)),
            Err(error) => error,
        };
        let path: Vec<Step> = error.path().iter().map_while(Step::of).collect();
        let message = error.inner().to_string();
        if path.is_empty() {
            return Err(Refused {
                reason: Reason::JsonField,
                detail: message,
            });
        }
        faults.push(Fault {
            field: written(&path),
            fault: message,
        });
        if faults.len() == MAX_FAULTS {
            faults.push(Fault {
                field: "document".to_owned(),
                fault: format!("has more than {MAX_FAULTS} faults; lists in it were not read"),
            });
        }
        if faults.len() >= MAX_FAULTS {
            // Whatever is still wrong inside a list goes with the list; each round removes at
            // least one field of the object, so this ends.
            remove(tree, &path[..1]);
            keep_plain(tree);
        } else {
            remove(tree, &path);
        }
    }
}

/// One step of a path into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Step {
    /// `None` where the path goes on inside a single value.
    fn of(segment: &Segment) -> Option<Self> {
        match segment {
            Segment::Map { key } => Some(Self::Field(key.clone())),
            Segment::Seq { index } => Some(Self::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        }
    }
}

/// The path as people write it: `outlets[2].limits[0].factor`.
fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// Takes the value at `path` out: a field is removed; an element of a list becomes an empty
/// object, so that the positions of the others stay; a list that cannot hold one is removed.
fn remove(tree: &mut Value, path: &[Step]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut at = &mut *tree;
    for step in parents {
        let next = match step {
            Step::Field(name) => at.get_mut(name.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        match next {
            Some(next) => at = next,
            None => return,
        }
    }
    match (last, at) {
        (Step::Field(name), Value::Object(fields)) => {
            fields.remove(name);
        }
        (Step::Index(index), Value::Array(elements)) => match elements.get_mut(*index) {
            Some(element) if !is_empty_object(element) => {
                *element = Value::Object(serde_json::Map::new());
            }
            _ => remove(tree, parents),
        },
        _ => remove(tree, parents),
    }
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Leaves only the fields of the document that are neither lists nor objects.
fn keep_plain(tree: &mut Value) {
    if let Value::Object(fields) = tree {
        fields.retain(|_, value| !value.is_array() && !value.is_object());
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Sample {
        id: String,
        size: Option<f64>,
        names: Vec<String>,
        parts: Vec<Part>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Part {
        weight: f64,
        colour: Option<Colour>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
    }

    impl Kind for Sample {
        const UNIDENTIFIED: Reason = Reason::PermitFault;

        fn missing_identity(&self) -> Option<&'static str> {
            self.id.is_empty().then_some("id")
        }

        fn validate(&self) -> Vec<Fault> {
            let mut faults = super::super::fault::Faults::default();
            faults.given(self.size.as_ref(), "size");
            faults.into_vec()
        }
    }

    fn fields(text: &str) -> (Sample, Vec<String>) {
        let document = read::<Sample>(text.as_bytes()).unwrap();
        let fields = document
            .faults
            .into_iter()
            .map(|fault| fault.field)
            .collect();
        (document.value, fields)
    }

    #[test]
    fn each_unfit_field_is_named_once_and_the_rest_is_kept() {
        let (value, faults) = fields(
            r#"{"id":"a","size":"big","parts":[{"weight":1,"colour":"blue"},7,{"weight":"x"},{"weight":4,"colour":"red"}]}"#,
        );
        assert_eq!(
            faults,
            ["parts[0].colour", "parts[1]", "parts[2].weight", "size"]
        );
        assert_eq!(value.id, "a");
        let weights: Vec<f64> = value.parts.iter().map(|part| part.weight).collect();
        assert_eq!(weights, [1.0, 0.0, 0.0, 4.0]);
        assert_eq!(value.parts[3].colour, Some(Colour::Red));
    }

    #[test]
    fn a_list_of_texts_that_holds_something_else_is_left_out() {
        let (value, faults) = fields(r#"{"id":"a","size":1,"names":["x",{},5]}"#);
        assert!(
            faults.iter().all(|field| field.starts_with("names")),
            "{faults:?}"
        );
        assert!(!faults.is_empty());
        assert_eq!(value.names, Vec::<String>::new());
    }

    #[test]
    fn null_means_not_given() {
        let (value, faults) =
            fields(r#"{"id":"a","size":1,"names":null,"parts":[{"weight":null}]}"#);
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(value.parts.len(), 1);
    }

    #[test]
    fn only_what_cannot_be_identified_is_refused() {
        let reason = |text: &str| read::<Sample>(text.as_bytes()).unwrap_err();
        assert_eq!(reason("").reason, Reason::EmptyMessage);
        assert_eq!(reason("{").reason, Reason::JsonSyntax);
        assert_eq!(reason("[1]").reason, Reason::JsonField);
        assert_eq!(
            reason("{}").detail,
            "id: is missing; without it the document cannot be told from others"
        );
        let wrong = reason(r#"{"id":7}"#);
        assert_eq!(wrong.reason, Reason::PermitFault);
        assert!(
            wrong.detail.starts_with("id: invalid type: integer `7`"),
            "{}",
            wrong.detail
        );
        assert_eq!(
            read::<Sample>(b"{\"id\":\"\xff\"}").unwrap_err().reason,
            Reason::NotUtf8
        );
    }

    #[test]
    fn a_document_full_of_faults_is_read_in_bounded_time() {
        let parts = vec!["{\"weight\":\"x\"}"; 10_000].join(",");
        let (value, faults) = fields(&format!("{{\"id\":\"a\",\"size\":[],\"parts\":[{parts}]}}"));
        assert_eq!(value.id, "a");
        assert!(faults.len() <= MAX_FAULTS + 2);
        assert!(faults.contains(&"document".to_owned()));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_never_a_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Sample>(&bytes);
        }
    }
}
