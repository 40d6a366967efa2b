//! The fault table: the final state of all spans, one row per fault. `scripts/faults.sh` prints the table.
#![expect(clippy::print_stdout, reason = "the rows")]

use std::collections::HashSet;

use opentelemetry_proto::tonic::trace::v1::Span;

/// The final states of the spans of one fault, over all processes of the test.
#[derive(Debug, Default)]
pub struct Row {
    /// The fault, in a few words.
    pub fault: String,
    /// Spans that programs began.
    pub started: u64,
    /// Different spans that arrived.
    pub delivered: u64,
    /// Spans that wait on disk for the next process.
    pub spooled: u64,
    /// Spans that had not ended when their program did.
    pub open: u64,
    /// Spans that were dropped, by reason.
    pub dropped: Vec<(&'static str, u64)>,
    /// Spans that arrived once more.
    pub duplicates: u64,
}

impl Row {
    /// A row of what arrived; the rest is filled in.
    pub fn of(fault: &str, started: u64, arrived: &[Span]) -> Self {
        let different: HashSet<_> = arrived.iter().map(|span| &span.span_id).collect();
        let delivered = different.len() as u64;
        let (fault, duplicates) = (fault.to_owned(), arrived.len() as u64 - delivered);
        Row { fault, started, delivered, duplicates, ..Row::default() }
    }

    /// Spans without a known state.
    pub fn lost(&self) -> u64 {
        let dropped: u64 = self.dropped.iter().map(|(_, count)| count).sum();
        self.started.saturating_sub(self.delivered + self.spooled + self.open + dropped)
    }

    /// Prints the row. Asserts that every span is in exactly one state.
    pub fn settle(&self) {
        let dropped: Vec<_> = self.dropped.iter().filter(|(_, count)| *count > 0).collect();
        let reasons: Vec<_> = dropped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let reasons = if reasons.is_empty() { "0".to_owned() } else { reasons.join(", ") };
        let Row { fault, started, delivered, spooled, open, duplicates, .. } = self;
        let lost = self.lost();
        println!("FAULT|{fault}|{started}|{delivered}|{spooled}|{open}|{reasons}|{lost}|{duplicates}");
        let somewhere = delivered + spooled + open + dropped.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(*started, somewhere, "{self:?}");
    }

    /// A row of a fault that `init` refuses with an error: no span is begun.
    pub fn refuse(fault: &str) {
        println!("FAULT|{fault}|an error of init|||||||");
    }

    /// A row of calls that are not counted in spans.
    pub fn survive(fault: &str) {
        println!("FAULT|{fault}|goes on|||||||");
    }

    /// Reports that a fault could not be injected here.
    pub fn skip(fault: &str, why: &str) {
        println!("FAULT|{fault}|SKIPPED: {why}|||||||");
    }
}
