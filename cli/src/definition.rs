//! What collection an import goes into.
//!
//! Owns [`resolve`]: the options of the command, over the definition that is kept beside the data,
//! over plain defaults. It only reads; the store keeps the result with the first write.

use larder::{
    Collection, CollectionConfig, Definition, Document, IndexConfig, Repository as _, Store,
};

use crate::args::DefinitionArgs;
use crate::failure::Failure;
use crate::open::Place;

/// The collection of an import.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The collection, with everything about it checked.
    pub(crate) collection: Collection<Document>,
    /// In what it differs from what was there, in words.
    pub(crate) changes: Vec<String>,
}

/// Works out what collection is meant. `there` is the store, opened for reading, if there is one.
///
/// A new definition over old records is legitimate: those that do not satisfy it go to quarantine.
/// Another id field is not, unless every record has it: it would be a way to empty a collection.
pub(crate) fn resolve(
    place: &Place,
    there: Option<&Store>,
    name: &str,
    options: &DefinitionArgs,
) -> Result<Resolved, Failure> {
    if let Some(configured) = place.config().collections.get(name) {
        if options.is_given() {
            return Err(Failure::Request(format!(
                "the configuration file {} defines {name:?}; change the definition there",
                place.typed()
            )));
        }
        return Ok(Resolved {
            collection: checked(configured.collection(name)?)?,
            changes: vec![],
        });
    }
    let wanted = options.definition(name)?;
    let definitions = there
        .map(Store::definitions)
        .transpose()?
        .unwrap_or_default();
    let known = definitions
        .into_iter()
        .find(|definition| definition.collection == name);
    let (Some(known), Some(store)) = (known, there) else {
        return Ok(Resolved {
            collection: Collection::from_definition(wanted),
            changes: vec![],
        });
    };
    let merged = merge(&known, wanted, options);
    let changes = changes(&known, &merged);
    let collection = checked(Collection::from_definition(merged.clone()))?;
    if merged.id != known.id {
        let lost = store
            .collection(collection.clone())?
            .load_report()
            .dropped();
        if lost > 0 {
            return Err(Failure::Request(format!(
                "the id of {name:?} is {}, and {lost} of its records have none at {}: nothing was \
                 changed. Import into a new collection instead",
                known.id, merged.id
            )));
        }
    }
    Ok(Resolved {
        collection,
        changes,
    })
}

/// The same collection, or what is wrong with it.
fn checked(collection: Collection<Document>) -> Result<Collection<Document>, Failure> {
    collection.definition()?;
    Ok(collection)
}

impl DefinitionArgs {
    fn is_given(&self) -> bool {
        self.schema.is_some()
            || self.id.is_some()
            || !self.unique.is_empty()
            || !self.index.is_empty()
    }

    /// What the options say, with defaults for what they do not.
    fn definition(&self, name: &str) -> Result<Definition, Failure> {
        if let Some(field) = self.unique.iter().find(|field| field.ends_with("[]")) {
            return Err(Failure::Request(format!(
                "--unique {field}: an index with one entry per element cannot be unique"
            )));
        }
        let mut config = CollectionConfig::default();
        config.id.clone_from(&self.id);
        config.schema.clone_from(&self.schema);
        config.unique = self.unique.iter().map(|fields| index(fields)).collect();
        config.indexes = self.index.iter().map(|fields| index(fields)).collect();
        Ok(config.collection(name)?.definition()?)
    }
}

/// `a` or `a,b`.
fn index(fields: &str) -> IndexConfig {
    if fields.contains(',') {
        IndexConfig::Compound(
            fields
                .split(',')
                .map(|field| field.trim().to_owned())
                .collect(),
        )
    } else {
        IndexConfig::Field(fields.to_owned())
    }
}

/// What was known, with what the options say instead.
fn merge(known: &Definition, wanted: Definition, options: &DefinitionArgs) -> Definition {
    let mut merged = known.clone();
    if options.id.is_some() {
        merged.id = wanted.id;
    }
    if options.schema.is_some() {
        merged.schema = wanted.schema;
    }
    for index in wanted.indexes {
        match merged
            .indexes
            .iter_mut()
            .find(|known| known.name == index.name)
        {
            Some(known) => *known = index,
            None => merged.indexes.push(index),
        }
    }
    merged
}

/// What differs, in words.
fn changes(known: &Definition, merged: &Definition) -> Vec<String> {
    let mut changes = Vec::new();
    if known.id != merged.id {
        changes.push(format!("the id is at {}", merged.id));
    }
    if known.schema != merged.schema {
        changes.push("another schema".to_owned());
    }
    for index in merged
        .indexes
        .iter()
        .filter(|index| !known.indexes.contains(index))
    {
        let unique = if index.unique {
            "unique index"
        } else {
            "index"
        };
        changes.push(format!("{unique} {}", index.name));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(unique: &[&str], index: &[&str]) -> DefinitionArgs {
        let owned = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect();
        DefinitionArgs {
            unique: owned(unique),
            index: owned(index),
            ..DefinitionArgs::default()
        }
    }

    #[test]
    fn what_is_not_said_stays() {
        let known = options(&["a"], &["b"]).definition("c").unwrap();
        let more = options(&[], &["b,c", "a"]);
        let merged = merge(&known, more.definition("c").unwrap(), &more);
        let names: Vec<_> = merged
            .indexes
            .iter()
            .map(|index| (&*index.name, index.unique))
            .collect();
        assert_eq!(names, [("a", false), ("b", false), ("b+c", false)]);
        assert_eq!(changes(&known, &merged), ["index a", "index b+c"]);
    }

    #[test]
    fn a_list_cannot_be_unique() {
        assert!(options(&["tags[]"], &[]).definition("c").is_err());
        assert!(options(&[], &["tags[]"]).definition("c").unwrap().indexes[0].multi);
    }
}
