//! The handles of a record: which constants there are, of which kind, over which keys.
//!
//! Owns what can be indexed and what a handle is called. Reading the struct and finding its id is
//! in `model.rs`.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{DeriveInput, Ident, Visibility};

use crate::attrs::{CompoundAttr, FieldAttrs};
use crate::case::screaming;
use crate::errors::Errors;
use crate::keys::{FieldKey, Shape};
use crate::model::Seen;
use crate::serde_attrs::{Presence, pointer};

/// Which type a handle has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandleKind {
    Field,
    Index,
    Unique,
}

/// One constant.
pub(crate) struct Handle<'a> {
    pub(crate) kind: HandleKind,
    /// What the constant is called.
    pub(crate) constant: Ident,
    /// Where its name comes from: the field, or the attribute.
    at: Span,
    /// What the index is called in definitions, plans and errors.
    pub(crate) name: String,
    pub(crate) vis: &'a Visibility,
    /// One part, or several for a compound index.
    pub(crate) parts: Vec<Part<'a>>,
}

/// A field under a handle.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) path: String,
    pub(crate) key: Rc<FieldKey>,
}

/// The handle of one field, if it has one.
pub(crate) fn single<'a>(
    input: &'a DeriveInput,
    seen: &Seen<'a>,
    errors: &mut Errors,
) -> Option<Handle<'a>> {
    let FieldAttrs {
        id,
        unique,
        index,
        expires,
        skip,
    } = seen.attrs;
    let ident = seen.ident;
    if let (Some(_), Some(index)) = (unique, index) {
        errors.at(index, "`unique` is an index already; remove `index`");
    }
    let indexed = unique.or(index);
    if let (Some(skip), Some(_)) = (skip, indexed.or(id).or(expires)) {
        let what = match (id, indexed) {
            (Some(_), _) => "an id",
            (None, Some(_)) => "an index",
            (None, None) => "the expiry",
        };
        errors.at(
            skip,
            format!("`skip` leaves the handle out, and this field is {what}; remove one"),
        );
    }
    let kind = match (unique, index) {
        (Some(_), _) => HandleKind::Unique,
        (None, Some(_)) => HandleKind::Index,
        (None, None) => HandleKind::Field,
    };
    if let (Some(unique), true) = (unique, seen.key.is_list()) {
        errors.at(
            unique,
            "an index over a list cannot be unique; use `index`, or keep the elements as records",
        );
    }
    let name = match (can_be_key(seen), indexed) {
        (Ok(name), _) => name,
        (Err(why), Some(span)) => {
            errors.at(span, format!("`{ident}` cannot be indexed: it {why}"));
            return None;
        }
        (Err(_), None) => return None,
    };
    if skip.is_some() {
        return None;
    }
    let text = screaming(&ident.unraw().to_string());
    let Ok(mut constant) = syn::parse_str::<Ident>(&text) else {
        errors.at(
            ident.span(),
            format!("`{text}` cannot name the handle; rename the field, or add `#[record(skip)]`"),
        );
        return None;
    };
    constant.set_span(in_macro(ident.span()));
    Some(Handle {
        kind,
        constant,
        at: ident.span(),
        vis: narrower(&seen.field.vis, &input.vis),
        parts: vec![Part {
            ident,
            path: pointer(&name),
            key: seen.key.clone(),
        }],
        name,
    })
}

