//! The measured part of `docs/performance.md`.
//!
//! Owns what stands between the two marks in that file. What people wrote around it is left alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::{Report, Section, beside, bytes, duration};
use crate::cases::count;
use crate::contenders::Kind;
use crate::measure::stats::ends;
use crate::outcome::{Outcome, fail};

const BEGIN: &str = "<!-- measured: written by `--write-docs` -->";
const END: &str = "<!-- /measured -->";

/// Puts what was measured into the page, in the place of what was there.
#[expect(
    clippy::disallowed_methods,
    reason = "it writes a page, and not a store"
)]
pub(crate) fn write(report: &Report, page: &Path) -> Outcome {
    let old = std::fs::read_to_string(page)?;
    std::fs::write(page, replaced(&old, &measured(report))?)?;
    Ok(())
}

fn replaced(page: &str, measured: &str) -> Outcome<String> {
    let (Some(begin), Some(end)) = (page.find(BEGIN), page.find(END)) else {
        return fail(format!(
            "the page has no {BEGIN} and {END} to write between"
        ));
    };
    let (Some(before), Some(after)) = (page.get(..begin), page.get(end..)) else {
        return fail("the marks in the page are in the wrong order");
    };
    Ok(format!("{before}{BEGIN}\n\n{measured}\n{after}"))
}

fn measured(report: &Report) -> String {
    // Writing to a string cannot fail.
    let mut text = String::new();
    let machine = &report.machine;
    let _ = writeln!(
        text,
        "Measured on {} on {} ({}), {} cores, {}; a sync of 4 kB takes {} there. {} rounds.",
        machine.date,
        machine.processor,
        machine.system,
        machine.cores,
        machine.file_system,
        duration(machine.sync),
        report.rounds,
    );
    if let [before, after] = machine.load.as_slice() {
        let _ = writeln!(
            text,
            "Programs that wanted to run at the same time, before and after: {before:.1}, {after:.1}."
        );
    }
    if let Some(stolen) = machine.stolen {
        let _ = writeln!(
            text,
            "The host had the processors do something else for {:.1} % of the time.",
            stolen * 100.0
        );
    }
    let versions: Vec<String> = machine
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = writeln!(text, "Versions: {}.", versions.join(", "));

    let _ = writeln!(text, "\n### Targets\n");
    let _ = writeln!(
        text,
        "| case | target | result (least and most of the rounds) | |"
    );
    let _ = writeln!(text, "|---|---|---|---|");
    for verdict in &report.targets {
        let met = if verdict.met { "met" } else { "**missed**" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {met} |",
            verdict.line, verdict.wanted, verdict.result
        );
    }
    let _ = writeln!(text, "\n![The cases as bars](performance.svg)");
    let _ = writeln!(text, "\n### Cases");
    for section in &report.sections {
        write_section(&mut text, section);
    }
    write_growth(&mut text, report);
    write_contenders(&mut text, report);
    text
}

fn write_section(text: &mut String, section: &Section) {
    let has_tails = section.figures.iter().any(|one| !one.tails.is_empty());
    let (head, line) = if has_tails {
        (" p99.9 |", "---:|")
    } else {
        ("", "")
    };
    let _ = writeln!(text, "\n#### {}\n\n{}\n", section.title, section.about);
    let _ = writeln!(
        text,
        "| `{}` | median | beside ours | rounds | processor | peak memory |{head}",
        section.name
    );
    let _ = writeln!(text, "|---|---:|---:|---:|---:|---:|{line}");
    for figures in &section.figures {
        let (least, most) = ends(&figures.nanos).unwrap_or_default();
        let ours = section.figures.first();
        let _ = write!(
            text,
            "| {} | {} | {} | {} to {} | {} | {} |",
            figures.label,
            duration(figures.typical()),
            ours.map_or_else(String::new, |ours| beside(figures, ours)),
            duration(least),
            duration(most),
            figures.processor().map_or_else(String::new, duration),
            figures.peak.map_or_else(|| "n/a".to_owned(), bytes),
        );
        if has_tails {
            let tail = figures.tail().map_or_else(String::new, duration);
            let _ = write!(text, " {tail} |");
        }
        let _ = writeln!(text);
    }
}

fn write_growth(text: &mut String, report: &Report) {
    let Some(first) = report.growth.first() else {
        return;
    };
    let _ = writeln!(text, "\n### Growth with the number of records\n");
    let _ = write!(text, "| | |");
    for (records, _) in &first.points {
        let _ = write!(text, " {} |", count(*records));
    }
    let _ = writeln!(text, " grows by | is | at most |");
    let _ = write!(text, "|---|---|");
    for _ in &first.points {
        let _ = write!(text, "---:|");
    }
    let _ = writeln!(text, "---:|---|---|");
    for grown in &report.growth {
        let _ = write!(text, "| {} | {} |", grown.label, grown.act);
        for (_, nanos) in &grown.points {
            let _ = write!(text, " {} |", duration(*nanos));
        }
        let _ = writeln!(
            text,
            " {:.1} x | {} | {} |",
            grown.factor,
            grown.measured.words(),
            grown.promised.words()
        );
    }
}

fn write_contenders(text: &mut String, report: &Report) {
    let figures = report.sections.iter().flat_map(|section| &section.figures);
    let kinds: BTreeMap<&str, Kind> = figures
        .map(|figures| (figures.kind.label(), figures.kind))
        .collect();
    let _ = writeln!(text, "\n### What each of them does\n\n| | |\n|---|---|");
    for (label, kind) in kinds {
        let _ = writeln!(text, "| {label} | {} |", kind.what());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays() {
        let page = format!("# Page\n\n{BEGIN}\n\nold\n{END}\n\nThe end.\n");
        let page = replaced(&page, "new\n").unwrap();
        assert_eq!(
            page,
            format!("# Page\n\n{BEGIN}\n\nnew\n\n{END}\n\nThe end.\n")
        );
        assert_eq!(replaced(&page, "new\n").unwrap(), page);
        assert!(replaced("# Page", "new").is_err());
    }
}
