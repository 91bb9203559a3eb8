//! Owns the question whether a schema names everything in a record, and what a schema document is
//! compiled to for it. The way over a record is `known_walk.rs`. It does not validate, and it does not say
//! what becomes of a member that is not named.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    ptr,
    sync::atomic::AtomicUsize,
};

use serde_json::{Map, Value};

use crate::{known_walk::Walk, places, tree::Tree, validator::Validator};

/// How many schemas are looked at for one record. In a schema that says one thing in many ways,
/// the number of ways is exponential in the depth of the record.
const MAX_STEPS: u32 = 1 << 20;

/// What may stand beside nothing that constrains a value.
const ANNOTATIONS: [&str; 13] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$anchor",
];

impl Validator {
    /// Whether the schema names every member of every object in `tree`, at any depth. A program
    /// whose type has this schema then knows all there is to the record.
    ///
    /// A member is named if it is one of the `properties` of the schema at its place, or if it
    /// falls under `additionalProperties` or `patternProperties`. Schemas are followed through
    /// references and `allOf`; of `anyOf` and `oneOf`, every branch that the object may mean must
    /// name it, as told by types, required properties and constants. Where a schema constrains
    /// nothing (`true` or `{}`), everything goes, and all below it counts as named. Other ways to
    /// name a member do not count, so a `false` may be wrong; a `true` is not, for a valid record.
    ///
    /// It is quick: the schema is compiled when this is first asked for, and nothing is copied
    /// from the record. [`Validator::any_object`] names nothing.
    ///
    /// ```
    /// use larder_schema::{Tree, Validator};
    /// use serde_json::json;
    ///
    /// let sessions = Validator::from_document(json!({
    ///     "type": "object",
    ///     "properties": {
    ///         "id": { "type": "string" },
    ///         "costs": { "additionalProperties": { "type": "number" } },
    ///     },
    /// }))?;
    /// assert!(sessions.names_all(&Tree::parse(r#"{"id":"a","costs":{"may":1.50}}"#)?));
    /// assert!(!sessions.names_all(&Tree::parse(r#"{"id":"a","effort":3}"#)?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn names_all(&self, tree: &Tree<'_>) -> bool {
        self.known().is_some_and(|known| known.names_all(tree))
    }
}

/// A schema document, as far as it names members.
#[derive(Default)]
pub(crate) struct Known {
    /// The first is the schema itself.
    places: Vec<Place>,
}

/// What one schema says of the members and items of the value it applies to. Schemas are
/// given by their index.
#[derive(Default)]
pub(crate) struct Place {
    /// It constrains nothing.
    pub(crate) is_open: bool,
    /// The members by name, in order.
    pub(crate) members: Box<[Member]>,
    /// What applies to other members; `None` if they are not named. Where there is no telling
    /// which of them applies, it is all of them.
    pub(crate) rest: Option<Box<[usize]>>,
    pub(crate) first_items: Box<[usize]>,
    pub(crate) items: Option<usize>,
    pub(crate) reference: Option<usize>,
    /// Those that apply to the same value.
    pub(crate) parts: Box<[usize]>,
    /// One of each list applies to the same value.
    pub(crate) choices: Box<[Box<[usize]>]>,
    pub(crate) meaning: Meaning,
}

/// A member that is named.
pub(crate) struct Member {
    pub(crate) name: Box<str>,
    pub(crate) schema: usize,
    /// The position of the member that came after this one in the last record that was looked at: a
    /// type writes its fields in one order, so it is nearly always the next one again.
    pub(crate) next: AtomicUsize,
}

/// A member, and the values it has one of.
pub(crate) type Constant = (Box<str>, Box<[Value]>);

/// By what a value says that it does not mean this branch of a choice.
#[derive(Default)]
pub(crate) struct Meaning {
    /// Whether it may be an object, and whether it may be an array.
    pub(crate) types: Option<(bool, bool)>,
    pub(crate) required: Box<[Box<str>]>,
    /// Members that have one of a few values, as a tag has.
    pub(crate) constants: Box<[Constant]>,
}

impl Known {
    pub(crate) fn of(document: &Value) -> Known {
        let mut compiler = Compiler {
            document,
            indices: HashMap::new(),
            waiting: VecDeque::new(),
        };
        compiler.index(document);
        let mut places = Vec::new();
        while let Some(schema) = compiler.waiting.pop_front() {
            places.push(compiler.place(schema));
        }
        Known { places }
    }

    fn names_all(&self, tree: &Tree<'_>) -> bool {
        let names_anything = self.places.first().is_some_and(Place::names_anything);
        let walk = Walk {
            places: &self.places,
            steps: Cell::new(MAX_STEPS),
            last: Cell::new(None),
        };
        names_anything && walk.names_all(0, tree)
    }
}