/// The handle of a compound index.
pub(crate) fn compound<'a>(
    input: &'a DeriveInput,
    declared: &CompoundAttr,
    fields: &[Seen<'a>],
    errors: &mut Errors,
) -> Option<Handle<'a>> {
    let mut vis = &input.vis;
    let mut parts: Vec<Part<'a>> = Vec::with_capacity(declared.fields.len());
    for wanted in &declared.fields {
        let Some(seen) = fields
            .iter()
            .find(|seen| seen.ident.unraw() == wanted.unraw())
        else {
            let known: Vec<String> = fields.iter().map(|f| format!("`{}`", f.ident)).collect();
            errors.at(
                wanted.span(),
                format!(
                    "there is no field `{wanted}`; there are {}",
                    known.join(", ")
                ),
            );
            continue;
        };
        if parts.iter().any(|part| part.ident == seen.ident) {
            errors.at(
                wanted.span(),
                format!("`{wanted}` is here twice; remove one"),
            );
        }
        if seen.key.is_list() {
            errors.at(
                wanted.span(),
                format!(
                    "`{wanted}` is a list, which a compound index cannot hold; put \
                     `#[record(index)]` on the field for an index of its own"
                ),
            );
        }
        match can_be_key(seen) {
            Ok(name) => parts.push(Part {
                ident: seen.ident,
                path: pointer(&name),
                key: seen.key.clone(),
            }),
            Err(why) => errors.at(
                wanted.span(),
                format!("`{wanted}` cannot be indexed: it {why}"),
            ),
        }
        vis = narrower(&seen.field.vis, vis);
    }
    if parts.len() != declared.fields.len() {
        return None;
    }
    let name = declared.name.unraw().to_string();
    let mut constant = declared.name.clone();
    constant.set_span(in_macro(constant.span()));
    Some(Handle {
        kind: if declared.unique {
            HandleKind::Unique
        } else {
            HandleKind::Index
        },
        constant,
        at: declared.name.span(),
        name,
        vis,
        parts,
    })
}

/// The name under which the field's keys stand in the JSON, or why there are none.
fn can_be_key(seen: &Seen<'_>) -> Result<String, &'static str> {
    match &seen.presence {
        Presence::Otherwise(why) => Err(why),
        Presence::Named(_) if seen.key.shape == Shape::Map => {
            Err("is a map, and an object cannot be a key")
        }
        Presence::Named(name) => Ok(name.clone()),
    }
}

/// Two constants of one name would not compile, and two indexes of one name would not open.
pub(crate) fn no_name_twice(handles: &[Handle<'_>], errors: &mut Errors) {
    let mut constants = HashMap::new();
    let mut names = HashSet::new();
    for handle in handles {
        let constant = handle.constant.unraw().to_string();
        let is_index = handle.kind != HandleKind::Field;
        if let Some(other) = constants.insert(constant.clone(), describe(handle)) {
            errors.at(
                handle.at,
                format!(
                    "two handles would be called `{constant}`, this and that of {other}; rename \
                     one, or put `#[record(skip)]` on a field that needs none"
                ),
            );
        } else if is_index && !names.insert(&handle.name) {
            errors.at(
                handle.at,
                format!("two indexes would be called {:?}; rename one", handle.name),
            );
        }
    }
}

fn describe(handle: &Handle<'_>) -> String {
    match handle.parts.as_slice() {
        [part] => format!("the field `{}`", part.ident),
        _ => format!("the compound index `{}`", handle.constant),
    }
}

/// The place of `span`, but belonging to the derive: lints take the constant for generated code.
fn in_macro(span: Span) -> Span {
    span.resolved_at(Span::call_site())
}

/// The visibility that shows less. Where neither is known to, the first: a constant may be more
/// visible than its type, and is then as visible as that.
fn narrower<'a>(first: &'a Visibility, second: &'a Visibility) -> &'a Visibility {
    let width = |vis: &Visibility| match vis {
        Visibility::Public(_) => 3,
        Visibility::Restricted(to) if to.path.is_ident("crate") => 2,
        Visibility::Restricted(to) if to.path.is_ident("self") => 0,
        Visibility::Restricted(_) => 1,
        Visibility::Inherited => 0,
    };
    if width(second) < width(first) {
        second
    } else {
        first
    }
}

impl Handle<'_> {
    /// What the constant's documentation says.
    pub(crate) fn doc(&self) -> String {
        let fields: Vec<String> = self
            .parts
            .iter()
            .map(|part| format!("`{}`", part.ident.unraw()))
            .collect();
        let fields = fields.join(", then ");
        match self.kind {
            HandleKind::Field => format!("The field {fields}."),
            HandleKind::Index => format!("The index on {fields}."),
            HandleKind::Unique => format!("The unique index on {fields}."),
        }
    }

    /// The type of the handle.
    pub(crate) fn type_name(&self) -> Ident {
        match self.kind {
            HandleKind::Field => format_ident!("Field"),
            HandleKind::Index => format_ident!("Index"),
            HandleKind::Unique => format_ident!("UniqueIndex"),
        }
    }
}
