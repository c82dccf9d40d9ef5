//! Totals by folder, and everything that did not pass.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::judge::{FileResult, Verdict};

/// Files of one folder, counted. A file counts once, however often it was run.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Files that were run.
    pub run: u64,
    /// Runs of them.
    pub runs: u64,
    /// Files that passed in every way they were run.
    pub passed: u64,
    /// Files that did not, those contained by the sandbox included.
    pub failed: u64,
    /// Of the failed: files whose run the sandbox ended at a limit or a trap.
    pub contained: u64,
    /// Files that the host could not run.
    pub host_faults: u64,
    /// Files that ask for what a step does not have.
    pub not_applicable: u64,
}

/// A test that did not pass.
#[derive(Debug, Serialize)]
pub struct Failure {
    file: String,
    way: String,
    verdict: Verdict,
}

/// Everything that came of a suite.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The suite's commit.
    pub suite: String,
    /// How long it took.
    pub seconds: u64,
    /// Files that the time did not suffice for.
    pub not_begun: usize,
    /// By folder: `language/expressions`, `built-ins/Array` and so on.
    pub folders: BTreeMap<String, Counts>,
    /// What the tests that are not applicable ask for, and how many.
    pub not_applicable: BTreeMap<&'static str, u64>,
    /// Every file that did not pass, with the worst of its runs.
    pub failures: Vec<Failure>,
}

impl Report {
    /// A report of nothing yet.
    pub fn new(suite: &str) -> Self {
        Self {
            suite: suite.to_owned(),
            seconds: 0,
            not_begun: 0,
            folders: BTreeMap::new(),
            not_applicable: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// Counts a file.
    pub fn add(&mut self, file: &str, result: FileResult) {
        let folder: Vec<&str> = file.split('/').take(2).collect();
        let counts = self.folders.entry(folder.join("/")).or_default();
        let runs = match &result {
            FileResult::NotApplicable(what) => {
                counts.not_applicable += 1;
                *self.not_applicable.entry(what).or_default() += 1;
                return;
            }
            FileResult::Run(runs) => runs.len() as u64,
        };
        counts.run += 1;
        counts.runs += runs;
        let Some((way, verdict)) = result.worst() else {
            return;
        };
        match verdict {
            Verdict::Passed => {
                counts.passed += 1;
                return;
            }
            Verdict::Failed(_) => counts.failed += 1,
            Verdict::Contained(_) => {
                counts.failed += 1;
                counts.contained += 1;
            }
            Verdict::HostFault(_) => counts.host_faults += 1,
        }
        self.failures.push(Failure {
            file: file.to_owned(),
            way: format!("{way:?}").to_lowercase(),
            verdict: verdict.clone(),
        });
    }

    /// Files that the host could not run.
    pub fn host_faults(&self) -> u64 {
        self.folders.values().map(|counts| counts.host_faults).sum()
    }

    /// The totals as a table in Markdown.
    pub fn table(&self) -> String {
        let mut tops: BTreeMap<&str, Counts> = BTreeMap::new();
        for (folder, counts) in &self.folders {
            let top = folder.split('/').next().unwrap_or(folder);
            tops.entry(top).or_default().add(counts);
        }
        let mut all = Counts::default();
        tops.values().for_each(|counts| all.add(counts));
        let mut text = format!("test262 {}, {} s\n\n", self.suite, self.seconds);
        text += "| folder | files run | passed | | failed | of them contained | host faults | not applicable |\n";
        text += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for (folder, counts) in &self.folders {
            if counts.failed + counts.host_faults > 0 {
                counts.row(folder, &mut text);
            }
        }
        for (folder, counts) in &tops {
            counts.row(&format!("**{folder}**"), &mut text);
        }
        all.row("**all**", &mut text);
        let _ = writeln!(
            text,
            "\n{} runs. Not applicable, since they ask for:\n",
            all.runs
        );
        for (what, count) in &self.not_applicable {
            let _ = writeln!(text, "- {what}: {count}");
        }
        text
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.run += other.run;
        self.runs += other.runs;
        self.passed += other.passed;
        self.failed += other.failed;
        self.contained += other.contained;
        self.host_faults += other.host_faults;
        self.not_applicable += other.not_applicable;
    }

    fn row(&self, name: &str, text: &mut String) {
        let share = 100.0 * self.passed as f64 / self.run.max(1) as f64;
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {share:.2} % | {} | {} | {} | {} |",
            self.run,
            self.passed,
            self.failed,
            self.contained,
            self.host_faults,
            self.not_applicable
        );
    }
}
