//! Owns the question whether a schema names everything in a record, asked for each record of a
//! load, and what a schema document is compiled to for it. It does not validate, and it does not
//! say what becomes of a member that is not named.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    ptr,
};

use serde_json::{Map, Value};

use crate::{object::Object, places, representation::equals, tree::Tree, validator::Validator};

/// How many schemas are looked at for one record. In a schema that says one thing in many ways,
/// the number of ways is exponential in the depth of the record.
const MAX_STEPS: u32 = 1 << 20;
/// How many references, parts and branches may lead to the schema that names a member.
const MAX_HOPS: u8 = 12;

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
struct Place {
    /// It constrains nothing.
    is_open: bool,
    /// The members by name, in order.
    members: Box<[(Box<str>, usize)]>,
    /// What applies to other members; `None` if they are not named. Where there is no telling
    /// which of them applies, it is all of them.
    rest: Option<Box<[usize]>>,
    first_items: Box<[usize]>,
    items: Option<usize>,
    reference: Option<usize>,
    /// Those that apply to the same value.
    parts: Box<[usize]>,
    /// One of each list applies to the same value.
    choices: Box<[Box<[usize]>]>,
    meaning: Meaning,
}

/// A member, and the values it has one of.
type Constant = (Box<str>, Box<[Value]>);

/// By what a value says that it does not mean this branch of a choice.
#[derive(Default)]
struct Meaning {
    /// Whether it may be an object, and whether it may be an array.
    types: Option<(bool, bool)>,
    required: Box<[Box<str>]>,
    /// Members that have one of a few values, as a tag has.
    constants: Box<[Constant]>,
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

/// The way over one record.
struct Walk<'k> {
    places: &'k [Place],
    steps: Cell<u32>,
}

/// A member of an object or an item of an array, with what it stands in.
#[derive(Clone, Copy)]
struct Part<'p, 't> {
    around: &'p Tree<'t>,
    key: Key<'p>,
    value: &'p Tree<'t>,
}

#[derive(Clone, Copy)]
enum Key<'p> {
    Name(&'p str),
    Index(usize),
}

impl Walk<'_> {
    /// Whether everything in a value is named by this schema.
    fn names_all(&self, schema: usize, tree: &Tree<'_>) -> bool {
        let names = |key, value| {
            let part = Part {
                around: tree,
                key,
                value,
            };
            self.names(schema, part, MAX_HOPS)
        };
        if self.places.get(schema).is_some_and(|place| place.is_open) {
            return true;
        }
        match tree {
            Tree::Object(object) => object
                .iter()
                .all(|(name, value)| names(Key::Name(name), value)),
            Tree::Array(items) => items
                .iter()
                .enumerate()
                .all(|(index, item)| is_scalar(item) || names(Key::Index(index), item)),
            _ => true,
        }
    }

    /// Whether one member or item, and everything in it, is named by this schema, which applies
    /// to what it stands in.
    fn names(&self, schema: usize, part: Part<'_, '_>, hops: u8) -> bool {
        let Some(place) = self.step_to(schema) else {
            return false;
        };
        if place.is_open {
            return true;
        }
        let all = |schemas: &[usize]| {
            let mut schemas = schemas.iter();
            schemas.all(|schema| self.names_all(*schema, part.value))
        };
        let is_named_here = match part.key {
            Key::Name(name) => match place.member(name) {
                Some(schema) => self.names_all(schema, part.value),
                None => place.rest.as_deref().is_some_and(all),
            },
            Key::Index(index) => place
                .first_items
                .get(index)
                .copied()
                .or(place.items)
                .is_some_and(|schema| self.names_all(schema, part.value)),
        };
        let Some(hops) = hops.checked_sub(1) else {
            return is_named_here;
        };
        is_named_here
            || place
                .reference
                .is_some_and(|target| self.names(target, part, hops))
            || place
                .parts
                .iter()
                // A part that says nothing does not make the others say more.
                .any(|schema| !self.is_open(*schema, hops) && self.names(*schema, part, hops))
            || place
                .choices
                .iter()
                .any(|branches| self.every_meant_branch_names(branches, part, hops))
    }

    fn every_meant_branch_names(&self, branches: &[usize], part: Part<'_, '_>, hops: u8) -> bool {
        let mut is_any_meant = false;
        for branch in branches {
            if self.may_mean(*branch, part.around, hops) {
                is_any_meant = true;
                if !self.names(*branch, part, hops) {
                    return false;
                }
            }
        }
        is_any_meant
    }

    /// Whether a value may be meant by this branch of a choice. It says yes where a closer look
    /// would say no.
    fn may_mean(&self, schema: usize, tree: &Tree<'_>, hops: u8) -> bool {
        let Some(place) = self.step_to(schema) else {
            return true;
        };
        let Meaning {
            types,
            required,
            constants,
        } = &place.meaning;
        let is_of_type = match (types, tree) {
            (Some((objects, _)), Tree::Object(_)) => *objects,
            (Some((_, arrays)), Tree::Array(_)) => *arrays,
            _ => true,
        };
        let has_members = |object: &Object<'_>| {
            required.iter().all(|name| object.get(name).is_some())
                && constants.iter().all(|(name, options)| {
                    object
                        .get(name)
                        .is_none_or(|value| options.iter().any(|option| equals(value, option)))
                })
        };
        is_of_type
            && tree.as_object().is_none_or(has_members)
            && hops.checked_sub(1).is_none_or(|hops| {
                let may_mean = |schema: &usize| self.may_mean(*schema, tree, hops);
                let mut same = place.reference.iter().chain(&place.parts);
                let mut choices = place.choices.iter();
                same.all(may_mean) && choices.all(|branches| branches.iter().any(may_mean))
            })
    }

    fn step_to(&self, schema: usize) -> Option<&Place> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        self.places.get(schema)
    }

    fn is_open(&self, schema: usize, hops: u8) -> bool {
        let (Some(place), Some(hops)) = (self.places.get(schema), hops.checked_sub(1)) else {
            return false;
        };
        place.is_open
            || place
                .reference
                .is_some_and(|target| self.is_open(target, hops))
    }
}

fn is_scalar(tree: &Tree<'_>) -> bool {
    !matches!(tree, Tree::Array(_) | Tree::Object(_))
}

impl Place {
    fn member(&self, name: &str) -> Option<usize> {
        let found = self.members.binary_search_by(|(key, _)| (**key).cmp(name));
        self.members.get(found.ok()?).map(|(_, schema)| *schema)
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
            .map(|(name, inner)| (name.as_str().into(), self.index(inner)))
            .collect();
        members.sort_unstable();
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
