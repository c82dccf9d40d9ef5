//! Medians over the rounds, ratios to the fdatasync floor, and how both are shown: a table for
//! people, JSON for programs.

use std::collections::BTreeSet;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::measure::{Row, Target};

/// The median of a target's rows with the same numbers of nodes and connections. Fields as in [`Row`].
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// What was measured.
    pub target: Target,
    /// Servers that shared the load.
    pub nodes: usize,
    /// Keep-alive connections.
    pub connections: usize,
    /// Requests accepted, over all rounds.
    pub accepted: u64,
    /// Other answers, over all rounds.
    pub refused: u64,
    /// Accepted a second.
    pub accepted_per_s: f64,
    /// Finished a second.
    pub finished_per_s: Option<f64>,
    /// Accepted a second, as a part of what the fdatasync floor accepted in the same round.
    pub accepted_to_floor: Option<f64>,
    /// Finished a second, as a part of what the fdatasync floor accepted in the same round.
    pub finished_to_floor: Option<f64>,
    /// Milliseconds to the answer.
    pub accept_p50_ms: f64,
    /// Milliseconds to the answer.
    pub accept_p99_ms: f64,
    /// Milliseconds to the task's end.
    pub done_p50_ms: Option<f64>,
    /// Milliseconds to the task's end.
    pub done_p99_ms: Option<f64>,
    /// Finished a second, as a part of what the bare program inserted in the same round.
    pub finished_to_inserts: Option<f64>,
    /// The same, of the bare program that locks and inserts two rows a task.
    pub finished_to_locked: Option<f64>,
    /// Microseconds of the server's CPU for each accepted task.
    pub cpu_us: f64,
    /// The part of it that is PostgreSQL's.
    pub database_cpu_us: f64,
    /// Bytes of write-ahead log for each accepted task.
    pub wal_bytes: f64,
    /// CPU for each accepted task, as a part of what target `stepwell` took in the same round.
    pub cpu_to_plain: Option<f64>,
    /// Finished a second, as a part of what target `stepwell` finished in the same round.
    pub finished_to_plain: Option<f64>,
    /// Microseconds of the load generator's CPU for each answer.
    pub client_cpu_us: f64,
    /// CPU used by others, percent of one core.
    pub others_percent: f64,
    /// Resident memory at the end of a row, MiB.
    pub rss_mib: f64,
    /// The most resident memory, MiB, of all rounds.
    pub peak_rss_mib: f64,
}

/// The rows' medians, in the order in which the rows came.
pub fn summarise(rows: &[Row]) -> Vec<Summary> {
    let key = |row: &Row| (row.target as u8, row.nodes, row.connections);
    let keys: BTreeSet<_> = rows.iter().map(key).collect();
    keys.into_iter()
        .map(|wanted| {
            let group: Vec<&Row> = rows.iter().filter(|row| key(row) == wanted).collect();
            summary(&group, rows)
        })
        .collect()
}

