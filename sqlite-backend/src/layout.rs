//! Which columns and tables hold the keys of a collection's indexes.
//!
//! Owns [`Layout`]: it is worked out when an index comes, kept beside the definition, and found
//! again; so an index keeps its columns whatever comes and goes beside it. The SQL that makes them is
//! `ddl.rs`.

use std::collections::BTreeSet;

use larder_core::IndexDef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cell::Kind;
use crate::kind::kind_at;
use crate::names::{RESERVED_COLUMNS, free};

/// A column, of the collection's table or of the table of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// Where the keys of one index are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Kept", try_from = "Kept")]
pub(crate) struct IndexLayout {
    /// The index's name in queries.
    pub(crate) name: String,
    pub(crate) unique: bool,
    /// Whether the keys are in a table of their own, one row each.
    pub(crate) multi: bool,
    /// The paths of the fields.
    pub(crate) paths: Vec<String>,
    /// What its objects in the database are called by.
    pub(crate) label: String,
    /// One column a path. For a list: the column `key` of its table.
    pub(crate) columns: Vec<Column>,
}

/// The form that is kept in the database.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    unique: bool,
    multi: bool,
    fields: Vec<String>,
    label: String,
    columns: Vec<(String, String)>,
}

impl From<IndexLayout> for Kept {
    fn from(index: IndexLayout) -> Self {
        let columns = index.columns.into_iter();
        Self {
            name: index.name,
            unique: index.unique,
            multi: index.multi,
            fields: index.paths,
            label: index.label,
            columns: columns
                .map(|column| (column.name, column.kind.name().to_owned()))
                .collect(),
        }
    }
}

impl TryFrom<Kept> for IndexLayout {
    type Error = String;

    fn try_from(kept: Kept) -> Result<Self, String> {
        let columns = kept
            .columns
            .into_iter()
            .map(|(name, kind)| {
                let kind =
                    Kind::named(&kind).ok_or_else(|| format!("no kind {kind:?} is known"))?;
                Ok(Column { name, kind })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            name: kept.name,
            unique: kept.unique,
            multi: kept.multi,
            paths: kept.fields,
            label: kept.label,
            columns,
        })
    }
}

impl IndexLayout {
    /// An index as a collection wants it, without names yet.
    fn wanted<T>(index: &IndexDef<T>, schema: &Value) -> Self {
        let paths: Vec<String> = index.paths().iter().map(ToString::to_string).collect();
        let columns = paths
            .iter()
            .map(|path| Column {
                name: String::new(),
                kind: kind_at(schema, path, index.is_multi()),
            })
            .collect();
        Self {
            name: index.name().to_owned(),
            unique: index.is_unique(),
            multi: index.is_multi(),
            paths,
            label: String::new(),
            columns,
        }
    }

    /// Whether what is kept serves what is wanted: a column that was widened stays so.
    fn serves(&self, wanted: &Self) -> bool {
        self.name == wanted.name
            && self.unique == wanted.unique
            && self.multi == wanted.multi
            && self.paths == wanted.paths
            && self.columns.len() == wanted.columns.len()
            && self
                .columns
                .iter()
                .zip(&wanted.columns)
                .all(|(kept, wanted)| kept.kind == wanted.kind || kept.kind == Kind::Any)
    }

    /// The same index with columns that hold anything.
    fn widened(mut self) -> Self {
        for column in &mut self.columns {
            column.kind = Kind::Any;
        }
        self
    }
}

/// Where the keys of a collection are; its indexes in the collection's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) indexes: Vec<IndexLayout>,
}

/// How the layout of a collection comes from what is kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arranged {
    pub(crate) layout: Layout,
    /// The positions of indexes that are new.
    pub(crate) added: Vec<usize>,
    /// Indexes that are wanted no more.
    pub(crate) dropped: Vec<IndexLayout>,
}

impl Layout {
    /// The layout for these indexes, given what is there. The columns of `wide` ones hold anything,
    /// whatever the schema says.
    pub(crate) fn arrange<T>(
        indexes: &[IndexDef<T>],
        schema: &Value,
        kept: Vec<IndexLayout>,
        wide: &BTreeSet<String>,
    ) -> Arranged {
        let wanted: Vec<IndexLayout> = indexes
            .iter()
            .map(|index| IndexLayout::wanted(index, schema))
            .map(|index| {
                if wide.contains(&index.name) {
                    index.widened()
                } else {
                    index
                }
            })
            .collect();
        let (stay, dropped): (Vec<_>, Vec<_>) = kept
            .into_iter()
            .partition(|kept| wanted.iter().any(|wanted| kept.serves(wanted)));
        let mut placed: Vec<Option<IndexLayout>> = wanted
            .iter()
            .map(|wanted| stay.iter().find(|kept| kept.serves(wanted)).cloned())
            .collect();
        let added: Vec<usize> = placed
            .iter()
            .enumerate()
            .filter_map(|(position, index)| index.is_none().then_some(position))
            .collect();
        // One field has the better right to its name than a part of a compound key.
        let (single, compound): (Vec<usize>, Vec<usize>) = added
            .iter()
            .partition(|position| wanted.get(**position).is_some_and(|it| it.paths.len() == 1));
        for position in single.into_iter().chain(compound) {
            let Some(wanted) = wanted.get(position) else {
                continue;
            };
            let named = named(wanted.clone(), &placed);
            if let Some(place) = placed.get_mut(position) {
                *place = Some(named);
            }
        }
        Arranged {
            layout: Self {
                indexes: placed.into_iter().flatten().collect(),
            },
            added,
            dropped,
        }
    }

