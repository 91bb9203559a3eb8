//! Owns [`Validator`], a compiled schema with its document and its fingerprint. It does not see
//! into trees (`representation.rs`) and does not word violations (`explain.rs`).

use std::{
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
};

use jsonschema::{
    PatternOptions, ReferencingError, Retrieve, Uri, ValidationError, error::ValidationErrorKind,
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{
    canonical, explain,
    known::Known,
    pointer,
    representation::{TreeJson, View},
    schema_error::SchemaError,
    text::Bounded,
    tree::{MAX_DEPTH, Tree},
    trouble::Trouble,
    violation::Violation,
};

/// How many steps back a pattern may take on one string, where it needs any. The default of a
/// million is a tenth of a second for each string, and a store may hold a million of these.
const MAX_BACKTRACKS: usize = 100_000;
/// The longest reason that is taken over from the compiler of schemas, in bytes.
const MAX_REASON: usize = 500;
/// The base which the compiler gives to a schema that names none.
const NO_BASE: &str = "json-schema:///";

/// A compiled JSON Schema. Clones share it, and it may be used from any thread.
///
/// Drafts 4, 6, 7, 2019-09 and 2020-12 are understood, as `$schema` says; 2020-12 is the default.
/// `format` is what the draft makes of it: an assertion up to draft 7, and a mere annotation
/// later. So a schema from a type never judges a `format`, which would only second-guess the
/// type's own deserialisation; and unknown formats, such as `uint64`, are ignored in every draft.
/// Patterns may use look-around; a string on which one takes excessively long is not valid.
#[derive(Clone)]
pub struct Validator(Arc<Inner>);

struct Inner {
    document: Value,
    fingerprint: String,
    rules: Rules,
    /// Compiled when it is first asked for.
    known: OnceLock<Known>,
}

enum Rules {
    AnyObject,
    Schema {
        compiled: jsonschema::Validator<TreeJson>,
        has_patterns: bool,
    },
}

impl Validator {
    /// The validator of a type, from its *deserialize* contract: what matters is that the next
    /// load succeeds.
    ///
    /// # Errors
    ///
    /// If the type's schema is not usable, which takes a hand-written `JsonSchema` or attribute.
    ///
    /// ```
    /// use larder_schema::{Tree, Validator};
    /// use std::collections::BTreeMap;
    ///
    /// let ages = Validator::of::<BTreeMap<String, u8>>()?;
    /// assert!(ages.check(&Tree::parse(r#"{"ada": 36}"#)?).is_empty());
    /// assert_eq!(ages.check(&Tree::parse(r#"{"ada": 256}"#)?)[0].keyword(), "maximum");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of<T: JsonSchema + ?Sized>() -> Result<Validator, SchemaError> {
        let settings = SchemaSettings::draft2020_12().for_deserialize();
        let schema = settings.into_generator().into_root_schema_for::<T>();
        Self::from_document(schema.into())
    }

    /// The validator of a schema document, say of a file.
    ///
    /// # Errors
    ///
    /// If the document is neither an object nor a boolean, if it is no valid schema of its draft,
    /// or if it has a reference that leads nowhere or out of the document. Nothing is ever
    /// fetched, neither from the network nor from a file.
    ///
    /// ```
    /// use larder_schema::Validator;
    /// use serde_json::json;
    ///
    /// let remote = json!({"properties": {"owner": {"$ref": "https://example.com/user.json"}}});
    /// let error = Validator::from_document(remote).unwrap_err();
    /// assert_eq!(error.path(), "/properties/owner/$ref");
    /// assert!(error.reason().contains("https://example.com/user.json"));
    /// ```
    pub fn from_document(document: Value) -> Result<Validator, SchemaError> {
        match Tree::of_value(&document) {
            Ok(Tree::Object(_) | Tree::Bool(_)) => {}
            Ok(other) => {
                let reason = format!(
                    "a schema is an object or a boolean, and this is {}",
                    other.type_name()
                );
                return Err(SchemaError::new("", reason));
            }
            Err(path) => {
                let reason = format!("it is nested deeper than {MAX_DEPTH} levels");
                return Err(SchemaError::new(path, reason));
            }
        }
        let compiled = jsonschema::options_for::<TreeJson>()
            .with_retriever(Refusing)
            .should_ignore_unknown_formats(true)
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(MAX_BACKTRACKS))
            .build(&document)
            .map_err(|error| refused(&error, &document))?;
        let has_patterns = may_match_patterns(&document);
        let rules = Rules::Schema {
            compiled,
            has_patterns,
        };
        Ok(Self::new(document, rules))
    }

    /// The validator of a collection without a schema: it accepts every JSON object, and refuses
    /// null, arrays and scalars, which are no records.
    #[must_use]
    pub fn any_object() -> Validator {
        Self::new(json!({"type": "object"}), Rules::AnyObject)
    }

    fn new(document: Value, rules: Rules) -> Self {
        let canonical = canonical::of(&document);
        let digest = xxhash_rust::xxh3::xxh3_64(canonical.as_bytes());
        Self(Arc::new(Inner {
            document,
            fingerprint: format!("{digest:016x}"),
            rules,
            known: OnceLock::new(),
        }))
    }

    /// The schema document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.0.document
    }

    /// The xxh3 of the schema document, with sorted keys and without whitespace, as 16 hex
    /// digits. It changes when the document does, be it only in a description, and with nothing
    /// else: not with the order of keys, and not from one run to the next.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// Why `tree` is not valid; empty if it is. Nothing is copied from a valid record.
    ///
    /// At most 64 violations are listed. If there are more, the last one has the keyword `more`
    /// and says so. An error of `anyOf` or `oneOf` is given as the errors of the one branch that
    /// the record seems to mean, if there is one.
    #[must_use]
    pub fn check(&self, tree: &Tree<'_>) -> Vec<Violation> {
        match &self.0.rules {
            Rules::AnyObject if tree.as_object().is_some() => Vec::new(),
            Rules::AnyObject => vec![Violation::new(
                "",
                "type",
                "value is not of type \"object\"",
            )],
            Rules::Schema { compiled, .. } if compiled.is_valid(View::of(tree)) => Vec::new(),
            Rules::Schema {
                compiled,
                has_patterns,
            } => explain::violations(compiled, tree, *has_patterns),
        }
    }

    /// What the schema names, if the validator has a schema.
    pub(crate) fn known(&self) -> Option<&Known> {
        match &self.0.rules {
            Rules::AnyObject => None,
            Rules::Schema { .. } => Some(self.0.known.get_or_init(|| Known::of(&self.0.document))),
        }
    }

    /// As [`Validator::check`], for a repair: what it can act on, and whether there may be more.
    /// Nothing where the validator knows of no fields.
    pub(crate) fn troubles(&self, tree: &Tree<'_>) -> (Vec<Trouble>, bool) {
        match &self.0.rules {
            Rules::AnyObject => (Vec::new(), true),
            Rules::Schema {
                compiled,
                has_patterns,
            } => explain::troubles(compiled, tree, *has_patterns),
        }
    }

    /// As [`Validator::check`], for a value in memory.
    ///
    /// A value that is nested deeper than 127 levels is not valid under any schema (keyword
    /// `depth`), because its text could not be read back.
    #[must_use]
    pub fn check_value(&self, value: &Value) -> Vec<Violation> {
        match Tree::of_value(value) {
            Ok(tree) => self.check(&tree),
            Err(path) => {
                let message = format!("value is nested deeper than {MAX_DEPTH} levels");
                vec![Violation::new(path, "depth", message)]
            }
        }
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validator({})", self.0.fingerprint)
    }
}

