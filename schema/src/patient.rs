//! Owns repairing one record that is not valid: which changes are tried at what is wrong, and in
//! which order. Whether a change helps is asked of the validator, never worked out here.

use std::{borrow::Cow, collections::HashSet, slice};

use serde_json::Value;

use crate::{
    canonical, places,
    pointer::{self, Pointer},
    raw::{self, Edit, Raw},
    repair::RepairKind,
    tree::Tree,
    trouble::{About, Trouble},
    validator::Validator,
};

/// How many changes are tried on one record.
const MAX_GUESSES: usize = 256;
/// How many troubles are looked at between two changes; the others are met when these are gone.
const MAX_TROUBLES: usize = 64;
/// From how many wrong items of one array on it is tried whether all of them can go at once.
const MANY: usize = 4;
/// How many bytes are validated for one record at most, in all its guesses.
const MAX_BYTES: usize = 64 << 20;

/// Where a change was made, by the places of the record as it was given, and what.
type Step = (Vec<String>, RepairKind);

/// A record that is being repaired.
pub(crate) struct Patient<'p> {
    validator: &'p Validator,
    id: &'p [String],
    id_text: Option<&'p str>,
    text: Cow<'p, str>,
    findings: Findings,
    steps: Vec<Step>,
    moves: Vec<Move>,
    guesses: usize,
    bytes: usize,
}

/// What is wrong with a text.
#[derive(Default)]
struct Findings {
    troubles: Vec<Trouble>,
    keys: HashSet<Key>,
    is_cut: bool,
}

/// What makes two troubles one, be it that places have moved meanwhile.
type Key = (Vec<String>, String, Option<String>);

/// A change that may be tried, in one object or array.
struct Idea {
    around: Vec<String>,
    /// The members or items, the last item first.
    names: Vec<String>,
    /// The text that becomes the value of the only one, which else go.
    put: Option<(String, RepairKind)>,
}

/// Items that went, and moved those behind them.
#[derive(Clone)]
struct Move {
    /// The place of their array when they went.
    array: Vec<String>,
    /// Where they stood in it, in ascending order.
    removed: Vec<usize>,
}

impl<'p> Patient<'p> {
    pub(crate) fn new(validator: &'p Validator, text: &'p str, id: &'p Pointer) -> Option<Self> {
        let mut patient = Self {
            validator,
            id: id.segments(),
            id_text: raw::at(text, id.segments()),
            text: Cow::Borrowed(text),
            findings: Findings::default(),
            steps: Vec::new(),
            moves: Vec::new(),
            guesses: 0,
            bytes: 0,
        };
        patient.findings = patient.examine(text, &[])?;
        Some(patient)
    }

    /// The record when it is valid again, and every change with the place where it was made.
    pub(crate) fn heal(mut self) -> Option<(String, Vec<Step>)> {
        while !self.findings.troubles.is_empty() {
            self.step()?;
        }
        let tree = Tree::parse(&self.text).ok()?;
        if !self.validator.check(&tree).is_empty() {
            return None;
        }
        drop(tree);
        Some((self.text.into_owned(), self.steps))
    }

    /// Makes the first change that takes away a trouble and brings no other.
    fn step(&mut self) -> Option<()> {
        let troubles = self.findings.troubles.clone();
        for trouble in &troubles {
            // Having ideas may read the text, too.
            self.bytes = self.bytes.saturating_add(self.text.len());
            for idea in self.ideas(trouble) {
                if self.guesses >= MAX_GUESSES || self.bytes >= MAX_BYTES {
                    return None;
                }
                if self.attempt(trouble, &idea).is_some() {
                    return Some(());
                }
            }
        }
        None
    }

    /// The changes that might take a trouble away, the smallest first.
    fn ideas(&self, trouble: &Trouble) -> Vec<Idea> {
        let document = self.validator.document();
        let place = &trouble.path;
        let remove = |around: &[String], names: Vec<String>| Idea {
            around: around.to_vec(),
            names,
            put: None,
        };
        let put = |around: &[String], name: &str, value: &Value, what| Idea {
            around: around.to_vec(),
            names: vec![name.to_owned()],
            put: Some((value.to_string(), what)),
        };
        let mut found = Vec::new();
        match &trouble.about {
            About::Value => found.extend(
                self.wrong_items_beside(place)
                    .map(|(array, items)| remove(array, items)),
            ),
            About::Missing(name) => {
                let missing = [place.as_slice(), slice::from_ref(name)].concat();
                for default in places::defaults(document, &missing) {
                    found.push(put(place, name, default, RepairKind::AddedDefault));
                }
                for dependent in places::dependents(document, place, name) {
                    found.push(remove(place, vec![dependent.clone()]));
                }
            }
            About::Unwanted => {}
            about => found.push(remove(place, self.parts(place, about))),
        }
        // What is wrong may also be what it stands in, at last everything but the record itself.
        for length in (1..=place.len()).rev() {
            if let Some(place) = place.get(..length)
                && let Some((name, around)) = place.split_last()
            {
                for default in places::defaults(document, place) {
                    found.push(put(around, name, default, RepairKind::UsedDefault));
                }
                found.push(remove(around, vec![name.clone()]));
            }
        }
        found
    }

