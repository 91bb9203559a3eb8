//! Owns [`Extra`], the members of a stored record that its type does not write, and where they
//! belong when the type writes the record anew. Which of them are to be kept is for others to
//! say, and so is when.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
    fmt, mem,
};

use crate::{
    canonical, outline,
    pointer::Pointer,
    raw::{self, Member, Raw},
};

/// Members of a stored record that its type does not write, so that a program which does not
/// know them does not lose them.
///
/// Only members of objects are extra. Objects in objects are looked into, and so are the items of
/// a list, which correspond by their position. What an `Extra` holds is small: the names and the
/// texts of the extra members, and where each of them stands.
///
/// ```
/// use larder_schema::Extra;
///
/// // A newer program wrote `effort`, and this one's type knows `id` and `turn`.
/// let stored = r#"{"id":"a","effort":1.50,"turn":3}"#;
/// let known = r#"{"id":"a","turn":3}"#;
/// let extra = Extra::between(stored, known).unwrap();
///
/// let new = r#"{"id":"a","turn":4}"#;
/// assert_eq!(extra.put_back(new, known), r#"{"id":"a","effort":1.50,"turn":4}"#);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Extra {
    /// `None` if nothing is left.
    root: Option<Node>,
}

/// What is extra in one value, and in those that stand in it.
#[derive(Clone, PartialEq, Eq)]
enum Node {
    Object {
        own: Vec<Own>,
        below: Vec<(Box<str>, Node)>,
    },
    List(Vec<(usize, Node)>),
}

/// One extra member.
#[derive(Clone, PartialEq, Eq)]
struct Own {
    name: Box<str>,
    raw_name: Box<str>,
    value: Box<str>,
    /// The member behind which it stands, extra or not; `None` if it is the first.
    after: Option<Box<str>>,
}

impl Extra {
    /// What stands in `stored` and not in `known`, the same record as its type writes it; `None`
    /// if there is nothing.
    #[must_use]
    pub fn between(stored: &str, known: &str) -> Option<Extra> {
        // So it is with most saves.
        if stored == known || outline::is_same(stored, known) {
            return None;
        }
        let root = Node::between(stored, known)?;
        Some(Self { root: Some(root) })
    }

    /// The stored text without the extra members.
    #[must_use]
    pub fn without(&self, stored: &str) -> String {
        let stripped = self.root.as_ref().and_then(|root| root.without(stored));
        stripped.unwrap_or_else(|| stored.to_owned())
    }

    /// Puts the extra members into `new`, the record as its type writes it now. `known` is what
    /// the type wrote before; by it the items of lists are found again.
    ///
    /// A member goes behind the one that it stood behind; it comes first if it was the first, and
    /// last if the one before it is gone. A name which `new` has already keeps the value it has
    /// there. What stood in an object that is gone goes with it. An item of a list gets what
    /// belongs to the item which it equals, or, if the list is as long as it was, to the one
    /// which was in its place and is in none now.
    ///
    /// No member of `new` is lost, moved or written otherwise.
    #[must_use]
    pub fn put_back(&self, new: &str, known: &str) -> String {
        let root = self.root.as_ref();
        let merged = root.and_then(|root| root.put_back(new, Some(known)));
        merged.unwrap_or_else(|| new.to_owned())
    }

    /// The places of the extra members in the stored record. What stands inside of such a member
    /// is not listed.
    #[must_use]
    pub fn places(&self) -> Vec<Pointer> {
        let mut places = Vec::new();
        let mut unchanged = self.clone();
        unchanged.retain(|place| {
            places.push(place.clone());
            true
        });
        places
    }

    /// Keeps those members only for whose place `keep` says yes.
    pub fn retain(&mut self, mut keep: impl FnMut(&Pointer) -> bool) {
        if let Some(root) = &mut self.root {
            root.retain(&mut Vec::new(), &mut keep);
            self.root = mem::take(&mut self.root).filter(|root| !root.is_empty());
        }
    }

    /// Whether nothing is left, as may be after [`Extra::retain`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

/// The places only, since the values may be secrets.
impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extra")?;
        f.debug_list()
            .entries(self.places().iter().map(Pointer::to_string))
            .finish()
    }
}

