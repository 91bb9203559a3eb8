//! Owns the bounds of texts that are shown to people: how long they get and where they are cut.
//! It does not decide what such a text says.

use std::fmt;

/// What stands at the end of a text that was cut.
const ELLIPSIS: &str = "…";

/// A text that stops growing at a number of bytes.
///
/// It is a writer rather than a cut afterwards, because the text that is not wanted may be a
/// hundred thousand property names long.
pub(crate) struct Bounded {
    text: String,
    limit: usize,
    cut: bool,
}

impl Bounded {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            limit,
            cut: false,
        }
    }

    /// Writes `value` as far as it fits, and answers with what did.
    pub(crate) fn show(limit: usize, value: impl fmt::Display) -> String {
        let mut bounded = Self::new(limit);
        // The only error is the one which this writer raises at its limit.
        let _ = fmt::write(&mut bounded, format_args!("{value}"));
        bounded.finish()
    }

    pub(crate) fn finish(mut self) -> String {
        if self.cut {
            let room = self.limit.saturating_sub(ELLIPSIS.len());
            self.text.truncate(self.text.floor_char_boundary(room));
            self.text.push_str(ELLIPSIS);
        }
        self.text
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.cut {
            return Err(fmt::Error);
        }
        let room = self.limit.saturating_sub(self.text.len());
        if part.len() <= room {
            self.text.push_str(part);
            return Ok(());
        }
        if let Some(start) = part.get(..part.floor_char_boundary(room)) {
            self.text.push_str(start);
        }
        self.cut = true;
        Err(fmt::Error)
    }
}

/// `text` itself if it is short enough, else its beginning and an ellipsis.
pub(crate) fn shortened(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    Bounded::show(limit, text)
}

#[cfg(test)]
mod tests {
    use super::{Bounded, shortened};
    use proptest::prelude::*;
    use std::fmt::Write as _;

    #[test]
    fn a_short_text_is_left_alone() {
        assert_eq!(shortened("abc".to_owned(), 3), "abc");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(shortened("abcdefgh".to_owned(), 6), "abc…");
    }

    proptest! {
        #[test]
        fn the_limit_holds_for_any_text(parts in prop::collection::vec(".{0,12}", 0..8), limit in 3_usize..40) {
            let whole = parts.concat();
            let mut bounded = Bounded::new(limit);
            for part in &parts {
                if bounded.write_str(part).is_err() {
                    break;
                }
            }
            let shown = bounded.finish();
            if whole.len() <= limit {
                prop_assert_eq!(shown, whole);
            } else {
                prop_assert!(shown.len() <= limit);
                prop_assert!(whole.starts_with(shown.trim_end_matches('…')));
            }
        }
    }
}