/// What answers a reference that leads out of the document.
struct Refusing;

impl Retrieve for Refusing {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        Err("nothing is fetched".into())
    }
}

fn refused(error: &ValidationError<'_>, document: &Value) -> SchemaError {
    if let ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) =
        error.kind()
    {
        let name = uri.strip_prefix(NO_BASE).unwrap_or(uri);
        let resource = name.split('#').next().unwrap_or(name);
        let place = reference_to(document, resource).unwrap_or_default();
        let reason = format!(
            "the reference {:?} leads out of the document, and schemas are not fetched",
            Bounded::show(MAX_REASON / 2, name)
        );
        return SchemaError::new(place, reason);
    }
    SchemaError::new(
        error.instance_path().as_str(),
        Bounded::show(MAX_REASON, error),
    )
}

/// The place of the reference which was resolved to `resource`, for people who look for it.
fn reference_to(schema: &Value, resource: &str) -> Option<String> {
    let below = |segment: &str, inner: &Value| {
        Some(format!(
            "/{}{}",
            pointer::escaped(segment),
            reference_to(inner, resource)?
        ))
    };
    match schema {
        Value::Object(members) => members.iter().find_map(|(key, inner)| match inner {
            Value::String(text) if matches!(key.as_str(), "$ref" | "$dynamicRef" | "$schema") => {
                let target = text.split('#').next().unwrap_or_default();
                let target = target.trim_start_matches(['.', '/']);
                (!target.is_empty() && resource.ends_with(target)).then(|| format!("/{key}"))
            }
            _ => below(key, inner),
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, inner)| below(&index.to_string(), inner)),
        _ => None,
    }
}

/// Whether validation may match a pattern. It may say yes where none is, so a reference out of
/// the document counts, should the compiler come to know some documents by itself.
fn may_match_patterns(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(key, inner)| {
            matches!(key.as_str(), "pattern" | "patternProperties")
                || inner
                    .as_str()
                    .is_some_and(|text| key.ends_with("ef") && !text.starts_with('#'))
                || may_match_patterns(inner)
        }),
        Value::Array(items) => items.iter().any(may_match_patterns),
        _ => false,
    }
}