impl Node {
    fn between(stored: &str, known: &str) -> Option<Node> {
        if stored == known {
            return None;
        }
        let node = match (Raw::of(stored), Raw::of(known)) {
            (Raw::Object(stored), Raw::Object(known)) => {
                let known = by_name(&known);
                let mut own = Vec::new();
                let mut below = Vec::new();
                let mut after: Option<Box<str>> = None;
                for member in stored {
                    let name: Box<str> = (*member.name).into();
                    match known.get(&*name) {
                        Some((_, known)) => {
                            let node = Node::between(&member.value, &known.value);
                            below.extend(node.map(|node| (name.clone(), node)));
                        }
                        None => own.push(Own {
                            name: name.clone(),
                            raw_name: (*member.raw_name).into(),
                            value: (*member.value).into(),
                            after,
                        }),
                    }
                    after = Some(name);
                }
                Node::Object { own, below }
            }
            (Raw::Array(stored), Raw::Array(known)) => {
                let pairs = stored.iter().zip(&known).enumerate();
                let nodes = pairs.filter_map(|(index, (stored, known))| {
                    Some((index, Node::between(stored, known)?))
                });
                Node::List(nodes.collect())
            }
            _ => return None,
        };
        (!node.is_empty()).then_some(node)
    }

    fn is_empty(&self) -> bool {
        match self {
            Node::Object { own, below } => own.is_empty() && below.is_empty(),
            Node::List(items) => items.is_empty(),
        }
    }

    /// A text without what is extra, or `None` if it has none of it.
    fn without(&self, text: &str) -> Option<String> {
        match (self, Raw::of(text)) {
            (Node::Object { own, below }, Raw::Object(mut members)) => {
                let before = members.len();
                let gone: HashSet<_> = own.iter().map(|own| &*own.name).collect();
                members.retain(|member| !gone.contains(&*member.name));
                let mut is_changed = members.len() < before;
                let below: HashMap<_, _> =
                    below.iter().map(|(name, node)| (&**name, node)).collect();
                for member in &mut members {
                    let node = below.get(&*member.name);
                    if let Some(text) = node.and_then(|node| node.without(&member.value)) {
                        member.value = Cow::Owned(text);
                        is_changed = true;
                    }
                }
                is_changed.then(|| raw::object(&members))
            }
            (Node::List(nodes), Raw::Array(mut items)) => {
                let mut is_changed = false;
                for (index, node) in nodes {
                    if let Some(item) = items.get_mut(*index)
                        && let Some(text) = node.without(item)
                    {
                        *item = Cow::Owned(text);
                        is_changed = true;
                    }
                }
                is_changed.then(|| raw::array(&items))
            }
            _ => None,
        }
    }

    /// A text with what is extra, or `None` if there is no place for any of it.
    fn put_back(&self, new: &str, known: Option<&str>) -> Option<String> {
        match (self, Raw::of(new)) {
            (Node::Object { own, below }, Raw::Object(mut members)) => {
                let mut is_changed = false;
                if !below.is_empty() {
                    let known = match known.map(Raw::of) {
                        Some(Raw::Object(known)) => known,
                        _ => Vec::new(),
                    };
                    let known = by_name(&known);
                    let below: HashMap<_, _> =
                        below.iter().map(|(name, node)| (&**name, node)).collect();
                    for member in &mut members {
                        let known = known.get(&*member.name).map(|(_, known)| &*known.value);
                        let node = below.get(&*member.name);
                        if let Some(text) =
                            node.and_then(|node| node.put_back(&member.value, known))
                        {
                            member.value = Cow::Owned(text);
                            is_changed = true;
                        }
                    }
                }
                let placed = placed(own, &members);
                is_changed |= placed.len() > members.len();
                is_changed.then(|| raw::object(&placed))
            }
            (Node::List(nodes), Raw::Array(mut items)) => {
                let Some(Raw::Array(known)) = known.map(Raw::of) else {
                    return None;
                };
                let nodes: HashMap<_, _> =
                    nodes.iter().map(|(index, node)| (*index, node)).collect();
                let mut is_changed = false;
                let found = found_again(&items, &known);
                for (item, before) in items.iter_mut().zip(found) {
                    if let Some(before) = before
                        && let Some(node) = nodes.get(&before)
                        && let Some(known) = known.get(before)
                        && let Some(text) = node.put_back(item, Some(known))
                    {
                        *item = Cow::Owned(text);
                        is_changed = true;
                    }
                }
                is_changed.then(|| raw::array(&items))
            }
            _ => None,
        }
    }