    /// Every item that is wrong in the array in which this one is, if they are many.
    fn wrong_items_beside<'i>(&self, item: &'i [String]) -> Option<(&'i [String], Vec<String>)> {
        let (index, array) = item.split_last()?;
        pointer::array_index(index)?;
        let troubles = self.findings.troubles.iter();
        let mut items: Vec<_> = troubles
            .filter(|trouble| matches!(trouble.about, About::Value))
            .filter_map(|trouble| trouble.path.split_last())
            .filter(|(_, around)| *around == array)
            .map(|(index, _)| index.clone())
            .collect();
        // The troubles are in order, so what is wrong in two ways stands beside itself.
        items.dedup();
        let has_default = !places::defaults(self.validator.document(), item).is_empty();
        (items.len() >= MANY && !has_default).then_some((array, items))
    }

    /// The members that are to go, or the items, the last one first.
    fn parts(&self, path: &[String], about: &About) -> Vec<String> {
        let items = match raw::at(&self.text, path).map(Raw::of) {
            Some(Raw::Object(members)) if matches!(about, About::AnyMember) => {
                let names = members.into_iter().map(|member| member.name.into_owned());
                return names.collect();
            }
            Some(Raw::Array(items)) => items,
            _ => return Vec::new(),
        };
        let mut unwanted: Vec<usize> = match about {
            About::ItemsFrom(first) => (*first..items.len()).collect(),
            About::LastItems(count) => (items.len().saturating_sub(*count)..items.len()).collect(),
            About::Repeated => {
                let mut seen = HashSet::new();
                let items = items.iter().enumerate();
                let repeated = items.filter_map(|(index, item)| {
                    (!seen.insert(canonical::text(item))).then_some(index)
                });
                repeated.collect()
            }
            _ => Vec::new(),
        };
        unwanted.reverse();
        unwanted.iter().map(usize::to_string).collect()
    }

    /// Makes a change if it takes the trouble away and brings no other.
    fn attempt(&mut self, trouble: &Trouble, idea: &Idea) -> Option<()> {
        let paths = idea
            .names
            .iter()
            .map(|name| [idea.around.as_slice(), slice::from_ref(name)].concat());
        let paths: Vec<_> = paths.collect();
        if paths.is_empty() || paths.iter().any(|path| self.holds_id(path)) {
            return None;
        }
        let edit = match (&idea.put, idea.names.first()) {
            (Some((value, _)), Some(name)) => Edit::Put(name, value),
            _ => Edit::Remove(&idea.names),
        };
        self.guesses += 1;
        self.bytes = self.bytes.saturating_add(self.text.len());
        let edited = raw::edited(&self.text, &idea.around, &edit)?;
        if raw::at(&edited.text, self.id) != self.id_text {
            return None;
        }
        let what = match (&idea.put, edited.is_array) {
            (Some((_, what)), _) => *what,
            (None, false) => RepairKind::RemovedProperty,
            (None, true) => RepairKind::RemovedItem,
        };
        // What moved inside of a place that is replaced has no meaning any more.
        let mut moves = self.moves.clone();
        moves.retain(|earlier| !paths.iter().any(|path| earlier.array.starts_with(path)));
        if what == RepairKind::RemovedItem {
            let removed = idea.names.iter().rev();
            moves.push(Move {
                array: idea.around.clone(),
                removed: removed
                    .filter_map(|name| pointer::array_index(name))
                    .collect(),
            });
        }
        let findings = self.examine(&edited.text, &moves)?;
        let origins: Vec<_> = paths.iter().map(|path| origin(path, &self.moves)).collect();
        let is_better = !findings.keys.contains(&key(trouble, &self.moves))
            && findings
                .keys
                .iter()
                .all(|key| self.findings.has_had(key, &origins));
        if !is_better {
            return None;
        }
        self.steps
            .retain(|(path, _)| !origins.iter().any(|origin| path.starts_with(origin)));
        self.steps
            .extend(origins.into_iter().map(|origin| (origin, what)));
        self.text = Cow::Owned(edited.text);
        self.findings = findings;
        self.moves = moves;
        Some(())
    }

    /// Whether a path is that of the id, or leads to it, or out of it.
    fn holds_id(&self, path: &[String]) -> bool {
        self.id.starts_with(path) || path.starts_with(self.id)
    }

    /// What is wrong with a text in which items have moved, or `None` if there is no telling.
    fn examine(&self, text: &str, moves: &[Move]) -> Option<Findings> {
        let tree = Tree::parse(text).ok()?;
        let (mut troubles, is_cut) = self.validator.troubles(&tree);
        if is_cut && troubles.is_empty() {
            return None;
        }
        let is_cut = is_cut || troubles.len() > MAX_TROUBLES;
        troubles.truncate(MAX_TROUBLES);
        troubles.sort_by(Trouble::order);
        let keys = troubles.iter().map(|trouble| key(trouble, moves));
        Some(Findings {
            keys: keys.collect(),
            troubles,
            is_cut,
        })
    }
}

impl Findings {
    /// Whether a trouble that is there after a change was there before. In a list that was cut it
    /// may have been among the others, unless it has to do with a place that was changed.
    fn has_had(&self, key: &Key, changed: &[Vec<String>]) -> bool {
        let is_related = || {
            let mut changed = changed.iter();
            changed.any(|place| place.starts_with(&key.0) || key.0.starts_with(place))
        };
        self.keys.contains(key) || (self.is_cut && !is_related())
    }
}

fn key(trouble: &Trouble, moves: &[Move]) -> Key {
    let name = match &trouble.about {
        About::Missing(name) => Some(name.clone()),
        _ => None,
    };
    (origin(&trouble.path, moves), trouble.keyword.clone(), name)
}

/// Where a place was before items moved.
fn origin(path: &[String], moves: &[Move]) -> Vec<String> {
    let mut path = path.to_vec();
    for Move { array, removed } in moves.iter().rev() {
        if path.starts_with(array)
            && let Some(segment) = path.get_mut(array.len())
            && let Some(mut index) = pointer::array_index(segment)
        {
            for removed in removed {
                index += usize::from(*removed <= index);
            }
            *segment = index.to_string();
        }
    }
    path
}
