//! What stands in `#[record(..)]`, on the struct and on its fields.
//!
//! Owns the syntax of the attribute and what can be wrong with one key by itself. Whether the keys
//! fit the struct is checked in `model.rs`.

use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, LitInt, LitStr, Path, Token, parenthesized};

use crate::errors::Errors;

const ON_STRUCTS: &str = "`collection = \"..\"`, `version = N`, `index(NAME = (field, field))`, \
     `unique(NAME = (field, field))`, `check = path`, `migrations = path`, `expires = path` and \
     `crate = path`";
const ON_FIELDS: &str = "`id`, `unique`, `index`, `expires` and `skip`";

/// The keys on the struct.
#[derive(Default)]
pub(crate) struct StructAttrs {
    pub(crate) collection: Option<LitStr>,
    pub(crate) version: Option<u32>,
    pub(crate) check: Option<Path>,
    pub(crate) migrations: Option<Path>,
    pub(crate) expires: Option<Path>,
    pub(crate) krate: Option<Path>,
    pub(crate) compounds: Vec<CompoundAttr>,
    /// A `collection` was given, though perhaps not one that can be.
    pub(crate) names_collection: bool,
}

/// `BY_PROVIDER = (provider, provider_session_id)`.
pub(crate) struct CompoundAttr {
    pub(crate) unique: bool,
    pub(crate) name: Ident,
    pub(crate) fields: Punctuated<Ident, Token![,]>,
}

/// The keys on a field, each with its place.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) id: Option<Span>,
    pub(crate) unique: Option<Span>,
    pub(crate) index: Option<Span>,
    pub(crate) expires: Option<Span>,
    pub(crate) skip: Option<Span>,
}

impl StructAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        let mut version = None;
        let mut versions = 0;
        each_key(attrs, errors, |key, meta, errors| {
            match key {
                "collection" => {
                    let name = string(meta)?;
                    once(meta, read.names_collection, key, errors);
                    read.names_collection = true;
                    match check_collection(&name.value()) {
                        Ok(()) => read.collection = Some(name),
                        Err(rule) => errors.at(
                            name.span(),
                            format!("{:?} cannot name a collection: {rule}", name.value()),
                        ),
                    }
                }
                "version" => {
                    let number = meta.value()?.parse::<LitInt>().map_err(|error| {
                        syn::Error::new(error.span(), "write a number: `version = 2`")
                    })?;
                    once(meta, versions > 0, key, errors);
                    versions += 1;
                    version = Some(number);
                }
                "check" => {
                    let path = function(meta, "check = Self::check_times")?;
                    once(meta, read.check.is_some(), key, errors);
                    read.check = Some(path);
                }
                "migrations" => {
                    let path = function(meta, "migrations = Self::all_migrations")?;
                    once(meta, read.migrations.is_some(), key, errors);
                    read.migrations = Some(path);
                }
                "expires" => {
                    if !meta.input.peek(Token![=]) {
                        return Err(meta.error(
                            "on a struct write which function gives the time: \
                             `expires = Self::expires_at`; for a field that holds it put \
                             `#[record(expires)]` on the field",
                        ));
                    }
                    let path = function(meta, "expires = Self::expires_at")?;
                    once(meta, read.expires.is_some(), key, errors);
                    read.expires = Some(path);
                }
                "crate" => {
                    let path = meta.value()?.call(Path::parse_mod_style).map_err(|error| {
                        syn::Error::new(
                            error.span(),
                            "write the path of a crate, without quotes: `crate = ::larder`",
                        )
                    })?;
                    once(meta, read.krate.is_some(), key, errors);
                    read.krate = Some(path);
                }
                "index" | "unique" => {
                    let unique = key == "unique";
                    read.compounds.extend(compounds(meta, unique, errors)?);
                }
                "id" | "skip" => {
                    return Err(meta.error(format!(
                        "`{key}` belongs on a field; on a struct there are {ON_STRUCTS}"
                    )));
                }
                _ => return Err(unknown(meta, "a struct", ON_STRUCTS)),
            }
            Ok(())
        });
        read.version = version.and_then(|number| check_version(&number, errors));
        read
    }
}

impl FieldAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = Self::default();
        each_key(attrs, errors, |key, meta, errors| {
            let place = match key {
                "id" => &mut read.id,
                "unique" => &mut read.unique,
                "index" => &mut read.index,
                "expires" => &mut read.expires,
                "skip" => &mut read.skip,
                "collection" | "version" | "check" | "migrations" | "crate" => {
                    return Err(meta.error(format!(
                        "`{key}` belongs on the struct; on a field there are {ON_FIELDS}"
                    )));
                }
                _ => return Err(unknown(meta, "a field", ON_FIELDS)),
            };
            once(meta, place.is_some(), key, errors);
            *place = Some(meta.path.span());
            if !at_end(meta.input) {
                let otherwise = if key == "expires" {
                    "a function is named on the struct: `#[record(expires = path)]`"
                } else {
                    "an index over several fields is declared on the struct: \
                     `#[record(index(NAME = (field, field)))]`"
                };
                return Err(meta.error(format!(
                    "on a field `{key}` stands alone: `#[record({key})]`; {otherwise}"
                )));
            }
            Ok(())
        });
        read
    }
}

/// Runs `read` for every key of every `#[record(..)]`. A key that is wrong is reported, and the
/// next one is read.
fn each_key(
    attrs: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(&str, &ParseNestedMeta<'_>, &mut Errors) -> syn::Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("record")) {
        let result = attr.parse_nested_meta(|meta| {
            let key = meta.path.to_token_stream().to_string();
            if let Err(error) = read(&key, &meta, errors) {
                errors.push(error);
                skip_value(meta.input)?;
            }
            Ok(())
        });
        if let Err(error) = result {
            errors.push(error);
        }
    }
}

