//! The code of a record: what a person would write by hand, and nothing else.
//!
//! Owns the shape of the generated code. Everything that can be wrong was found in `model.rs`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::DeriveInput;
use syn::spanned::Spanned;

use crate::handles::{Handle, HandleKind};
use crate::model::{Expires, Model};
use crate::serde_attrs::pointer;

/// The two `impl`s of a record.
pub(crate) fn expand(input: &DeriveInput) -> syn::Result<TokenStream> {
    let model = Model::read(input)?;
    let krate = model
        .krate
        .as_ref()
        .map_or_else(|| quote!(::larder), |path| quote!(#path));
    let name = &model.input.ident;
    let where_clause = &model.input.generics.where_clause;
    let constants = model.handles.iter().map(|handle| constant(handle, &krate));
    let record = record(&model, &krate);
    Ok(quote! {
        #[allow(
            dead_code,
            deprecated,
            non_upper_case_globals,
            unreachable_pub,
            reason = "every field has a handle, whether it is used or not"
        )]
        impl #name #where_clause {
            #(#constants)*
        }

        #[automatically_derived]
        #[allow(deprecated, reason = "a deprecated record is a record")]
        impl #krate::Record for #name #where_clause {
            #record
        }
    })
}

/// One handle.
fn constant(handle: &Handle<'_>, krate: &TokenStream) -> TokenStream {
    let doc = handle.doc();
    let vis = handle.vis;
    let constant = &handle.constant;
    let ty = handle.type_name();
    let ty = quote!(#krate::#ty);
    let [record, keys] =
        ["record", "keys"].map(|name| format_ident!("{name}", span = Span::mixed_site()));

    let (key, value) = if let [part] = handle.parts.as_slice() {
        let key = &part.key.ty;
        let extract = part.key.extract(&record, &keys, part.ident);
        let new = if part.key.is_list() {
            quote!(multi)
        } else {
            quote!(new)
        };
        let path = &part.path;
        let name = (handle.kind != HandleKind::Field).then_some(&handle.name);
        let name = name.map(|name| quote!(#name,));
        (
            quote!(#key),
            quote!(#ty::#new(#name #path, |#record, #keys| #extract)),
        )
    } else {
        let types = handle.parts.iter().map(|part| &part.key.ty);
        let paths = handle.parts.iter().map(|part| &part.path);
        let fields = handle.parts.iter().map(|part| part.ident);
        let name = &handle.name;
        (
            quote!(#krate::Compound<(#(#types),*)>),
            quote! {
                #ty::compound(#name, &[#(#paths),*], |#record, #keys| {
                    #keys.one(&(#(&#record.#fields),*))
                })
            },
        )
    };
    quote! {
        #[doc = #doc]
        #vis const #constant: #ty<Self, #key> = #value;
    }
}

/// The items of `impl Record`. What has its default is left out.
fn record(model: &Model<'_>, krate: &TokenStream) -> TokenStream {
    let collection = &model.collection;
    let version = model
        .version
        .map(|version| quote!(const VERSION: u32 = #version;));
    let id_path = &model.id_path;
    let id_path =
        (*id_path != pointer("id")).then(|| quote!(const ID_PATH: &'static str = #id_path;));
    let run_time_fields = (!model.run_time_fields).then(|| {
        quote!(
            const RUN_TIME_FIELDS: bool = false;
        )
    });
    let id = &model.id.ident;
    // The place of the type: that is what is wrong if it is not text.
    let id = quote_spanned! {model.id.ty.span()=>
        ::core::convert::AsRef::<str>::as_ref(&self.#id)
    };
    let indexes: Vec<_> = model
        .handles
        .iter()
        .filter(|handle| handle.kind != HandleKind::Field)
        .map(|handle| &handle.constant)
        .collect();
    let indexes = (!indexes.is_empty()).then(|| {
        quote! {
            fn indexes() -> ::std::vec::Vec<#krate::IndexDef<Self>> {
                ::std::vec![#(Self::#indexes.def()),*]
            }
        }
    });
    let check = model.check.as_ref().map(|check| {
        let call = quote_spanned!(check.span()=> #check(self));
        quote! {
            fn check(&self) -> ::core::result::Result<(), #krate::Violation> {
                #call
            }
        }
    });
    let migrations = model.migrations.as_ref().map(|migrations| {
        let call = quote_spanned!(migrations.span()=> #migrations());
        quote! {
            fn migrations() -> #krate::Migrations {
                #call
            }
        }
    });
    let expiry = model.expires.as_ref().map(|expires| {
        let made = match expires {
            // The place of the type: that is what is wrong if it is no time.
            Expires::Field { handle, field } => {
                quote_spanned!(field.ty.span()=> #krate::Expiry::at(Self::#handle))
            }
            Expires::Function(path) => {
                let call = quote_spanned!(path.span()=> #path);
                quote!(#krate::Expiry::by(#call))
            }
        };
        quote! {
            fn expiry() -> ::core::option::Option<#krate::Expiry<Self>> {
                ::core::option::Option::Some(#made)
            }
        }
    });
    quote! {
        const COLLECTION: &'static str = #collection;
        #version
        #id_path
        #run_time_fields

        fn id(&self) -> &str {
            #id
        }

        #indexes
        #expiry
        #check
        #migrations
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn what_a_person_would_write() {
        let code = expand(&parse_quote! {
            #[serde(rename_all = "camelCase")]
            #[record(collection = "notes", crate = larder_core)]
            struct Note {
                #[record(id)]
                id: String,
                #[record(unique, expires)]
                channel_id: Option<u64>,
            }
        })
        .unwrap();
        let expected = quote! {
            #[allow(
                dead_code,
                deprecated,
                non_upper_case_globals,
                unreachable_pub,
                reason = "every field has a handle, whether it is used or not"
            )]
            impl Note {
                #[doc = "The field `id`."]
                const ID: larder_core::Field<Self, String> =
                    larder_core::Field::new("/id", |record, keys| keys.one(&record.id));
                #[doc = "The unique index on `channel_id`."]
                const CHANNEL_ID: larder_core::UniqueIndex<Self, u64> =
                    larder_core::UniqueIndex::new("channelId", "/channelId", |record, keys| {
                        keys.one(&record.channel_id)
                    });
            }

            #[automatically_derived]
            #[allow(deprecated, reason = "a deprecated record is a record")]
            impl larder_core::Record for Note {
                const COLLECTION: &'static str = "notes";
                const RUN_TIME_FIELDS: bool = false;

                fn id(&self) -> &str {
                    ::core::convert::AsRef::<str>::as_ref(&self.id)
                }

                fn indexes() -> ::std::vec::Vec<larder_core::IndexDef<Self>> {
                    ::std::vec![Self::CHANNEL_ID.def()]
                }

                fn expiry() -> ::core::option::Option<larder_core::Expiry<Self>> {
                    ::core::option::Option::Some(larder_core::Expiry::at(Self::CHANNEL_ID))
                }
            }
        };
        // Braces around a closure's body are the formatter's.
        let plain = |code: TokenStream| code.to_string().replace(['{', '}', ' '], "");
        assert_eq!(plain(code), plain(expected));
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let errors = expand(&parse_quote! {
            #[record(version = 0, indexes)]
            struct Note {
                #[record(unique)]
                tags: Vec<String>,
            }
        })
        .unwrap_err();
        assert_eq!(errors.into_iter().count(), 5);
    }
}