    fn retain(&mut self, at: &mut Vec<String>, keep: &mut dyn FnMut(&Pointer) -> bool) {
        fn is_kept(
            segment: String,
            node: &mut Node,
            at: &mut Vec<String>,
            keep: &mut dyn FnMut(&Pointer) -> bool,
        ) -> bool {
            at.push(segment);
            node.retain(at, keep);
            at.pop();
            !node.is_empty()
        }

        match self {
            Node::Object { own, below } => {
                // What stood behind one that goes, stands behind the one before that.
                let mut gone: HashMap<Box<str>, Option<Box<str>>> = HashMap::new();
                own.retain_mut(|own| {
                    if let Some(after) = own.after.as_ref().and_then(|after| gone.get(after)) {
                        own.after.clone_from(after);
                    }
                    at.push(own.name.to_string());
                    let is_kept = keep(&Pointer::of(at.clone()));
                    at.pop();
                    if !is_kept {
                        gone.insert(own.name.clone(), own.after.clone());
                    }
                    is_kept
                });
                below.retain_mut(|(name, node)| is_kept(name.to_string(), node, at, keep));
            }
            Node::List(items) => {
                items.retain_mut(|(index, node)| is_kept(index.to_string(), node, at, keep));
            }
        }
    }
}

/// The members by name, each with its position.
fn by_name<'m, 't>(members: &'m [Member<'t>]) -> HashMap<&'m str, (usize, &'m Member<'t>)> {
    let members = members.iter().enumerate();
    members
        .map(|(position, member)| (&*member.name, (position, member)))
        .collect()
}

/// The members with the extra ones among them, each behind the one it stood behind.
fn placed<'m>(own: &'m [Own], members: &'m [Member<'m>]) -> Vec<Cow<'m, Member<'m>>> {
    /// Behind which member: 0 is before all of them.
    type Slot = usize;

    let named = by_name(members);
    let last: Slot = members.len();
    let mut slots: HashMap<&str, Slot> = HashMap::new();
    let mut filled: HashMap<Slot, Vec<&Own>> = HashMap::new();
    // They are in the order in which they stood, so the one before has its slot already.
    for own in own.iter().filter(|own| !named.contains_key(&*own.name)) {
        let slot = own.after.as_deref().map_or(0, |after| {
            let known = named.get(after).map(|(position, _)| position + 1);
            known.or_else(|| slots.get(after).copied()).unwrap_or(last)
        });
        slots.insert(&own.name, slot);
        filled.entry(slot).or_default().push(own);
    }
    let mut all = Vec::with_capacity(members.len() + slots.len());
    for slot in 0..=members.len() {
        if let Some(member) = slot.checked_sub(1).and_then(|before| members.get(before)) {
            all.push(Cow::Borrowed(member));
        }
        let own = filled.get(&slot).into_iter().flatten();
        all.extend(own.map(|own| {
            Cow::Owned(Member {
                name: Cow::Borrowed(&*own.name),
                raw_name: Cow::Borrowed(&*own.raw_name),
                value: Cow::Borrowed(&*own.value),
            })
        }));
    }
    all
}

/// For each item of a list, which one it was in the list as it is known.
fn found_again(items: &[Cow<'_, str>], known: &[Cow<'_, str>]) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = vec![None; items.len()];
    let mut is_used = vec![false; known.len()];
    let one_place = items
        .iter()
        .zip(known)
        .zip(found.iter_mut().zip(&mut is_used));
    for (index, ((item, known), (found, is_used))) in one_place.enumerate() {
        if item == known || canonical::text(item) == canonical::text(known) {
            *found = Some(index);
            *is_used = true;
        }
    }
    if found.iter().all(Option::is_some) {
        return found;
    }
    let mut unused: HashMap<String, VecDeque<usize>> = HashMap::new();
    for (index, (known, is_used)) in known.iter().zip(&is_used).enumerate() {
        if !is_used {
            unused
                .entry(canonical::text(known))
                .or_default()
                .push_back(index);
        }
    }
    for (item, found) in items.iter().zip(&mut found) {
        if found.is_none()
            && let Some(before) = unused.get_mut(&canonical::text(item))
            && let Some(before) = before.pop_front()
        {
            *found = Some(before);
            if let Some(is_used) = is_used.get_mut(before) {
                *is_used = true;
            }
        }
    }
    if items.len() == known.len() {
        for (index, (found, is_used)) in found.iter_mut().zip(is_used).enumerate() {
            if found.is_none() && !is_used {
                *found = Some(index);
            }
        }
    }
    found
}
