//! Owns the way over one record that asks whether a schema names everything in it. What a schema says
//! of its members is compiled in `known.rs`.

use std::{cell::Cell, sync::atomic::Ordering};

use crate::{
    known::{Meaning, Place},
    object::Object,
    representation::equals,
    tree::Tree,
};

/// How many references, parts and branches may lead to the schema that names a member.
const MAX_HOPS: u8 = 12;

/// The way over one record.
pub(crate) struct Walk<'k> {
    pub(crate) places: &'k [Place],
    pub(crate) steps: Cell<u32>,
    /// The schema and the position in it of the member that was named last.
    pub(crate) last: Cell<Option<(usize, usize)>>,
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
    pub(crate) fn names_all(&self, schema: usize, tree: &Tree<'_>) -> bool {
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
            Key::Name(name) => match self.member(schema, place, name) {
                Some((at, inner)) => {
                    let is_named = self.names_all(inner, part.value);
                    self.last.set(Some((schema, at)));
                    is_named
                }
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

    /// The position and the schema of the member with this name.
    fn member(&self, schema: usize, place: &Place, name: &str) -> Option<(usize, usize)> {
        let last = match self.last.get() {
            Some((of, at)) if of == schema => place.members.get(at),
            _ => None,
        };
        if let Some(last) = last {
            let at = last.next.load(Ordering::Relaxed);
            if let Some(next) = place.members.get(at).filter(|next| *next.name == *name) {
                return Some((at, next.schema));
            }
        }
        let found = place
            .members
            .binary_search_by(|member| (*member.name).cmp(name));
        let at = found.ok()?;
        if let Some(last) = last {
            last.next.store(at, Ordering::Relaxed);
        }
        place.members.get(at).map(|member| (at, member.schema))
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
