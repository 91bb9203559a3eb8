//! `#[derive(Record)]`: a record type from a struct, its attributes and those of serde.
//!
//! Owns the derive, and nothing that runs: the traits and the handles are in `larder-core`.
//! Applications use it as `larder::Record`.
//!
//! | to know | read |
//! |---|---|
//! | what can be written in `#[record(..)]` | `attrs.rs` |
//! | under which name a field stands in the JSON | `serde_attrs.rs`, `case.rs` |
//! | which type the keys of a field have | `keys.rs` |
//! | which handles there are, and what is refused | `model.rs`, `handles.rs` |
//! | what the code looks like | `expand.rs` |

mod attrs;
mod case;
mod errors;
mod expand;
mod handles;
mod keys;
mod model;
mod serde_attrs;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Record` for a struct with named fields, and gives it a typed handle for each field.
///
/// ```
/// # use larder::{MemoryStore, Repository as _, RepositoryExt as _};
/// # use larder_derive::Record;
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "lowercase")]
/// enum Provider {
///     Claude,
///     Codex,
/// }
///
/// #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Record)]
/// #[serde(rename_all = "camelCase")]
/// #[record(collection = "sessions", version = 2)]
/// #[record(index(BY_PROVIDER = (provider, provider_session_id)))]
/// struct Session {
///     #[record(id)]
///     id: String,
///     #[record(unique)]
///     channel_id: String,
///     #[record(index)]
///     tags: Vec<String>,
///     provider: Provider,
///     provider_session_id: Option<String>,
///     last_activity: u64,
///     #[record(index, expires)]
///     expires_at: Option<u64>,
///     #[serde(skip)]
///     is_generating: bool,
/// }
///
/// # let store = MemoryStore::new();
/// let sessions = store.repository::<Session>()?;
/// let session = Session {
///     id: "s-1".to_owned(),
///     channel_id: "c-1".to_owned(),
///     tags: vec!["rust".to_owned(), "macro".to_owned()],
///     provider: Provider::Codex,
///     provider_session_id: Some("p-1".to_owned()),
///     last_activity: 7,
///     expires_at: Some(60_000),
///     is_generating: true,
/// };
/// sessions.save(session)?.wait()?;
///
/// // `UniqueIndex<Session, String>`
/// assert!(sessions.find_one(Session::CHANNEL_ID.is("c-1"))?.is_some());
/// // `Index<Session, String>`, with a key for each tag
/// assert_eq!(sessions.count(Session::TAGS.is("macro"))?, 1);
/// // `Index<Session, Compound<(Provider, String)>>`
/// assert_eq!(sessions.count(Session::BY_PROVIDER.is((Provider::Codex, "p-1")))?, 1);
/// assert_eq!(sessions.count(Session::BY_PROVIDER.leading((Provider::Codex,)))?, 1);
/// // `Field<Session, u64>`: no index, so this reads the records
/// assert_eq!(sessions.count(Session::LAST_ACTIVITY.range(5..))?, 1);
/// // By `expires`
/// assert_eq!(sessions.purge_expired(std::time::UNIX_EPOCH)?.wait()?.len(), 0);
/// # Ok::<(), larder::Error>(())
/// ```
///
/// The type must also derive serde's two traits and `schemars::JsonSchema`. Whatever the derive
/// writes can be written by hand instead; the documentation of the trait shows how.
///
/// # On the struct
///
/// | `#[record(..)]` | |
/// |---|---|
/// | `collection = "sessions"` | The name of the collection. There is no default: data would move when the type is renamed. |
/// | `version = 2` | The version of the record's form on disk; 1 without it. |
/// | `index(NAME = (a, b))` | A compound index over two to four fields, in this order. The constant and the index are called `NAME`. |
/// | `unique(NAME = (a, b))` | The same, and unique. |
/// | `check = path::to::function` | A `fn(&Self) -> Result<(), Violation>`, called where the schema is checked. |
/// | `migrations = path::to::function` | A `fn() -> Migrations`: how records of older versions become records of this one. |
/// | `expires = path::to::function` | A `fn(&Self) -> Option<SystemTime>`: when the record expires. |
/// | `crate = path` | Where `Record` and the handles come from; `::larder` without it. |
///
/// # On a field
///
/// | `#[record(..)]` | |
/// |---|---|
/// | `id` | The id: exactly one field, of a type that is `AsRef<str>` and that serde writes as that text. |
/// | `index` | An index over the field. |
/// | `unique` | A unique index over the field. |
/// | `expires` | When the record expires: at most one field, a `u64`, `i64` or `Option` of one, in milliseconds since the Unix epoch. With `index` a purge reads only what it removes. |
/// | `skip` | No handle. |
///
/// # Handles
///
/// Each field has a constant, called like it in capitals: `category_id` is `CATEGORY_ID`. It is an
/// `Index`, a `UniqueIndex`, or a `Field` if the field has no index, and as visible as the field
/// and the struct both are. A compound index is as visible as all of its fields are.
///
/// A constant of the struct comes before one of a trait: if a field is called `version`, then
/// `Session::VERSION` is its handle, and the version is `<Session as Record>::VERSION`.
///
/// The type of the keys is read from how the field's type is spelled:
///
/// | type | keys |
/// |---|---|
/// | `Option<T>` | those of `T` |
/// | `Vec<T>`, `VecDeque<T>`, `LinkedList<T>`, `BinaryHeap<T>`, `BTreeSet<T>`, `HashSet<T>`, `[T; N]`, and `[T]` in `Box`, `Arc`, `Rc` or `Cow` | one `T` for each element |
/// | `str` and `String` in `Box`, `Arc`, `Rc` or `Cow` | `String` |
/// | `HashMap`, `BTreeMap`, `IndexMap` | none, and no handle: an object cannot be a key |
/// | any other `T` | `T` |
///
/// A macro does not see through an alias: `type Tags = Vec<String>` is "any other". A field whose
/// type cannot be compared at all, such as a struct, has a handle too; a query with it is an error.
///
/// # Serde
///
/// Indexes and paths have the names that serde gives the fields: `rename_all` and `rename` are
/// read, also inside of `cfg_attr`. A field that is not in the JSON, or not as its type is written
/// (`skip`, `skip_serializing`, `skip_deserializing`, `flatten`, `with`, `serialize_with`,
/// `deserialize_with`) has no handle and can be neither id nor index. `transparent`, `from`,
/// `try_from` and `into` make the JSON something else than the struct's fields, so they are
/// refused, and so are names that differ between writing and reading.
///
/// `skip_serializing_if` leaves the keys as they are: a field that it leaves out has the key of its
/// value, where a tool that reads only the JSON sees none. Use it for `Option` and lists, where
/// both are the same.
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
