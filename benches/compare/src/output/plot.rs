//! The picture: for each case a bar for everybody, in the case's own scale.
//!
//! Owns the SVG text. It has no script, no style sheet and no font of its own, so that every viewer
//! shows the same, and a background, so that it can be read on a dark page.

use std::fmt::Write as _;

use super::{Report, Section, duration};
use crate::measure::rounds::Figures;

const PANEL: f64 = 480.0;
const GAP: f64 = 24.0;
const LABELS: f64 = 190.0;
const VALUES: f64 = 84.0;
const ROW: f64 = 20.0;
const HEAD: f64 = 30.0;

/// The picture of a report.
pub(crate) fn svg(report: &Report) -> String {
    let mut body = String::new();
    let (mut left, mut right) = (GAP, GAP);
    for section in &report.sections {
        // Into the column that is shorter.
        let (x, y) = if right < left {
            (PANEL + 2.0 * GAP, &mut right)
        } else {
            (GAP, &mut left)
        };
        *y += panel(&mut body, section, x, *y) + GAP;
    }
    let width = 2.0 * PANEL + 3.0 * GAP;
    let height = left.max(right);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Larder beside what a program would use instead</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
    )
}

/// Draws one case and gives its height.
fn panel(body: &mut String, section: &Section, x: f64, y: f64) -> f64 {
    let most = section
        .figures
        .iter()
        .map(Figures::typical)
        .fold(1.0, f64::max);
    // Writing to a string cannot fail.
    let _ = writeln!(
        body,
        "<text x=\"{x}\" y=\"{:.0}\" font-weight=\"bold\" fill=\"#222222\">{}</text>",
        y + 14.0,
        escaped(&section.title)
    );
    for (row, figures) in (0..).zip(&section.figures) {
        let top = y + HEAD + f64::from(row) * ROW;
        let typical = figures.typical();
        let length = (PANEL - LABELS - VALUES) * typical / most;
        let fill = if figures.kind.is_ours() {
            "#2b6cb0"
        } else {
            "#a0aec0"
        };
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"#222222\">{}</text>\
             <rect x=\"{:.0}\" y=\"{:.0}\" width=\"{:.1}\" height=\"14\" fill=\"{fill}\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\" fill=\"#222222\">{}</text>",
            x + LABELS - 8.0,
            top + 11.0,
            escaped(&figures.label),
            x + LABELS,
            top,
            length.max(1.0),
            x + LABELS + length.max(1.0) + 6.0,
            top + 11.0,
            duration(typical)
        );
    }
    HEAD + ROW * f64::from(u32::try_from(section.figures.len()).unwrap_or(0))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_the_picture() {
        assert_eq!(escaped("a < b & c > d"), "a &lt; b &amp; c &gt; d");
    }
}