    /// The columns of the collection's table.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Column> + Clone {
        self.indexes
            .iter()
            .filter(|index| !index.multi)
            .flat_map(|index| &index.columns)
    }

    /// The indexes over lists.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &IndexLayout> {
        self.indexes.iter().filter(|index| index.multi)
    }
}

/// Gives an index names that no other has.
fn named(mut index: IndexLayout, others: &[Option<IndexLayout>]) -> IndexLayout {
    let others = others.iter().flatten();
    index.label = free(
        &index.name,
        others.clone().map(|other| other.label.as_str()),
    );
    if index.multi {
        for column in &mut index.columns {
            "key".clone_into(&mut column.name);
        }
        return index;
    }
    for position in 0..index.columns.len() {
        let own = index.columns.iter().take(position);
        let taken = others
            .clone()
            .filter(|other| !other.multi)
            .flat_map(|other| &other.columns)
            .chain(own)
            .map(|column| column.name.as_str())
            .chain(RESERVED_COLUMNS);
        let field = index.paths.get(position).map(|path| field(path));
        let name = free(&field.unwrap_or_default(), taken);
        if let Some(column) = index.columns.get_mut(position) {
            column.name = name;
        }
    }
    index
}

/// `/workflowState/status` as people write it: `workflowState.status`.
fn field(path: &str) -> String {
    path.trim_start_matches('/')
        .replace('/', ".")
        .replace("~1", "/")
        .replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::Collection;
    use serde_json::json;

    fn arrange(collection: &Collection<Value>, kept: Vec<IndexLayout>) -> Arranged {
        let schema = json!({"properties": {"a": {"type": "string"}, "n": {"type": "integer"}}});
        Layout::arrange(collection.indexes(), &schema, kept, &BTreeSet::new())
    }

    fn columns(arranged: &Arranged) -> Vec<&str> {
        arranged
            .layout
            .columns()
            .map(|column| column.name.as_str())
            .collect()
    }

    #[test]
    fn a_column_is_called_as_its_field_and_keeps_its_name() {
        let first = Collection::named("c").compound(&["a", "n"]).multi("tags");
        let found = arrange(&first, Vec::new());
        assert_eq!(columns(&found), ["a", "n"]);
        assert_eq!(found.added, [0, 1]);
        let kinds: Vec<Kind> = found.layout.columns().map(|column| column.kind).collect();
        assert_eq!(kinds, [Kind::Text, Kind::Integer]);

        // Now the field alone, too: the compound index stays as it is.
        let second = Collection::named("c")
            .index("a")
            .compound(&["a", "n"])
            .index("id");
        let again = arrange(&second, found.layout.indexes.clone());
        assert_eq!(columns(&again), ["a_2", "a", "n", "id_2"]);
        assert_eq!(again.added, [0, 2]);
        assert_eq!(again.dropped.len(), 1);
        assert_eq!(again.dropped[0].name, "tags");

        let same = arrange(&second, again.layout.indexes.clone());
        assert_eq!(same.layout, again.layout);
        assert!(same.added.is_empty() && same.dropped.is_empty());
    }

    #[test]
    fn an_index_that_changes_is_another_and_a_wide_one_stays() {
        let plain = Collection::named("c").index("a");
        let kept = arrange(&plain, Vec::new()).layout.indexes;
        let unique = arrange(&Collection::named("c").unique("a"), kept.clone());
        assert_eq!((unique.added.len(), unique.dropped.len()), (1, 1));
        let wide: Vec<IndexLayout> = kept.into_iter().map(IndexLayout::widened).collect();
        let stays = arrange(&plain, wide.clone());
        assert_eq!(stays.layout.indexes, wide);
    }

    #[test]
    fn it_comes_back_from_its_text() {
        let found = arrange(&Collection::named("c").compound(&["a", "x.y"]), Vec::new());
        let text = serde_json::to_string(&found.layout.indexes).unwrap();
        let read: Vec<IndexLayout> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, found.layout.indexes);
    }
}
