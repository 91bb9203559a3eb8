//! JSON values that borrow from their text, and records checked against a JSON Schema.
//!
//! This crate is the bottom of Larder: it knows what a JSON text is, what a path to a field is,
//! and whether a record is what its schema says. It knows nothing of stores, files or typed
//! records, it performs no input or output, and it never fetches a schema from anywhere.
//!
//! * [`Tree`] is one parsed JSON value. It refuses what a store could not keep faithfully: a key
//!   that stands twice in one object, and nesting which the next load could not read.
//! * [`Pointer`] is a path to one field, written as a JSON pointer or as people type it.
//! * [`Validator`] is a compiled schema, from a type or from a schema document.
//! * [`Violation`] is one reason why a record is not valid. It never holds a value of the
//!   record, because values may be secrets.
//! * [`Repaired`] is a record that was not valid and now is, by changes as small as can be
//!   ([`Validator::repair`]).
//! * [`Migrations`] are the functions that bring a record from one version of its type to the
//!   next; a [`MigrationError`] says which of them failed, without a value of the record.
//! * [`Extra`] is what a stored record has and its type does not know, so that it survives when
//!   the type writes the record anew. [`Validator::names_all`] tells quickly of most records
//!   that they have nothing of the kind.
//!
//! What changes a stored record works on its text, so that whatever is not touched stays as it is
//! written: the order of fields, and the spelling of numbers.
//!
//! ```
//! use larder_schema::{Tree, Validator};
//! use serde_json::json;
//!
//! let sessions = Validator::from_document(json!({
//!     "type": "object",
//!     "properties": { "id": { "type": "string" }, "attempts": { "type": "integer" } },
//!     "required": ["id"],
//! }))?;
//!
//! let good = Tree::parse(r#"{"id":"a","attempts":3}"#)?;
//! assert!(sessions.check(&good).is_empty());
//!
//! let bad = Tree::parse(r#"{"id":"a","attempts":"hunter2"}"#)?;
//! let violations = sessions.check(&bad);
//! assert_eq!(violations[0].path(), "/attempts");
//! assert_eq!(violations[0].keyword(), "type");
//! assert!(!violations[0].to_string().contains("hunter2"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod canonical;
mod explain;
mod extra;
mod known;
mod known_walk;
mod migration_error;
mod migrations;
mod object;
mod outline;
mod parse;
mod patient;
mod places;
mod pointer;
mod raw;
mod repair;
mod representation;
mod schema_error;
mod text;
mod tree;
mod trouble;
mod validator;
mod violation;

pub use extra::Extra;
pub use migration_error::MigrationError;
pub use migrations::Migrations;
pub use object::Object;
pub use parse::ParseError;
pub use pointer::{Pointer, PointerError};
pub use repair::{Repair, RepairKind, Repaired};
pub use schema_error::SchemaError;
pub use tree::Tree;
pub use validator::Validator;
pub use violation::Violation;