/// Reads over the value of a key, up to the comma before the next.
pub(crate) fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    while !at_end(input) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

fn once(meta: &ParseNestedMeta<'_>, again: bool, key: &str, errors: &mut Errors) {
    if again {
        errors.on(
            &meta.path,
            format!("`{key}` is given twice; remove one of the two"),
        );
    }
}

fn unknown(meta: &ParseNestedMeta<'_>, place: &str, known: &str) -> syn::Error {
    let key = meta.path.to_token_stream().to_string();
    syn::Error::new_spanned(
        &meta.path,
        format!("`#[record({key})]` is not known; on {place} there are {known}"),
    )
}

fn string(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    meta.value()?.parse().map_err(|error: syn::Error| {
        syn::Error::new(
            error.span(),
            "write the name in quotes: `collection = \"sessions\"`",
        )
    })
}

/// The path of a function.
fn function(meta: &ParseNestedMeta<'_>, example: &str) -> syn::Result<Path> {
    meta.value()?.parse::<Path>().map_err(|error| {
        let message = format!("write the path of a function, without quotes: `{example}`");
        syn::Error::new(error.span(), message)
    })
}

fn check_version(number: &LitInt, errors: &mut Errors) -> Option<u32> {
    match number.base10_parse::<u32>() {
        Ok(0) => errors.at(number.span(), "versions begin with 1"),
        Ok(version) => return Some(version),
        Err(_) => errors.at(
            number.span(),
            format!("a version is a number from 1 to {}", u32::MAX),
        ),
    }
    None
}

/// What stands in the parentheses of `index(..)` and `unique(..)` on a struct.
fn compounds(
    meta: &ParseNestedMeta<'_>,
    unique: bool,
    errors: &mut Errors,
) -> syn::Result<Vec<CompoundAttr>> {
    let key = if unique { "unique" } else { "index" };
    if !meta.input.peek(syn::token::Paren) {
        return Err(meta.error(format!(
            "on a struct write which fields, in order: `{key}(NAME = (field, field))`; for one \
             field put `#[record({key})]` on the field"
        )));
    }
    let content;
    parenthesized!(content in meta.input);
    if content.is_empty() {
        return Err(meta.error(format!(
            "write which fields, in order: `{key}(NAME = (field, field))`"
        )));
    }
    let parsed = Punctuated::<Declared, Token![,]>::parse_terminated(&content).map_err(|error| {
        syn::Error::new(
            error.span(),
            format!("{error}; write it as `{key}(NAME = (field, field))`"),
        )
    });
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            skip_all(&content)?;
            return Err(error);
        }
    };
    let mut declared = Vec::with_capacity(parsed.len());
    for Declared { name, fields } in parsed {
        match fields.len() {
            2..=4 => declared.push(CompoundAttr {
                unique,
                name,
                fields,
            }),
            0 | 1 => errors.at(
                name.span(),
                format!(
                    "a compound index has two to four fields; for one field put \
                     `#[record({key})]` on the field"
                ),
            ),
            more => errors.at(
                name.span(),
                format!("a compound index has two to four fields; this one has {more}"),
            ),
        }
    }
    Ok(declared)
}

fn skip_all(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// A compound index as it is written, with any number of fields.
struct Declared {
    name: Ident,
    fields: Punctuated<Ident, Token![,]>,
}

impl Parse for Declared {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let content;
        parenthesized!(content in input);
        let fields = Punctuated::parse_terminated_with(&content, Ident::parse_any)?;
        Ok(Self { name, fields })
    }
}

/// The rules of `larder_core::backend::check_name`, so that a bad name does not wait until a store
/// is opened.
fn check_collection(name: &str) -> Result<(), &'static str> {
    let mut letters = name.chars();
    if !letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
    {
        return Err("it must begin with a letter");
    }
    if !letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')) {
        return Err("it may hold letters, digits, '-' and '_' only");
    }
    if name.len() > 64 {
        return Err("it must not be longer than 64 characters");
    }
    let lower = name.to_ascii_lowercase();
    let numbered = |prefix: &str| {
        lower
            .strip_prefix(prefix)
            .is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']))
    };
    if matches!(lower.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
    {
        return Err("Windows reserves it for a device");
    }
    if lower.starts_with("larder_") || lower.starts_with("sqlite_") {
        return Err("names with this beginning are reserved");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_for_the_reason_for_which_a_store_refuses_them() {
        let long = "x".repeat(65);
        let limit = "x".repeat(64);
        for name in [
            "sessions",
            "monitor-runs",
            "A_1",
            "console",
            "com10",
            "com",
            "lptx",
            "larder",
            &limit,
            "",
            "1a",
            "-a",
            "_a",
            "a.b",
            "a/b",
            "a b",
            "é",
            "aé",
            "NUL",
            "con",
            "Prn",
            "aux",
            "COM1",
            "com0",
            "lpt9",
            "larder_x",
            "LARDER_X",
            "sqlite_",
            &long,
        ] {
            let ours = check_collection(name).err();
            let theirs = larder::backend::check_name(name).err();
            assert_eq!(ours.is_some(), theirs.is_some(), "{name:?}");
            if let (Some(rule), Some(error)) = (ours, theirs) {
                assert!(error.to_string().contains(rule), "{error}: {rule}");
            }
        }
    }
}
