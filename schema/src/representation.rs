//! Owns how the validator sees a [`Tree`]: the traits of `jsonschema`, implemented on a borrowed
//! view, and the [`Watch`] that bounds a pass which collects errors. It does not compile schemas
//! (`validator.rs`) and does not word errors (`explain.rs`).

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
    collections::HashSet,
    ptr, slice,
};

use jsonschema::{
    JsonType,
    json::{Array, Json, Node, NodeIdentity, Object as Members, cmp, unique},
};
use serde_json::{Number, Value};

use crate::{object::Object, tree::Tree};

/// How many errors one pass may create, those inside `anyOf` and `oneOf` included.
const MAX_ERRORS: usize = 4096;
/// How many values one pass may look at, beyond a multiple of the size of the record.
const SPARE_VISITS: usize = 1_000_000;
/// How often one pass may look at each value of the record.
const VISITS_EACH: usize = 16;
/// Up to here comparing every pair of strings is as quick as a set of them.
const PAIRWISE: usize = 16;

/// What an error shows instead of the value that is wrong.
static HIDDEN: Value = Value::Null;

/// The representation of JSON in which records are validated.
pub(crate) struct TreeJson;

/// One pass that collects errors: what it may still cost, and what its errors get to see.
///
/// `jsonschema` collects every error before it hands out the first, and within a recursive
/// `anyOf` the number of errors is exponential in the depth of the record. So the view runs dry:
/// once the pass is over its budget, arrays and objects seem to have no content, and the pass
/// comes to its end. What it says from then on may be wrong, and is marked as that.
pub(crate) struct Watch<'a> {
    root: &'a Tree<'a>,
    /// Where the schema has patterns, `jsonschema` looks up a value in the one it got for the
    /// whole record, and panics unless it is there. Everywhere else errors get no value at all.
    shows_root: bool,
    root_value: OnceCell<Value>,
    errors: Cell<usize>,
    visits: Cell<usize>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(root: &'a Tree<'a>, shows_root: bool) -> Self {
        Self {
            root,
            shows_root,
            root_value: OnceCell::new(),
            errors: Cell::new(MAX_ERRORS),
            visits: Cell::new(SPARE_VISITS.saturating_add(root.size().saturating_mul(VISITS_EACH))),
        }
    }

    /// Whether the pass came to its bounds, so that its errors are not all there are.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.errors.get() == 0 || self.visits.get() == 0
    }

    /// Whether an error of this pass rests on the whole record. It must be an error which the
    /// validator reports, not one in the context of another: those are always owned. The context
    /// of the last sound error may be unsound, since some keywords ask for the value first.
    pub(crate) fn is_sound(error: &jsonschema::ValidationError<'_>) -> bool {
        matches!(error.instance(), Cow::Borrowed(_))
    }

    /// What an error gets to see of `tree`: borrowed as long as errors can be relied on, and an
    /// own value from then on.
    fn shown(&'a self, tree: &Tree<'_>) -> Cow<'a, Value> {
        let sound = !self.is_exhausted();
        self.errors.set(self.errors.get().saturating_sub(1));
        let value =
            if self.shows_root && ptr::from_ref(tree).addr() == ptr::from_ref(self.root).addr() {
                self.root_value.get_or_init(|| self.root.to_value())
            } else {
                &HIDDEN
            };
        if sound {
            Cow::Borrowed(value)
        } else {
            Cow::Owned(value.clone())
        }
    }

    fn allows_visit(&self) -> bool {
        self.visits.set(self.visits.get().saturating_sub(1));
        !self.is_exhausted()
    }
}

/// One value of a record, and the pass that looks at it. Without a watch it is either asked for a
/// verdict, or it is the name of a property, which errors may show.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    tree: &'a Tree<'a>,
    watch: Option<&'a Watch<'a>>,
}

impl<'a> View<'a> {
    /// The view that is enough for a verdict.
    pub(crate) fn of(tree: &'a Tree<'a>) -> Self {
        Self { tree, watch: None }
    }

    /// The view in which errors are collected.
    pub(crate) fn watched(watch: &'a Watch<'a>) -> Self {
        Self {
            tree: watch.root,
            watch: Some(watch),
        }
    }

    fn open(self) -> bool {
        self.watch.is_none_or(Watch::allows_visit)
    }
}

impl Json for TreeJson {
    type Node<'a> = View<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = Option<Tree<'static>>;

