//! Owns the way from the errors of `jsonschema` to [`Violation`]s: which are listed, what they
//! say, and how many there are at most. It does not decide whether a record is valid.

use std::fmt::{self, Write as _};

use jsonschema::{ValidationError, error::ValidationErrorKind as Kind};

use crate::{
    representation::{TreeJson, View, Watch},
    text::Bounded,
    tree::Tree,
    trouble::Trouble,
    violation::Violation,
};

/// The most violations that one record has.
const MAX_VIOLATIONS: usize = 64;
/// The longest property name that a message shows, in bytes.
const MAX_NAME: usize = 100;

/// Why `tree`, which is not valid, is not. Never empty.
pub(crate) fn violations(
    validator: &jsonschema::Validator<TreeJson>,
    tree: &Tree<'_>,
    has_patterns: bool,
) -> Vec<Violation> {
    let mut found = Found::default();
    let is_cut = pass(validator, tree, has_patterns, &mut |error| found.add(error));
    found.finish(is_cut)
}

/// As [`violations`], for a repair: what it can act on, and whether there may be more.
pub(crate) fn troubles(
    validator: &jsonschema::Validator<TreeJson>,
    tree: &Tree<'_>,
    has_patterns: bool,
) -> (Vec<Trouble>, bool) {
    let mut found = Vec::new();
    let is_cut = pass(validator, tree, has_patterns, &mut |error| {
        Trouble::of(error, &mut found);
    });
    (found, is_cut)
}

/// Hands every error that is to be told to `tell`, and answers whether there may be more.
fn pass(
    validator: &jsonschema::Validator<TreeJson>,
    tree: &Tree<'_>,
    has_patterns: bool,
    tell: &mut dyn FnMut(&ValidationError<'_>),
) -> bool {
    let watch = Watch::new(tree, has_patterns);
    // The errors come in the order in which they were made, so the first that is not sound is the
    // end of those that are.
    let mut errors = validator
        .iter_errors(View::watched(&watch))
        .take_while(Watch::is_sound)
        .peekable();
    while let Some(error) = errors.next() {
        // The pass may have come to its bounds within the context of the last error.
        let has_sound_context = errors.peek().is_some() || !watch.is_exhausted();
        tell_meant(&error, has_sound_context, tell);
    }
    watch.is_exhausted()
}

/// Tells an error, or in its place those of the branch that is meant.
fn tell_meant(
    error: &ValidationError<'_>,
    has_sound_context: bool,
    tell: &mut dyn FnMut(&ValidationError<'_>),
) {
    if has_sound_context
        && let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = error.kind()
        && let Some(branch) = meant(context, error.instance_path().as_str())
    {
        for error in branch {
            tell_meant(error, true, tell);
        }
    } else {
        tell(error);
    }
}

#[derive(Default)]
struct Found {
    listed: Vec<Violation>,
    count: usize,
}

impl Found {
    fn add(&mut self, error: &ValidationError<'_>) {
        self.count += 1;
        if self.listed.len() < MAX_VIOLATIONS {
            self.listed.push(Violation::of(
                error.instance_path().as_str(),
                keyword(error),
                Message(error),
            ));
        }
    }

    fn finish(self, is_cut: bool) -> Vec<Violation> {
        let Self { mut listed, count } = self;
        if listed.is_empty() {
            return vec![Violation::new(
                "",
                "schema",
                "value does not match its schema, and is too large or too deep to tell why",
            )];
        }
        if is_cut || count > MAX_VIOLATIONS {
            listed.truncate(MAX_VIOLATIONS - 1);
            let message = if is_cut {
                "there may be more violations, which are not listed".to_owned()
            } else {
                format!("and {} more violations", count - listed.len())
            };
            listed.push(Violation::new("", "more", message));
        }
        listed
    }
}

/// The one branch of an `anyOf` or `oneOf` that the record seems to mean, so that its errors say
/// more than that no branch fits.
///
/// Types become such schemas: an `Option` is its type or null, and an enum is one branch for each
/// variant, told apart by type, by a tag, or by the name of the only property. A branch that
/// fails in this way is not meant. If more than one branch remains there is no telling.
fn meant<'c>(
    context: &'c [Vec<ValidationError<'static>>],
    path: &str,
) -> Option<&'c Vec<ValidationError<'static>>> {
    (0..TELLING).find_map(|stage| {
        let mut left = context.iter().filter(|branch| {
            !branch.iter().any(|error| {
                depth_below(path, error.instance_path().as_str())
                    .is_some_and(|depth| tells_apart(stage, error.kind(), depth))
            })
        });
        let only = left.next().filter(|branch| !branch.is_empty())?;
        left.next().is_none().then_some(only)
    })
}

