//! Totals by folder, and everything that did not pass.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judge::{self, Failure, Ran};

/// What came of one folder.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Runs of files, one a variant.
    pub files: u64,
    /// Runs of files whose tests all passed.
    pub whole: u64,
    /// Tests that were run, those that are not applicable left out.
    pub tests: u64,
    /// Tests that passed.
    pub passed: u64,
    /// Runs that the sandbox ended at a limit or a trap.
    pub contained: u64,
    /// Runs that the host failed on.
    pub host_faults: u64,
    /// Files, and tests of files that were run, that ask for what a step does not have.
    pub not_applicable: u64,
}

/// Everything that came of the suites.
#[derive(Debug, Default)]
pub struct Report {
    /// By folder.
    pub folders: BTreeMap<String, Counts>,
    /// Why files and tests were not applicable.
    pub not_applicable: BTreeMap<&'static str, u64>,
    /// Every test that did not pass.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Counts a file that is not applicable.
    pub fn leave_out(&mut self, file: &str, what: &'static str) {
        self.folder(file).not_applicable += 1;
        *self.not_applicable.entry(what).or_default() += 1;
    }

    /// Counts one run of a file.
    pub fn add(&mut self, file: &str, ran: Ran) {
        let (contained, host_fault) = match &ran {
            Ran::Contained(_) => (1, 0),
            Ran::HostFault(_) => (0, 1),
            _ => (0, 0),
        };
        let result = match ran {
            Ran::Finished(result) => judge::read(file, &result),
            Ran::Failed(why) => Err(format!("the step failed: {why}")),
            Ran::Contained(why) => Err(format!("contained: {why}")),
            Ran::HostFault(why) => Err(format!("HOST: {why}")),
        };
        let result = result.unwrap_or_else(|why| judge::FileResult {
            failed: vec![Failure {
                file: file.to_owned(),
                test: "the file".to_owned(),
                why,
            }],
            ..judge::FileResult::default()
        });
        let counts = self.folder(file);
        counts.files += 1;
        counts.whole += u64::from(result.failed.is_empty());
        counts.tests += result.passed + result.failed.len() as u64;
        counts.passed += result.passed;
        counts.contained += contained;
        counts.host_faults += host_fault;
        counts.not_applicable += result.absent.len() as u64;
        for what in result.absent {
            *self.not_applicable.entry(what).or_default() += 1;
        }
        self.failures.extend(result.failed);
    }

    fn folder(&mut self, file: &str) -> &mut Counts {
        let mut parts: Vec<&str> = file.split('/').collect();
        parts.pop();
        parts.truncate(3);
        self.folders.entry(parts.join("/")).or_default()
    }

    /// Runs that the host failed on.
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
        let mut text = String::from(
            "| folder | files run | all passed | tests | passed | | contained | host faults | not applicable |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for (folder, counts) in &self.folders {
            if folder.contains('/') && counts.files > 0 {
                counts.row(folder, &mut text);
            }
        }
        for (folder, counts) in &tops {
            counts.row(&format!("**{folder}**"), &mut text);
        }
        text += "\nNot applicable, since they ask for:\n\n";
        for (what, count) in &self.not_applicable {
            let _ = writeln!(text, "- {what}: {count}");
        }
        text
    }

    /// All of it as JSON.
    pub fn json(&self) -> Value {
        let folder = |(name, counts): (&String, &Counts)| {
            let Counts {
                files,
                whole,
                tests,
                passed,
                contained,
                host_faults,
                not_applicable,
            } = counts;
            json!({
                "folder": name, "files": files, "whole": whole, "tests": tests, "passed": passed,
                "contained": contained, "hostFaults": host_faults, "notApplicable": not_applicable,
            })
        };
        let failure = |failure: &Failure| {
            let Failure { file, test, why } = failure;
            json!({ "file": file, "test": test, "why": why })
        };
        json!({
            "folders": self.folders.iter().map(folder).collect::<Vec<_>>(),
            "notApplicable": self.not_applicable,
            "failures": self.failures.iter().map(failure).collect::<Vec<_>>(),
        })
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.whole += other.whole;
        self.tests += other.tests;
        self.passed += other.passed;
        self.contained += other.contained;
        self.host_faults += other.host_faults;
        self.not_applicable += other.not_applicable;
    }

    fn row(&self, name: &str, text: &mut String) {
        let share = 100.0 * self.passed as f64 / self.tests.max(1) as f64;
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {share:.2} % | {} | {} | {} |",
            self.files,
            self.whole,
            self.tests,
            self.passed,
            self.contained,
            self.host_faults,
            self.not_applicable
        );
    }
}
