//! Owns [`Object`], the members of one JSON object in the order of their text, and the lookup by
//! name that stays quick in an object of any size. It does not parse: that is `parse.rs`.

use std::borrow::Cow;

use crate::tree::Tree;

/// Up to here a scan over the members is as quick as anything else, and needs no memory.
const SCANNED: usize = 32;

/// The members of a JSON object, in the order in which the text has them. No name stands twice.
///
/// ```
/// use larder_schema::Tree;
///
/// let tree = Tree::parse(r#"{"b":1,"a":2}"#)?;
/// let object = tree.as_object().unwrap();
/// assert_eq!(object.keys().collect::<Vec<_>>(), ["b", "a"]);
/// assert!(object.get("a").is_some());
/// # Ok::<(), larder_schema::ParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Tree<'a>)>,
    /// Positions of the members by name, in a large object only. Without it an object of a
    /// hundred thousand names would cost a hundred thousand scans.
    by_name: Option<Box<[usize]>>,
}

impl<'a> Object<'a> {
    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The value of the member with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tree<'a>> {
        let found = match &self.by_name {
            None => self.members.iter().find(|(key, _)| key == name),
            Some(order) => order
                .binary_search_by(|&position| self.name_at(position).cmp(name))
                .ok()
                .and_then(|found| order.get(found))
                .and_then(|&position| self.members.get(position)),
        };
        found.map(|(_, value)| value)
    }

    /// The members in the order of the text.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tree<'a>)> {
        self.members.iter().map(|(key, value)| (&**key, value))
    }

    /// The names in the order of the text.
    #[must_use]
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|(key, _)| &**key)
    }

    pub(crate) fn members(&self) -> &[(Cow<'a, str>, Tree<'a>)] {
        &self.members
    }

    fn name_at(&self, position: usize) -> &str {
        self.members.get(position).map_or("", |(key, _)| key)
    }
}

/// Two objects are equal if they have equal members; the order of the text does not count.
impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, value)| other.get(key).is_some_and(|theirs| theirs == value))
    }
}

/// An object that is being read, and refuses a name which it has already.
#[derive(Default)]
pub(crate) struct ObjectBuilder<'a>(Object<'a>);

impl<'a> ObjectBuilder<'a> {
    /// Whether the name is known to stand here already.
    ///
    /// In a large object the answer is left to [`ObjectBuilder::finish`], which finds every
    /// repeated name by the sort it needs in any case.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let members = &self.0.members;
        members.len() <= SCANNED && members.iter().any(|(key, _)| key == name)
    }

    pub(crate) fn push(&mut self, name: Cow<'a, str>, value: Tree<'a>) {
        self.0.members.push((name, value));
    }

    /// The object, or the name that stands in it twice.
    pub(crate) fn finish(self) -> Result<Object<'a>, String> {
        let mut object = self.0;
        if object.members.len() > SCANNED {
            let mut order: Box<[usize]> = (0..object.members.len()).collect();
            order.sort_unstable_by(|&one, &other| object.name_at(one).cmp(object.name_at(other)));
            let mut pairs = order.iter().zip(order.iter().skip(1));
            if let Some((&one, _)) =
                pairs.find(|&(&one, &other)| object.name_at(one) == object.name_at(other))
            {
                return Err(object.name_at(one).to_owned());
            }
            object.by_name = Some(order);
        }
        Ok(object)
    }
}