/// Of rows that differ by their round alone.
fn summary(group: &[&Row], all: &[Row]) -> Summary {
    let (target, nodes, connections) = (group[0].target, group[0].nodes, group[0].connections);
    let of = |field: fn(&Row) -> f64| median(group.iter().map(|row| field(row)));
    let maybe = |field: fn(&Row) -> Option<f64>| {
        let values: Vec<f64> = group.iter().filter_map(|row| field(row)).collect();
        (!values.is_empty()).then(|| median(values))
    };
    // Compared within a round: what disturbs the machine for longer than a round disturbs both.
    let to_floor = |field: fn(&Row) -> Option<f64>| {
        let ratios: Vec<f64> = group
            .iter()
            .filter(|row| row.target.is_server())
            .filter_map(|row| Some(field(row)? / floor_of(row, all)?))
            .collect();
        (!ratios.is_empty()).then(|| median(ratios))
    };
    let to_plain = |field: fn(&Row) -> Option<f64>| {
        let ratios: Vec<f64> = group
            .iter()
            .filter(|row| row.target.is_server() && row.target != Target::Stepwell)
            .filter_map(|row| Some(field(row)? / field(same_round(row, Target::Stepwell, all)?)?))
            .collect();
        (!ratios.is_empty()).then(|| median(ratios))
    };
    let to_bare = |program: Target| {
        let ratios = group.iter().filter_map(|row| {
            let inserts = same_round(row, program, all)?;
            Some(row.finished_per_s? / inserts.accepted_per_s)
        });
        let ratios: Vec<f64> = ratios.collect();
        (!ratios.is_empty()).then(|| median(ratios))
    };
    Summary {
        target,
        nodes,
        connections,
        accepted: group.iter().map(|row| row.accepted).sum(),
        refused: group.iter().map(|row| row.refused).sum(),
        accepted_per_s: of(|row| row.accepted_per_s),
        finished_per_s: maybe(|row| row.finished_per_s),
        accepted_to_floor: to_floor(|row| Some(row.accepted_per_s)),
        finished_to_floor: to_floor(|row| row.finished_per_s),
        accept_p50_ms: of(|row| row.accept_p50_ms),
        accept_p99_ms: of(|row| row.accept_p99_ms),
        done_p50_ms: maybe(|row| row.done_p50_ms),
        done_p99_ms: maybe(|row| row.done_p99_ms),
        finished_to_inserts: to_bare(Target::Inserts),
        finished_to_locked: to_bare(Target::InsertsLocked),
        cpu_us: of(|row| row.cpu_us),
        database_cpu_us: of(|row| row.database_cpu_us),
        wal_bytes: of(|row| row.wal_bytes),
        cpu_to_plain: to_plain(|row| Some(row.cpu_us)),
        finished_to_plain: to_plain(|row| row.finished_per_s),
        client_cpu_us: of(|row| row.client_cpu_us),
        others_percent: of(|row| row.others_percent),
        rss_mib: of(|row| row.rss_mib),
        peak_rss_mib: group.iter().map(|row| row.peak_rss_mib).fold(0.0, f64::max),
    }
}

fn floor_of(row: &Row, all: &[Row]) -> Option<f64> {
    Some(same_round(row, Target::Fdatasync, all)?.accepted_per_s)
}

/// What another target did beside a row.
fn same_round<'r>(row: &Row, target: Target, all: &'r [Row]) -> Option<&'r Row> {
    all.iter().find(|other| {
        other.target == target && other.connections == row.connections && other.round == row.round
    })
}

/// The middle value; of an even number of values the mean of the two in the middle; of none, NaN.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.as_slice() {
        [] => f64::NAN,
        values if values.len() % 2 == 1 => values[middle],
        values => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The table of [`Summary`]s.
pub fn table(summaries: &[Summary]) -> Table {
    let mut table = plain_table(&[
        "server",
        "conns",
        "accepted/s",
        "finished/s",
        "acc ÷ floor",
        "fin ÷ floor",
        "fin ÷ inserts",
        "fin ÷ locked",
        "accept p50 ms",
        "p99",
        "done p50 ms",
        "p99",
        "CPU us/task",
        "of it database",
        "WAL bytes",
        "CPU ÷ plain",
        "fin ÷ plain",
        "client us",
        "others %",
        "RSS MiB",
    ]);
    for s in summaries {
        table.add_row([
            match s.nodes {
                0 | 1 => s.target.to_string(),
                nodes => format!("{} ×{nodes}", s.target),
            },
            s.connections.to_string(),
            whole(Some(s.accepted_per_s)),
            whole(s.finished_per_s),
            hundredths(s.accepted_to_floor),
            hundredths(s.finished_to_floor),
            hundredths(s.finished_to_inserts),
            hundredths(s.finished_to_locked),
            hundredths(Some(s.accept_p50_ms)),
            hundredths(Some(s.accept_p99_ms)),
            hundredths(s.done_p50_ms),
            hundredths(s.done_p99_ms),
            tenths(s.cpu_us),
            tenths(s.database_cpu_us),
            whole(Some(s.wal_bytes)),
            hundredths(s.cpu_to_plain),
            hundredths(s.finished_to_plain),
            tenths(s.client_cpu_us),
            format!("{:.0}", s.others_percent),
            whole(Some(s.rss_mib)),
        ]);
    }
    table
}

/// A table without lines, numbers to the right of a first column of words.
pub fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.0}"))
}

fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

fn hundredths(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.2}"))
}