    /// A lookup in a small object is a scan, so one pass over the members soon pays.
    const KEYS_PER_LOOKUP: usize = 2;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(
        buffer: &mut Self::StringBuffer,
        string: &str,
        f: impl FnOnce(View<'_>) -> T,
    ) -> T {
        let name = buffer.insert(Tree::String(Cow::Owned(string.to_owned())));
        f(View::of(name))
    }
}

impl<'a> Node<'a, TreeJson> for View<'a> {
    type Object = ObjectView<'a>;
    type Array = ArrayView<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<ObjectView<'a>> {
        let object = self.tree.as_object()?;
        Some(ObjectView {
            object,
            view: *self,
        })
    }

    fn as_array(&self) -> Option<ArrayView<'a>> {
        let items = self.tree.as_array()?;
        Some(ArrayView { items, view: *self })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.tree.as_str().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        self.tree.as_number()
    }

    fn as_boolean(&self) -> Option<bool> {
        self.tree.as_bool()
    }

    fn is_null(&self) -> bool {
        self.tree.is_null()
    }

    fn json_type(&self) -> JsonType {
        match self.tree {
            Tree::Null => JsonType::Null,
            Tree::Bool(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::String(_) => JsonType::String,
            Tree::Array(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        equals(self.tree, expected)
    }

    /// `jsonschema` asks for a value where it creates an error, so a pass which collects errors
    /// is answered with what errors may see.
    fn to_value(&self) -> Cow<'a, Value> {
        match self.watch {
            Some(watch) => watch.shown(self.tree),
            None => Cow::Owned(self.tree.to_value()),
        }
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(ptr::from_ref(self.tree).addr()))
    }
}

/// The equality of JSON Schema, in which `1` and `1.0` are one number, without building a value.
pub(crate) fn equals(tree: &Tree<'_>, expected: &Value) -> bool {
    match (tree, expected) {
        (Tree::Null, Value::Null) => true,
        (Tree::Bool(truth), Value::Bool(expected)) => truth == expected,
        (Tree::Number(number), Value::Number(expected)) => cmp::equal_numbers(number, expected),
        (Tree::String(text), Value::String(expected)) => text == expected,
        (Tree::Array(items), Value::Array(expected)) => {
            items.len() == expected.len()
                && items
                    .iter()
                    .zip(expected)
                    .all(|(item, expected)| equals(item, expected))
        }
        (Tree::Object(object), Value::Object(expected)) => {
            object.len() == expected.len()
                && object.iter().all(|(key, item)| {
                    expected
                        .get(key)
                        .is_some_and(|expected| equals(item, expected))
                })
        }
        _ => false,
    }
}

#[derive(Clone, Copy)]
pub(crate) struct ObjectView<'a> {
    object: &'a Object<'a>,
    view: View<'a>,
}

impl<'a> Members<'a, TreeJson> for ObjectView<'a> {
    type Node = View<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.object.len()
    }

    fn get(&self, key: &Box<str>) -> Option<View<'a>> {
        let tree = self.object.get(key)?;
        self.view.open().then_some(View { tree, ..self.view })
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter {
            members: self.object.members().iter(),
            view: self.view,
        }
    }
}

pub(crate) struct MembersIter<'a> {
    members: slice::Iter<'a, (Cow<'a, str>, Tree<'a>)>,
    view: View<'a>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, View<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, tree) = self.members.next()?;
        self.view
            .open()
            .then_some((name, View { tree, ..self.view }))
    }
}

#[derive(Clone, Copy)]
pub(crate) struct ArrayView<'a> {
    items: &'a [Tree<'a>],
    view: View<'a>,
}

impl<'a> Array<'a, TreeJson> for ArrayView<'a> {
    type Node = View<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter {
            items: self.items.iter(),
            view: self.view,
        }
    }

    fn is_unique(&self) -> bool {
        distinct_strings(self.items).unwrap_or_else(|| {
            let values: Vec<Value> = self.items.iter().map(Tree::to_value).collect();
            unique::is_unique(&values)
        })
    }
}

/// Whether no string stands twice, or `None` if not all items are strings. Sets of strings are
/// what `uniqueItems` is mostly used for, and these need no value.
fn distinct_strings(items: &[Tree<'_>]) -> Option<bool> {
    if !items.iter().all(|item| matches!(item, Tree::String(_))) {
        return None;
    }
    let mut strings = items.iter().filter_map(Tree::as_str);
    if items.len() > PAIRWISE {
        let mut seen = HashSet::with_capacity(items.len());
        return Some(strings.all(|string| seen.insert(string)));
    }
    Some(loop {
        match strings.next() {
            None => break true,
            Some(string) if strings.clone().any(|other| other == string) => break false,
            Some(_) => {}
        }
    })
}

pub(crate) struct ElementsIter<'a> {
    items: slice::Iter<'a, Tree<'a>>,
    view: View<'a>,
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = View<'a>;

    fn next(&mut self) -> Option<View<'a>> {
        let tree = self.items.next()?;
        self.view.open().then_some(View { tree, ..self.view })
    }
}

#[cfg(test)]
mod tests {
    use super::{TreeJson, View};
    use crate::tree::Tree;
    use jsonschema::json::conformance;

    #[test]
    fn the_representation_keeps_the_contract_of_the_validator() {
        let text = conformance::document().to_string();
        let tree = Tree::parse(&text).unwrap();
        conformance::assert_conformance::<TreeJson>(&View::of(&tree));
    }
}
