//! What `#[serde(..)]` makes of the struct's fields: under which name each stands in the JSON, and
//! whether it stands there at all.
//!
//! Owns as much of serde's attributes as decides that. What it does not know it passes over: serde
//! reports its own mistakes.

use proc_macro2::Span;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, LitStr};

use crate::attrs::skip_value;
use crate::case::Rule;
use crate::errors::Errors;

/// How a field stands in the JSON.
#[derive(Clone, Debug)]
pub(crate) enum Presence {
    /// Under this name, as serde writes its type.
    Named(String),
    /// Under no name, or not as its type is written. The text says why, and what to do about it.
    Otherwise(&'static str),
}

const SKIPPED: &str = "is not both written to the JSON and read from it; remove serde's `skip..`";
impl Presence {
    /// Whether the field lives, wholly or in one direction, at run time only.
    pub(crate) fn is_run_time(&self) -> bool {
        matches!(self, Self::Otherwise(SKIPPED))
    }
}

const FLATTENED: &str = "has no place of its own in the JSON; remove `#[serde(flatten)]`, or write \
     `impl Record` by hand";
const CUSTOM: &str = "is written to the JSON by a function, with which its keys would not agree; \
     give it a type that serializes itself so, or write `impl Record` by hand";

/// Reads what stands on the struct.
pub(crate) fn container(attrs: &[Attribute], errors: &mut Errors) -> Rule {
    let mut rule = Names::default();
    each_key(attrs, |key, meta| {
        match key {
            "rename_all" => rule.read(meta)?,
            "transparent" => errors.on(
                &meta.path,
                "a record is a JSON object with the struct's fields; remove \
                 `#[serde(transparent)]`, or write `impl Record` by hand",
            ),
            "from" | "try_from" | "into" => errors.on(
                &meta.path,
                format!(
                    "with `#[serde({key})]` the JSON is that of another type, whose fields cannot \
                     be seen here; derive `Record` on that type, or write `impl Record` by hand"
                ),
            ),
            "untagged" => errors.on(&meta.path, "`#[serde(untagged)]` is for enums; remove it"),
            _ => {}
        }
        skip_value(meta.input)
    });
    let parse = |name: &Option<LitStr>| {
        name.as_ref()
            .and_then(|name| Rule::parse(&name.value()))
            .unwrap_or_default()
    };
    let written = parse(&rule.written);
    if written != parse(&rule.read) {
        errors.at(
            rule.span.unwrap_or_else(Span::call_site),
            "the fields are written under other names than they are read, so a record would not \
             come back; use one rule for both",
        );
    }
    written
}

/// Reads what stands on a field.
pub(crate) fn field(
    attrs: &[Attribute],
    ident: &Ident,
    rule: Rule,
    errors: &mut Errors,
) -> Presence {
    let mut names = Names::default();
    let mut aliases = Vec::new();
    let mut otherwise = None;
    each_key(attrs, |key, meta| {
        match key {
            "rename" => names.read(meta)?,
            "alias" => aliases.push(meta.value()?.parse::<LitStr>()?.value()),
            // The first reason stays, but a field that is skipped is nothing else besides.
            "skip" | "skip_serializing" | "skip_deserializing" => otherwise = Some(SKIPPED),
            "flatten" => otherwise = otherwise.or(Some(FLATTENED)),
            "with" | "serialize_with" | "deserialize_with" => {
                otherwise = otherwise.or(Some(CUSTOM));
            }
            _ => {}
        }
        skip_value(meta.input)
    });
    if let Some(why @ (SKIPPED | FLATTENED)) = otherwise {
        return Presence::Otherwise(why);
    }
    let own = || rule.apply(&ident.unraw().to_string());
    let written = names.written.map_or_else(own, |name| name.value());
    let read = names.read.map_or_else(own, |name| name.value());
    if written != read && !aliases.contains(&written) {
        errors.at(
            names.span.unwrap_or_else(|| ident.span()),
            format!(
                "`{ident}` is written as {written:?} and read as {read:?}, so a record would not \
                 come back; use one name for both, or add `#[serde(alias = {written:?})]`"
            ),
        );
    }
    otherwise.map_or(Presence::Named(written), Presence::Otherwise)
}

/// A name, or rule for names, that may differ between writing and reading.
#[derive(Default)]
struct Names {
    written: Option<LitStr>,
    read: Option<LitStr>,
    span: Option<Span>,
}

impl Names {
    /// `= ".."`, or `(serialize = "..", deserialize = "..")` with one or both.
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        self.span = Some(meta.path.span());
        if !meta.input.peek(syn::token::Paren) {
            let name: LitStr = meta.value()?.parse()?;
            self.read = Some(name.clone());
            self.written = Some(name);
            return Ok(());
        }
        meta.parse_nested_meta(|side| {
            let name = Some(side.value()?.parse()?);
            if side.path.is_ident("serialize") {
                self.written = name;
            } else if side.path.is_ident("deserialize") {
                self.read = name;
            }
            Ok(())
        })
    }
}

/// Runs `read` for every key of every `#[serde(..)]`. An attribute that cannot be read is left to
/// serde's own derive, which reports it.
fn each_key(
    attrs: &[Attribute],
    mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let _ = attr.parse_nested_meta(|meta| {
            let key = meta.path.to_token_stream().to_string();
            read(&key, &meta)
        });
    }
}

/// The JSON pointer of a field of the record.
pub(crate) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn presence(attrs: &[Attribute], rule: Rule) -> (Result<String, &'static str>, bool) {
        let mut errors = Errors::default();
        let presence = match field(attrs, &parse_quote!(r#my_type), rule, &mut errors) {
            Presence::Named(name) => Ok(name),
            Presence::Otherwise(why) => Err(why),
        };
        (presence, errors.finish().is_ok())
    }

    #[test]
    fn names_as_serde_gives_them() {
        let own = Ok("myType".to_owned());
        let new = Ok("new".to_owned());
        let of = |attr: Attribute| presence(&[attr], Rule::Camel);
        assert_eq!(presence(&[], Rule::Camel), (own.clone(), true));
        assert_eq!(
            of(parse_quote!(#[serde(default, rename = "new")])),
            (new.clone(), true)
        );
        assert_eq!(
            of(parse_quote!(#[serde(rename(serialize = "new", deserialize = "new"), default)])),
            (new.clone(), true)
        );
        assert_eq!(
            of(parse_quote!(#[serde(rename(serialize = "new"), alias = "new")])),
            (new.clone(), true)
        );
        assert_eq!(
            of(parse_quote!(#[serde(rename(serialize = "new"))])),
            (new, false)
        );
        assert_eq!(
            of(parse_quote!(#[serde(rename(deserialize = "new"))])),
            (own, false)
        );
    }

    #[test]
    fn fields_that_are_not_in_the_json_as_they_are() {
        let of = |attr: Attribute| presence(&[attr], Rule::Same);
        assert_eq!(of(parse_quote!(#[serde(skip)])), (Err(SKIPPED), true));
        assert_eq!(
            of(parse_quote!(#[serde(skip_serializing, rename(serialize = "a"))])),
            (Err(SKIPPED), true)
        );
        assert_eq!(
            of(parse_quote!(#[serde(default, flatten)])),
            (Err(FLATTENED), true)
        );
        assert_eq!(
            of(parse_quote!(#[serde(with = "hex")])),
            (Err(CUSTOM), true)
        );
        let (plain, fine) = of(parse_quote!(#[serde(skip_serializing_if = "Option::is_none")]));
        assert!(plain.is_ok() && fine);
    }

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
    }
}
