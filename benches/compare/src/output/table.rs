//! The tables of a terminal.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::{Report, Section, beside, bytes, duration};
use crate::cases::count;
use crate::measure::stats::ends;

/// Everything.
pub(crate) fn print(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for section in &report.sections {
        print_section(section, out)?;
    }
    print_growth(report, out)?;
    print_targets(report, out)?;
    print_machine(report, out)
}

fn table(head: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(head.to_vec());
    for at in right {
        if let Some(column) = table.column_mut(*at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn print_section(section: &Section, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{} ({})", section.title, section.name)?;
    writeln!(out, "{}", section.about)?;
    let has_tails = section.figures.iter().any(|one| !one.tails.is_empty());
    let mut head = vec![
        "",
        "median",
        "beside ours",
        "rounds",
        "processor",
        "peak memory",
        "files",
    ];
    if has_tails {
        head.push("p99.9");
    }
    let mut table = table(&head, &[1, 2, 3, 4, 5, 6, 7]);
    for figures in &section.figures {
        let (least, most) = ends(&figures.nanos).unwrap_or_default();
        let mut row = vec![
            figures.label.clone(),
            duration(figures.typical()),
            section
                .figures
                .first()
                .map_or_else(String::new, |ours| beside(figures, ours)),
            format!("{} to {}", duration(least), duration(most)),
            figures.processor().map_or_else(String::new, duration),
            figures.peak.map_or_else(|| "n/a".to_owned(), bytes),
            if figures.bytes == 0 {
                "-".to_owned()
            } else {
                bytes(figures.bytes)
            },
        ];
        if has_tails {
            row.push(figures.tail().map_or_else(String::new, duration));
        }
        table.add_row(row);
    }
    writeln!(out, "{table}")
}

fn print_growth(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(first) = report.growth.first() else {
        return Ok(());
    };
    writeln!(out, "\nGrowth with the number of records")?;
    let mut head = vec![String::new(), String::new()];
    head.extend(first.points.iter().map(|(records, _)| count(*records)));
    head.extend(["grows by", "is", "at most"].map(str::to_owned));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = table(&head, &[2, 3, 4, 5]);
    for grown in &report.growth {
        let mut row = vec![grown.label.to_owned(), grown.act.to_owned()];
        row.extend(grown.points.iter().map(|(_, nanos)| duration(*nanos)));
        row.push(format!("{:.1} x", grown.factor));
        row.push(grown.measured.words().to_owned());
        row.push(grown.promised.words().to_owned());
        table.add_row(row);
    }
    writeln!(out, "{table}")
}

fn print_targets(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.targets.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nTargets")?;
    let mut table = table(&["case", "target", "result", ""], &[]);
    for verdict in &report.targets {
        table.add_row(vec![
            verdict.line.as_str(),
            verdict.wanted.as_str(),
            verdict.result.as_str(),
            if verdict.met { "met" } else { "MISSED" },
        ]);
    }
    writeln!(out, "{table}")
}

fn print_machine(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let machine = &report.machine;
    writeln!(
        out,
        "\n{}, {}, {} cores; {}, where a sync of 4 kB takes {}; {} rounds in {} s.",
        machine.processor,
        machine.system,
        machine.cores,
        machine.file_system,
        duration(machine.sync),
        report.rounds,
        report.seconds,
    )?;
    let versions: Vec<String> = machine
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    writeln!(out, "{}.", versions.join(", "))?;
    if let [before, after] = machine.load.as_slice() {
        writeln!(
            out,
            "Programs that wanted to run, before and after: {before:.1}, {after:.1}."
        )?;
    }
    if let Some(stolen) = machine.stolen {
        writeln!(
            out,
            "The host had the processors do something else for {:.1} % of the time; what takes longest \
             shows it first.",
            stolen * 100.0
        )?;
    }
    if machine.is_in_memory() {
        writeln!(
            out,
            "This file system is in memory, where a sync does nothing: what is awaited cannot be \
             compared here. Name a directory on a disk with --dir."
        )?;
    }
    Ok(())
}
