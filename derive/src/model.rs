//! The record that a struct describes.
//!
//! Owns what a struct must be and have to be a record: its fields, its collection, its id. Which
//! handles it has is in `handles.rs`, what they look like in code in `expand.rs`.

use std::rc::Rc;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, Fields, Ident, LitStr, Path};

use crate::attrs::{FieldAttrs, StructAttrs};
use crate::case::kebab;
use crate::errors::Errors;
use crate::handles::{Handle, compound, no_name_twice, single};
use crate::keys::{FieldKey, Shape, is_no_time, is_number};
use crate::serde_attrs::{self, Presence, pointer};

/// Everything that the code is made from.
pub(crate) struct Model<'a> {
    pub(crate) input: &'a DeriveInput,
    pub(crate) krate: Option<Path>,
    pub(crate) collection: LitStr,
    pub(crate) version: Option<u32>,
    pub(crate) check: Option<Path>,
    pub(crate) migrations: Option<Path>,
    pub(crate) id: &'a Field,
    pub(crate) id_path: String,
    pub(crate) handles: Vec<Handle<'a>>,
    pub(crate) run_time_fields: bool,
    pub(crate) expires: Option<Expires<'a>>,
}

/// What says when a record expires.
pub(crate) enum Expires<'a> {
    /// The field with this handle.
    Field {
        handle: Ident,
        field: &'a Field,
    },
    Function(Path),
}

/// A field with everything that is known about it.
pub(crate) struct Seen<'a> {
    pub(crate) field: &'a Field,
    pub(crate) ident: &'a Ident,
    pub(crate) attrs: FieldAttrs,
    pub(crate) presence: Presence,
    pub(crate) key: Rc<FieldKey>,
}

impl<'a> Model<'a> {
    /// Reads the struct. The error holds every mistake.
    pub(crate) fn read(input: &'a DeriveInput) -> syn::Result<Self> {
        let mut errors = Errors::default();
        let attrs = StructAttrs::read(&input.attrs, &mut errors);
        let rule = serde_attrs::container(&input.attrs, &mut errors);
        let fields = named_fields(input, &mut errors);
        let is_struct = fields.is_some();
        let fields: Vec<Seen<'a>> = fields
            .into_iter()
            .flatten()
            .filter_map(|field| {
                let ident = field.ident.as_ref()?;
                Some(Seen {
                    field,
                    ident,
                    attrs: FieldAttrs::read(&field.attrs, &mut errors),
                    presence: serde_attrs::field(&field.attrs, ident, rule, &mut errors),
                    key: FieldKey::of(&field.ty).into(),
                })
            })
            .collect();

        if !attrs.names_collection {
            errors.at(
                input.ident.span(),
                format!(
                    "a record needs the name of its collection, which stays when the type is \
                     renamed: add `#[record(collection = \"{}\")]`",
                    kebab(&input.ident.unraw().to_string())
                ),
            );
        }
        let id = is_struct
            .then(|| the_id(input, &fields, &mut errors))
            .flatten();
        let mut handles = Vec::new();
        for field in &fields {
            handles.extend(single(input, field, &mut errors));
        }
        if is_struct {
            for declared in &attrs.compounds {
                handles.extend(compound(input, declared, &fields, &mut errors));
            }
        }
        no_name_twice(&handles, &mut errors);
        let expires = the_expiry(attrs.expires, &fields, &handles, &mut errors);
        let run_time_fields = fields.iter().any(|field| field.presence.is_run_time());

        errors.finish()?;
        let incomplete = || syn::Error::new(input.ident.span(), "this record cannot be derived");
        let (id, id_path) = id.ok_or_else(incomplete)?;
        Ok(Self {
            input,
            krate: attrs.krate,
            collection: attrs.collection.ok_or_else(incomplete)?,
            version: attrs.version,
            check: attrs.check,
            migrations: attrs.migrations,
            id,
            id_path,
            handles,
            run_time_fields,
            expires,
        })
    }
}

