//! The id of a session, from what it is called.
//!
//! Owns which ids there may be, in which order. Whether one is free is the store's.

/// How many characters an id has at most, with the number at its end.
const LONGEST: usize = 50;

/// Where nothing of the label can stand in an id.
const NAMELESS: &str = "session";

/// The first id for a session with this label that is free: the label itself, or it with `-2`, `-3` and
/// so on at its end.
///
/// Letters and digits of any script stay, in lower case; whatever else there is becomes one `-` where
/// it stands between such. So an id can stand in a channel's name, a path, and before a `:`.
pub(super) fn free_id<E>(
    label: &str,
    mut is_free: impl FnMut(&str) -> Result<bool, E>,
) -> Result<String, E> {
    let stem = stem(label);
    let mut id = cut(&stem, LONGEST);
    let mut number = 1_u64;
    while !is_free(&id)? {
        number += 1;
        let end = format!("-{number}");
        id = cut(&stem, LONGEST.saturating_sub(end.len())) + &end;
    }
    Ok(id)
}

fn stem(label: &str) -> String {
    let mut stem = String::new();
    let mut gap = false;
    for c in label.chars().flat_map(char::to_lowercase) {
        if !c.is_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && !stem.is_empty() {
            stem.push('-');
        }
        gap = false;
        stem.push(c);
    }
    if stem.is_empty() {
        stem.push_str(NAMELESS);
    }
    stem
}

/// So many characters of it at most, and no `-` at the end.
fn cut(stem: &str, length: usize) -> String {
    let mut cut: String = stem.chars().take(length).collect();
    cut.truncate(cut.trim_end_matches('-').len());
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The id if so many before it are taken.
    fn nth(label: &str, mut taken: usize) -> String {
        let id = free_id(label, |_| {
            let is_free = taken == 0;
            taken = taken.saturating_sub(1);
            Ok::<_, ()>(is_free)
        });
        id.unwrap()
    }

    fn first(label: &str) -> String {
        nth(label, 0)
    }

    #[test]
    fn an_id_is_the_label_in_plain_letters() {
        for (label, id) in [
            ("fix-login", "fix-login"),
            ("Fix the *login*, please!", "fix-the-login-please"),
            ("  --a__b--  ", "a-b"),
            ("Überprüfung № 7", "überprüfung-7"),
            ("修复 登录", "修复-登录"),
            ("", "session"),
            ("???", "session"),
            ("../../etc", "etc"),
            ("a:b", "a-b"),
        ] {
            assert_eq!(first(label), id, "{label:?}");
        }
    }

    #[test]
    fn the_number_is_in_the_fifty_characters() {
        let long = "x".repeat(80);
        assert_eq!(nth(&long, 0), "x".repeat(50));
        assert_eq!(nth(&long, 1), "x".repeat(48) + "-2");
        assert_eq!(nth(&long, 9), "x".repeat(47) + "-10");
        let gap_at_the_cut = format!("{} {}", "x".repeat(47), "y".repeat(9));
        assert_eq!(nth(&gap_at_the_cut, 0), "x".repeat(47) + "-yy");
        assert_eq!(nth(&gap_at_the_cut, 1), "x".repeat(47) + "-2");
    }

    proptest! {
        #[test]
        fn every_label_has_ids(label in any::<String>()) {
            let ids: Vec<String> = (0..12).map(|taken| nth(&label, taken)).collect();
            for id in &ids {
                prop_assert!(!id.is_empty() && id.chars().count() <= LONGEST, "{id}");
                prop_assert!(id.chars().all(|c| c == '-' || c.is_alphanumeric()), "{id}");
                prop_assert!(!id.starts_with('-') && !id.ends_with('-'), "{id}");
                // It would be its own.
                prop_assert_eq!(&first(id), id);
            }
            let numbered: std::collections::BTreeSet<&String> = ids.iter().skip(1).collect();
            prop_assert_eq!(numbered.len(), ids.len() - 1);
        }
    }
}
