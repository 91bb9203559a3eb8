//! What can be typed for `larder import`.
//!
//! Owns the shape of its arguments, as `args.rs` does for all others.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// File with a JSON array, an envelope or NDJSON; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,

    /// Store URL (json:./data, sqlite:./data.db), or a configuration file
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,

    /// Name of the collection
    #[arg(long, short, value_name = "NAME")]
    pub(crate) collection: String,

    #[command(flatten)]
    pub(crate) definition: DefinitionArgs,

    /// What happens to records that are refused [default: as the store is configured, else drop]
    #[arg(long, value_name = "POLICY")]
    pub(crate) on_invalid: Option<OnInvalidArg>,

    /// Prints `ACK <n>` when record n is durable, as the records come
    #[arg(long)]
    pub(crate) ack: bool,
}

/// What a collection is, as far as it is said.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DefinitionArgs {
    /// JSON Schema that every record satisfies
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Option<PathBuf>,

    /// Field that holds the id [default: id]
    #[arg(long, value_name = "FIELD")]
    pub(crate) id: Option<String>,

    /// Field with a unique index; `a,b` for a compound one
    #[arg(long, value_name = "FIELD")]
    pub(crate) unique: Vec<String>,

    /// Field with an index; `a,b` for a compound one, `tags[]` for one entry per element
    #[arg(long, value_name = "FIELD")]
    pub(crate) index: Vec<String>,
}

/// What happens to records that are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInvalidArg {
    /// The others are imported; these go to quarantine
    Drop,
    /// Nothing is imported unless all are good
    Reject,
}