fn named_fields<'a>(
    input: &'a DeriveInput,
    errors: &mut Errors,
) -> Option<impl Iterator<Item = &'a Field> + use<'a>> {
    let generics = &input.generics;
    if !generics.params.is_empty() {
        errors.on(
            &generics.params,
            "a collection holds one type, so a record cannot be generic; write `impl Record` by \
             hand for each type that you keep",
        );
    }
    let named = "a record is a struct with named fields, one of which is its id";
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Some(fields.named.iter()),
            Fields::Unnamed(fields) => errors.on(fields, format!("{named}; name these")),
            Fields::Unit => errors.at(input.ident.span(), format!("{named}; this one has none")),
        },
        Data::Enum(data) => errors.at(
            data.enum_token.span(),
            format!("{named}; put this enum into a field of one"),
        ),
        Data::Union(data) => errors.at(data.union_token.span(), format!("{named}, not a union")),
    }
    None
}

/// The one field that is the id, and its path.
fn the_id<'a>(
    input: &DeriveInput,
    fields: &[Seen<'a>],
    errors: &mut Errors,
) -> Option<(&'a Field, String)> {
    let mut ids = fields
        .iter()
        .filter_map(|seen| Some((seen, seen.attrs.id?)));
    let Some((seen, span)) = ids.next() else {
        errors.at(
            input.ident.span(),
            "a record needs an id: put `#[record(id)]` on the field that holds it",
        );
        return None;
    };
    for (_, span) in ids {
        errors.at(
            span,
            "a record has one id; keep `#[record(id)]` on one field only",
        );
    }
    let ident = seen.ident;
    if let Some(redundant) = seen.attrs.unique.or(seen.attrs.index) {
        errors.at(
            redundant,
            "the id is unique and is found by `get`; it needs no index",
        );
    }
    if seen.key.is_optional() {
        errors.on(
            &seen.field.ty,
            "every record has its id; remove the `Option`",
        );
    } else if is_number(&seen.field.ty) {
        errors.on(
            &seen.field.ty,
            "an id is text; use `String`, or a type that is `AsRef<str>`",
        );
    } else if seen.key.is_list() || seen.key.shape == Shape::Map {
        errors.on(
            &seen.field.ty,
            "an id is one text; use `String`, or a type that is `AsRef<str>`",
        );
    }
    match &seen.presence {
        Presence::Named(name) => Some((seen.field, pointer(name))),
        Presence::Otherwise(why) => {
            errors.at(span, format!("`{ident}` cannot be the id: it {why}"));
            None
        }
    }
}

/// What says when the record expires, if it does.
fn the_expiry<'a>(
    function: Option<Path>,
    fields: &[Seen<'a>],
    handles: &[Handle<'a>],
    errors: &mut Errors,
) -> Option<Expires<'a>> {
    let mut named = fields
        .iter()
        .filter_map(|seen| Some((seen, seen.attrs.expires?)));
    let first = named.next();
    for (seen, span) in named {
        errors.at(
            span,
            "a record expires at one time; keep `#[record(expires)]` on one field only",
        );
        check_expiry(seen, span, errors);
    }
    let Some((seen, span)) = first else {
        return function.map(Expires::Function);
    };
    if function.is_some() {
        errors.at(
            span,
            "the struct names a function for it; keep one of the two",
        );
    }
    check_expiry(seen, span, errors);
    // One without a handle was reported.
    let handle = handles
        .iter()
        .find(|handle| matches!(handle.parts.as_slice(), [part] if part.ident == seen.ident))?;
    Some(Expires::Field {
        handle: handle.constant.clone(),
        field: seen.field,
    })
}

fn check_expiry(seen: &Seen<'_>, span: Span, errors: &mut Errors) {
    let ident = seen.ident;
    if seen.attrs.id.is_some() {
        errors.at(
            span,
            "an id is no time; put `#[record(expires)]` on the field that holds it",
        );
    } else if let Presence::Otherwise(why) = &seen.presence {
        errors.at(span, format!("`{ident}` cannot be the expiry: it {why}"));
    } else if is_no_time(&seen.field.ty) {
        errors.on(
            &seen.field.ty,
            "a time is kept as an integer, milliseconds since the Unix epoch: use `u64`, `i64`, or \
             an `Option` of one; or name a function on the struct: `#[record(expires = path)]`",
        );
    }
}
