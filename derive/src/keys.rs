//! From the type of a field to the type of its keys, by its spelling.
//!
//! Owns what counts as optional, as a list, as text and as a map. A macro sees no types, only their
//! names: an alias of `Option` or `Vec` is neither, and is taken as it stands.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{GenericArgument, Ident, PathArguments, Type};

/// Lists of which a reference can be iterated.
const LISTS: [&str; 6] = [
    "Vec",
    "VecDeque",
    "BTreeSet",
    "HashSet",
    "LinkedList",
    "BinaryHeap",
];

/// Owners of a `str` or a slice that serde writes as what they own.
const OWNERS: [&str; 4] = ["Box", "Arc", "Rc", "Cow"];

/// What serde writes as a JSON object.
const MAPS: [&str; 3] = ["HashMap", "BTreeMap", "IndexMap"];

/// Scalars that are never text.
const NUMBERS: [&str; 15] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32",
    "f64", "bool",
];

/// How a record gives the keys of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One key.
    One,
    /// One key per element, by iterating a reference.
    Each,
    /// One key per element of a slice behind a pointer, which only its method iterates.
    EachOfSlice,
    /// None: an object cannot be a key.
    Map,
}

/// The keys of a field.
#[derive(Debug)]
pub(crate) struct FieldKey {
    /// The type that conditions are written with.
    pub(crate) ty: TokenStream,
    pub(crate) shape: Shape,
    /// How many `Option`s are around it.
    options: usize,
}

impl FieldKey {
    /// Reads the type of a field.
    pub(crate) fn of(ty: &Type) -> Self {
        let mut options = 0;
        let mut ty = ungroup(ty);
        while let Some(inner) = argument(ty, &["Option"]) {
            ty = ungroup(inner);
            options += 1;
        }
        let (shape, element) = match list(ty) {
            Some((shape, element)) => (shape, ungroup(element)),
            None => (Shape::One, ty),
        };
        if is_map(element) {
            let ty = quote!(#element);
            return Self {
                ty,
                shape: Shape::Map,
                options,
            };
        }
        Self {
            ty: scalar(element),
            shape,
            options,
        }
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.options > 0
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.shape, Shape::Each | Shape::EachOfSlice)
    }