impl Place {
    fn names_anything(&self) -> bool {
        let leads_on =
            self.reference.is_some() || !self.parts.is_empty() || !self.choices.is_empty();
        let has_members = self.rest.is_some() || !self.members.is_empty();
        let has_items = self.items.is_some() || !self.first_items.is_empty();
        self.is_open || leads_on || has_members || has_items
    }
}

/// Schemas on their way to become places. They wait in a line rather than on the stack, since a
/// chain of references may be as long as the document.
struct Compiler<'d> {
    document: &'d Value,
    indices: HashMap<usize, usize>,
    waiting: VecDeque<&'d Value>,
}

impl<'d> Compiler<'d> {
    /// The index which a schema has or gets.
    fn index(&mut self, schema: &'d Value) -> usize {
        let next = self.indices.len();
        let index = *self
            .indices
            .entry(ptr::from_ref(schema).addr())
            .or_insert(next);
        if index == next {
            self.waiting.push_back(schema);
        }
        index
    }

    fn all(&mut self, schemas: Option<&'d Value>) -> Box<[usize]> {
        let schemas = schemas.and_then(Value::as_array).into_iter().flatten();
        schemas.map(|schema| self.index(schema)).collect()
    }

    fn place(&mut self, schema: &'d Value) -> Place {
        let Some(keywords) = schema.as_object() else {
            return Place {
                is_open: *schema == Value::Bool(true),
                ..Place::default()
            };
        };
        // Below another base, a reference leads elsewhere.
        let has_own_base = ["$id", "id"].iter().any(|key| keywords.contains_key(*key));
        if has_own_base && !ptr::eq(schema, self.document) {
            return Place::default();
        }
        if keywords.keys().all(|key| ANNOTATIONS.contains(&&**key)) {
            return Place {
                is_open: true,
                ..Place::default()
            };
        }
        let properties = keywords.get("properties").and_then(Value::as_object);
        let mut members: Vec<_> = properties
            .into_iter()
            .flatten()
            .map(|(name, inner)| Member {
                name: name.as_str().into(),
                schema: self.index(inner),
                next: AtomicUsize::new(usize::MAX),
            })
            .collect();
        members.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let (first_items, items) = match keywords.get("items") {
            // The items of a tuple, up to draft 2019-09.
            tuple @ Some(Value::Array(_)) => (tuple, keywords.get("additionalItems")),
            rest => (keywords.get("prefixItems"), rest),
        };
        let choices = ["anyOf", "oneOf"].map(|keyword| self.all(keywords.get(keyword)));
        Place {
            is_open: false,
            members: members.into_boxed_slice(),
            rest: self.rest(keywords),
            first_items: self.all(first_items),
            items: items.map(|items| self.index(items)),
            reference: places::target(self.document, schema).map(|target| self.index(target)),
            parts: self.all(keywords.get("allOf")),
            choices: choices.into_iter().filter(|all| !all.is_empty()).collect(),
            meaning: Meaning::of(keywords, properties),
        }
    }

    fn rest(&mut self, keywords: &'d Map<String, Value>) -> Option<Box<[usize]>> {
        let additional = keywords.get("additionalProperties")?;
        let patterns = keywords.get("patternProperties").and_then(Value::as_object);
        let patterns = patterns.into_iter().flat_map(Map::values);
        // Where nothing else is allowed, what is in a valid record matches some pattern.
        let additional = Some(additional).filter(|schema| **schema != Value::Bool(false));
        let rest = patterns.chain(additional).map(|schema| self.index(schema));
        let rest: Box<[usize]> = rest.collect();
        (!rest.is_empty()).then_some(rest)
    }
}

impl Meaning {
    fn of(keywords: &Map<String, Value>, properties: Option<&Map<String, Value>>) -> Meaning {
        let types = keywords.get("type").map(|types| {
            let allows = |kind: &str| match types {
                Value::Array(kinds) => kinds.iter().any(|one| one == kind),
                one => one == kind,
            };
            (allows("object"), allows("array"))
        });
        let required = keywords.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        let constants = properties
            .into_iter()
            .flatten()
            .filter_map(|(name, inner)| {
                let options: Box<[Value]> = match (inner.get("const"), inner.get("enum")) {
                    (Some(constant), _) => [constant.clone()].into(),
                    (None, options) => options?.as_array()?.clone().into_boxed_slice(),
                };
                Some((name.as_str().into(), options))
            });
        Meaning {
            types,
            required: required.map(Into::into).collect(),
            constants: constants.collect(),
        }
    }
}
