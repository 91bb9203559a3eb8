//! Cases of names: serde's eight `rename_all` rules, the case of constants and of collections.
//!
//! Owns the spelling only. Which rule applies to which field is read in `serde_attrs.rs`.

/// A `rename_all` rule, as serde applies it to the fields of a struct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rule {
    /// No rule, `lowercase` and `snake_case`: a field keeps its name under all three.
    #[default]
    Same,
    Upper,
    Pascal,
    Camel,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Rule {
    /// The rule of this name. `None` for what serde refuses, and reports, itself.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "lowercase" | "snake_case" => Self::Same,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// The name under which serde keeps a field. Only ASCII letters change case, as with serde.
    pub(crate) fn apply(self, field: &str) -> String {
        match self {
            Self::Same => field.to_owned(),
            Self::Upper | Self::ScreamingSnake => field.to_ascii_uppercase(),
            Self::Pascal => pascal(field),
            Self::Camel => {
                let pascal = pascal(field);
                let mut chars = pascal.chars();
                chars.next().map_or_else(String::new, |first| {
                    format!("{}{}", first.to_ascii_lowercase(), chars.as_str())
                })
            }
            Self::Kebab => field.replace('_', "-"),
            Self::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn pascal(field: &str) -> String {
    let mut pascal = String::with_capacity(field.len());
    let mut capitalize = true;
    for letter in field.chars() {
        if letter == '_' {
            capitalize = true;
        } else if capitalize {
            pascal.push(letter.to_ascii_uppercase());
            capitalize = false;
        } else {
            pascal.push(letter);
        }
    }
    pascal
}

/// `categoryId` and `category_id` as `CATEGORY_ID`: what a field's handle is called.
pub(crate) fn screaming(name: &str) -> String {
    separate(name, '_').to_uppercase()
}

/// `MonitorRun` as `monitor-run`: a collection's name, to propose.
pub(crate) fn kebab(name: &str) -> String {
    separate(name, '-').to_lowercase()
}

/// Puts a separator wherever a capital follows something that is neither capital nor separator.
fn separate(name: &str, separator: char) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    let mut inside_word = false;
    for letter in name.chars() {
        if letter.is_uppercase() && inside_word {
            text.push(separator);
        }
        inside_word = !letter.is_uppercase() && letter != '_';
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_renamed_as_serde_renames_them() {
        // The table is serde's own test of `apply_to_field`.
        let table = [
            (
                "outcome", "OUTCOME", "Outcome", "outcome", "OUTCOME", "outcome", "OUTCOME",
            ),
            (
                "very_tasty",
                "VERY_TASTY",
                "VeryTasty",
                "veryTasty",
                "VERY_TASTY",
                "very-tasty",
                "VERY-TASTY",
            ),
            ("a", "A", "A", "a", "A", "a", "A"),
            ("z42", "Z42", "Z42", "z42", "Z42", "z42", "Z42"),
        ];
        for (field, upper, pascal, camel, screaming, kebab, screaming_kebab) in table {
            let under = |rule: &str| Rule::parse(rule).unwrap().apply(field);
            assert_eq!(Rule::default().apply(field), field);
            assert_eq!(under("lowercase"), field);
            assert_eq!(under("snake_case"), field);
            assert_eq!(under("UPPERCASE"), upper);
            assert_eq!(under("PascalCase"), pascal);
            assert_eq!(under("camelCase"), camel);
            assert_eq!(under("SCREAMING_SNAKE_CASE"), screaming);
            assert_eq!(under("kebab-case"), kebab);
            assert_eq!(under("SCREAMING-KEBAB-CASE"), screaming_kebab);
        }
        assert_eq!(Rule::parse("Camel"), None);
    }

    #[test]
    fn odd_names_do_not_break_a_rule() {
        assert_eq!(Rule::Camel.apply("__"), "");
        assert_eq!(Rule::Camel.apply("größe_x"), "größeX");
        assert_eq!(Rule::Camel.apply("über"), "über");
    }

    #[test]
    fn constants_and_collections() {
        for (name, constant) in [
            ("category_id", "CATEGORY_ID"),
            ("categoryId", "CATEGORY_ID"),
            ("_private", "_PRIVATE"),
            ("turn2", "TURN2"),
            ("URL", "URL"),
        ] {
            assert_eq!(screaming(name), constant);
        }
        assert_eq!(kebab("MonitorRun"), "monitor-run");
        assert_eq!(kebab("Session"), "session");
    }
}