    /// The call that gives the keys of `record.field` to `keys`.
    pub(crate) fn extract(&self, record: &Ident, keys: &Ident, field: &Ident) -> TokenStream {
        let flatten = |times: usize| std::iter::repeat_n(quote!(.flatten()), times);
        match (self.shape, self.options) {
            (Shape::One | Shape::Map, _) => quote!(#keys.one(&#record.#field)),
            (Shape::Each, 0) => quote!(#keys.each(&#record.#field)),
            (Shape::Each, options) => {
                let flatten = flatten(options);
                quote!(#keys.each(#record.#field.iter() #(#flatten)*))
            }
            (Shape::EachOfSlice, 0) => quote!(#keys.each(#record.#field.iter())),
            (Shape::EachOfSlice, options) => {
                let flatten = flatten(options - 1);
                quote!(#keys.each(#record.#field.iter() #(#flatten)* .flat_map(|list| list.iter())))
            }
        }
    }
}

/// Whether the type is, by its name, a number or a boolean.
pub(crate) fn is_number(ty: &Type) -> bool {
    last_name(ungroup(ty)).is_some_and(|name| NUMBERS.iter().any(|number| name == number))
}

/// Whether the type is, by its name, none that serde writes as whole milliseconds. Of a type that is
/// not known by its name the compiler says it.
pub(crate) fn is_no_time(ty: &Type) -> bool {
    let ty = ungroup(ty);
    if let Some(inner) = argument(ty, &["Option"]) {
        return is_no_time(inner);
    }
    let Some(name) = last_name(ty) else {
        return list(ty).is_some();
    };
    let is = |names: &[&str]| names.iter().any(|other| name == other);
    let known = is(&NUMBERS) || is(&LISTS) || is(&MAPS) || is(&OWNERS);
    (known && !is(&["u64", "i64"])) || is(&["String", "str", "SystemTime", "Duration", "Instant"])
}

/// Without the invisible delimiters that a type has when a macro passed it on, and parentheses.
fn ungroup(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

fn last_name(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            path.path.segments.last().map(|segment| &segment.ident)
        }
        _ => None,
    }
}

/// The first type argument of a path that ends in one of these names.
fn argument<'a>(ty: &'a Type, names: &[&str]) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    if path.qself.is_some() || !names.iter().any(|name| segment.ident == name) {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The element of a list.
fn list(ty: &Type) -> Option<(Shape, &Type)> {
    if let Type::Array(array) = ty {
        return Some((Shape::Each, &array.elem));
    }
    if let Some(element) = argument(ty, &LISTS) {
        return Some((Shape::Each, element));
    }
    match ungroup(argument(ty, &OWNERS)?) {
        Type::Slice(slice) if argument(ty, &["Box"]).is_some() => Some((Shape::Each, &slice.elem)),
        Type::Slice(slice) => Some((Shape::EachOfSlice, &slice.elem)),
        _ => None,
    }
}

fn is_map(ty: &Type) -> bool {
    argument(ty, &MAPS).is_some()
}

/// The type of one key: text is `String` in whatever it is kept, so that a `&str` compares with it.
fn scalar(ty: &Type) -> TokenStream {
    let ty = ungroup(ty);
    if let Some(inner) = argument(ty, &["Option"]) {
        return scalar(inner);
    }
    let is_text =
        |ty: &Type| last_name(ungroup(ty)).is_some_and(|name| name == "str" || name == "String");
    let owned = argument(ty, &OWNERS).is_some_and(is_text);
    let borrowed = matches!(ty, Type::Reference(reference) if is_text(&reference.elem));
    if owned || borrowed {
        quote!(::std::string::String)
    } else {
        quote!(#ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    fn read(ty: &str) -> (String, Shape, String) {
        let key = FieldKey::of(&syn::parse_str(ty).unwrap());
        let [record, keys, field] = ["r", "k", "f"].map(|name| format_ident!("{name}"));
        let strip = |tokens: TokenStream| tokens.to_string().replace(' ', "");
        (
            strip(key.ty.clone()),
            key.shape,
            strip(key.extract(&record, &keys, &field)),
        )
    }

    #[test]
    fn types_that_are_no_times() {
        let of = |ty: &str| is_no_time(&syn::parse_str(ty).unwrap());
        for ty in [
            "u64",
            "i64",
            "Option<u64>",
            "core::option::Option<Option<i64>>",
            "Millis",
        ] {
            assert!(!of(ty), "{ty}");
        }
        for ty in [
            "u32",
            "i128",
            "f64",
            "bool",
            "String",
            "Option<Box<u64>>",
            "Vec<u64>",
            "[u64; 2]",
        ] {
            assert!(of(ty), "{ty}");
        }
    }

    #[test]
    fn types_and_their_keys() {
        use Shape::{Each, EachOfSlice, Map, One};
        let text = "::std::string::String";
        let one = "k.one(&r.f)";
        for (ty, key, shape, extract) in [
            ("u64", "u64", One, one),
            ("String", "String", One, one),
            ("Option<u64>", "u64", One, one),
            ("std::option::Option<Option<Mode>>", "Mode", One, one),
            ("Box<str>", text, One, one),
            ("Option<std::sync::Arc<str>>", text, One, one),
            ("Arc<String>", text, One, one),
            ("Cow<'static, str>", text, One, one),
            ("&'static str", text, One, one),
            ("Box<Mode>", "Box<Mode>", One, one),
            ("(u8, u8)", "(u8,u8)", One, one),
            ("<A as B>::Option", "<AasB>::Option", One, one),
            ("Vec<String>", "String", Each, "k.each(&r.f)"),
            ("Vec<Arc<str>>", text, Each, "k.each(&r.f)"),
            ("[u8; 4]", "u8", Each, "k.each(&r.f)"),
            ("HashSet<Mode, Hasher>", "Mode", Each, "k.each(&r.f)"),
            ("Box<[u8]>", "u8", Each, "k.each(&r.f)"),
            ("Arc<[u8]>", "u8", EachOfSlice, "k.each(r.f.iter())"),
            (
                "Option<Vec<u8>>",
                "u8",
                Each,
                "k.each(r.f.iter().flatten())",
            ),
            (
                "Option<Option<Vec<u8>>>",
                "u8",
                Each,
                "k.each(r.f.iter().flatten().flatten())",
            ),
            (
                "Option<Arc<[u8]>>",
                "u8",
                EachOfSlice,
                "k.each(r.f.iter().flat_map(|list|list.iter()))",
            ),
            ("Vec<Option<u8>>", "u8", Each, "k.each(&r.f)"),
            ("HashMap<String, u8>", "HashMap<String,u8>", Map, one),
        ] {
            assert_eq!(
                read(ty),
                (key.to_owned(), shape, extract.to_owned()),
                "{ty}"
            );
        }
    }
}