/// How many ways there are to tell branches apart, each on top of those before.
const TELLING: u8 = 3;

/// Whether an error that many segments below its `anyOf` says that the branch is not meant.
fn tells_apart(stage: u8, error: &Kind, depth: usize) -> bool {
    match (error, depth) {
        (Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. }, 0) => true,
        (Kind::Constant { .. }, 1) => stage >= 1,
        (Kind::Required { .. } | Kind::AdditionalProperties { .. }, 0) => stage >= 2,
        _ => false,
    }
}

/// How many segments `path` has below `above`.
fn depth_below(above: &str, path: &str) -> Option<usize> {
    let rest = path.strip_prefix(above)?;
    Some(rest.matches('/').count())
}

/// The keyword that an error is about. `additionalProperties: false` without `properties` beside it
/// is compiled to a schema that allows nothing, which is not what its author wrote.
pub(crate) fn keyword<'e>(error: &'e ValidationError<'_>) -> &'e str {
    if is_closed(error) {
        "additionalProperties"
    } else {
        error.kind().keyword()
    }
}

/// Whether the error is that of an `additionalProperties: false` without `properties`.
pub(crate) fn is_closed(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), Kind::FalseSchema)
        && error
            .schema_path()
            .as_str()
            .ends_with("/additionalProperties")
}

/// What an error says, without the value.
///
/// The errors that get here know no value (see [`Watch`]), so this is the second of two walls:
/// the masked form of `jsonschema`, except where that form says too much, or too little because
/// the value is not there.
struct Message<'e>(&'e ValidationError<'e>);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            Kind::PropertyNames { error } => {
                f.write_str("the property name ")?;
                if let Some(name) = error.instance().as_str() {
                    write!(f, "{:?} ", Bounded::show(MAX_NAME, name))?;
                }
                write!(f, "is not allowed: {}", error.masked_with("it"))
            }
            Kind::AdditionalItems { limit } => {
                write!(f, "value has more than {limit} items")
            }
            Kind::UnevaluatedItems { unexpected } => {
                write!(f, "{} items are not allowed", unexpected.len())
            }
            Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
                f.write_str("value is too complex to be matched against the pattern")
            }
            Kind::FromUtf8 { .. } => f.write_str("the decoded value is not UTF-8"),
            Kind::FalseSchema if is_closed(self.0) => f.write_str("no property is allowed"),
            Kind::FalseSchema => f.write_str("nothing is allowed here"),
            Kind::Contains => f.write_str("no item is valid under the schema of 'contains'"),
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                match constants(context, self.0.instance_path().as_str()) {
                    Some(options) => write!(f, "value is none of {options}"),
                    None => write!(f, "{}", self.0.masked()),
                }
            }
            _ => write!(f, "{}", self.0.masked()),
        }
    }
}

/// The options, if every branch allows one constant. An enum whose variants have descriptions
/// becomes such a schema.
fn constants(context: &[Vec<ValidationError<'static>>], path: &str) -> Option<String> {
    let mut options = Bounded::new(MAX_NAME * 2);
    for (index, branch) in context.iter().enumerate() {
        let constant = branch.iter().find_map(|error| match error.kind() {
            Kind::Constant { expected_value } if error.instance_path().as_str() == path => {
                Some(expected_value)
            }
            _ => None,
        })?;
        let separator = if index == 0 { "" } else { ", " };
        // The only error is that there is no more room.
        let _ = write!(options, "{separator}{constant}");
    }
    Some(options.finish())
}
