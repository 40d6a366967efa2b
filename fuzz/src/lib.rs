//! Runs parsers of untrusted input on mutations of a corpus, which includes past failures.
//!
//! A target is a test named `fuzz_…`, next to its parser, which checks properties of one input. `cargo test` mutates
//! the corpus a fixed number of times with a fixed seed; `scripts/fuzz.sh` runs for a given time with a random seed.
//! There is no coverage instrumentation: an input with a new outcome joins the pool that is mutated further.

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "for whoever runs the tests")]

use std::cell::Cell;
use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The duration in seconds, instead of [`RUNS`] runs.
const SECONDS: &str = "LLM_TRACE_FUZZ_SECONDS";

/// Takes a second or two per target in a debug build.
const RUNS: usize = 3000;

/// Longer inputs take more time without new outcomes. The tests of redaction cover long texts.
const MAX_BYTES: usize = 16 << 10;

/// The maximum number of pooled inputs besides the corpus.
const MAX_POOL: usize = 1000;

/// Tokens that random mutation is unlikely to produce.
const WORDS: &[&str] = &[
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "-9223372036854775808",
    "-1",
    "0",
    "1e999",
    "-1e999",
    "1.5",
    "NaN",
    "inf",
    "31536000",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "\"a\":",
    ",",
    "\n",
    "\r\n",
    "\u{0}",
    "\u{1b}[2J",
    "\u{202e}",
    "é",
    "\u{1f980}",
    "%00",
    "%e2%98",
    "=",
    ";",
    ": ",
    "../",
    "://",
    "{\"",
    "\\u0000",
    "\\ud800",
];

thread_local! {
    static SWALLOWED: Cell<usize> = const { Cell::new(0) };
}

/// Reports a caught panic. User code may panic and is caught; a fuzz target runs none, so the panic is a bug of the
/// library.
pub fn panic_was_swallowed() {
    SWALLOWED.set(SWALLOWED.get() + 1);
}

/// Checks every input of `corpus/{target}`, and mutations of them. The `Debug` form of the result of `check` identifies
/// the outcome.
///
/// # Panics
///
/// If `check` panics. The input is then in `failed`; move it to the corpus to run it first from then on.
pub fn fuzz(target: &str, check: impl Fn(&[u8]) -> String) {
    fuzz_times(target, RUNS, check);
}

/// As [`fuzz`], with a given number of runs, for slower targets.
///
/// # Panics
///
/// As [`fuzz`].
pub fn fuzz_times(target: &str, times: usize, check: impl Fn(&[u8]) -> String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pool = corpus(&root.join("corpus").join(target));
    let corpus_size = pool.len();
    let end = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok()).map(|seconds| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        (Instant::now() + Duration::from_secs(seconds), u64::try_from(since.as_nanos()).unwrap_or(1))
    });
    let mut random = Random(end.map_or(0x9E37_79B9_7F4A_7C15, |(_, seed)| seed | 1));
    let mut shapes = HashSet::new();
    let mut runs = 0_usize;
    loop {
        let input = match pool.get(runs) {
            Some(input) if runs < corpus_size => input.clone(),
            _ => random.mutated(&pool),
        };
        let shape = checked(&input, &check, &root.join("failed"), target);
        if shapes.insert(shape) && runs >= corpus_size && pool.len() < corpus_size + MAX_POOL {
            pool.push(input);
        }
        runs += 1;
        let is_over =
            end.map_or(runs >= times + corpus_size, |(end, _)| Instant::now() >= end && runs >= corpus_size);
        if is_over {
            break;
        }
    }
    assert!(
        shapes.len() > 2,
        "{target}: {} outcomes of {runs} inputs: they do not reach the parser",
        shapes.len()
    );
    // A row for the table of `scripts/faults.sh`.
    println!("FAULT|fuzz: {target}, {runs} inputs|goes on|||||||");
}

fn corpus(folder: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable file")).collect()
}

/// Runs `check` and hashes the shape of the outcome: its words without texts and numbers.
fn checked(input: &[u8], check: impl Fn(&[u8]) -> String, failed: &Path, target: &str) -> u64 {
    SWALLOWED.set(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let outcome = check(input);
        assert_eq!(SWALLOWED.get(), 0, "a panic was swallowed");
        outcome
    }));
    match outcome {
        Ok(outcome) => shape(&outcome),
        Err(panic) => {
            let mut hash = DefaultHasher::new();
            input.hash(&mut hash);
            let path = failed.join(format!("{target}-{:016x}", hash.finish()));
            let kept = fs::create_dir_all(failed).and_then(|()| fs::write(&path, input));
            eprintln!("{target} failed on {} ({kept:?})", path.display());
            resume_unwind(panic)
        }
    }
}

fn shape(outcome: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    let mut is_text = false;
    for byte in outcome.bytes() {
        is_text ^= byte == b'"';
        if !is_text && !byte.is_ascii_digit() {
            byte.hash(&mut hash);
        }
    }
    hash.finish()
}

/// Xorshift. Any deterministic generator is good enough.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length } else { 16 };
        start..start + self.below((length - start).min(most) + 1)
    }

    fn mutated(&mut self, pool: &[Vec<u8>]) -> Vec<u8> {
        let mut input = pool[self.below(pool.len())].clone();
        for _ in 0..=self.below(4) {
            self.mutate(&mut input, pool);
            input.truncate(MAX_BYTES);
        }
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, pool: &[Vec<u8>]) {
        let word = WORDS[self.below(WORDS.len())].as_bytes();
        let place = self.range(input.len());
        match self.below(10) {
            0 if !input.is_empty() => {
                let at = self.below(input.len());
                input[at] ^= 1 << self.below(8);
            }
            1 => drop(input.splice(place.start..place.start, word.iter().copied())),
            2 => drop(input.drain(place)),
            3 => {
                let piece = input[place.clone()].repeat(1 + self.below(64));
                drop(input.splice(place.end..place.end, piece));
            }
            4 => {
                let other = &pool[self.below(pool.len())];
                let piece = other[self.range(other.len())].to_vec();
                drop(input.splice(place, piece));
            }
            5 => {
                let long = vec![word.first().copied().unwrap_or_default(); 1 << self.below(12)];
                drop(input.splice(place.start..place.start, long));
            }
            // Keeps the input around it parseable.
            6 | 7 => Self::replace(input, place.start, word, |byte| {
                byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
            }),
            8 => Self::replace(input, place.start, word, |byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            _ => {
                let other = &pool[self.below(pool.len())];
                let from = self.below(other.len());
                let piece: Vec<u8> = other[from..]
                    .iter()
                    .copied()
                    .take_while(|byte| !matches!(byte, b'"' | b'\n' | b','))
                    .collect();
                Self::replace(input, place.start, &piece, |byte| !matches!(byte, b'"' | b'\n' | b','));
            }
        }
    }

    /// Replaces the first run of such bytes at or after a position.
    fn replace(input: &mut Vec<u8>, from: usize, by: &[u8], belongs: fn(u8) -> bool) {
        let Some(start) = input[from..].iter().position(|byte| belongs(*byte)).map(|at| from + at) else {
            return;
        };
        let end = input[start..].iter().position(|byte| !belongs(*byte)).map_or(input.len(), |at| start + at);
        drop(input.splice(start..end, by.iter().copied()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// The tests share one folder of failed inputs, which each of them empties.
    static FOLDER: Mutex<()> = Mutex::new(());

    fn fails(check: impl Fn(&[u8]) -> String) -> bool {
        let _folder = FOLDER.lock().unwrap_or_else(PoisonError::into_inner);
        let result = catch_unwind(AssertUnwindSafe(|| fuzz("mutator", check)));
        let failed = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("failed"));
        for file in failed.into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with("mutator-") {
                fs::remove_file(file.path()).expect("a file of this test");
            }
        }
        result.is_err()
    }

    #[test]
    fn failures_near_the_corpus_are_found() {
        assert!(fails(|input| {
            let text = String::from_utf8_lossy(input);
            let number = text.split("tokens\": ").nth(1).and_then(|rest| rest.split([',', '}']).next());
            let tokens: Option<u64> = number.and_then(|number| number.parse().ok());
            format!("{:?}", tokens.map(|tokens| i64::try_from(tokens).expect("fits")))
        }));
    }

    #[test]
    fn a_caught_panic_is_found() {
        assert!(fails(|input| {
            let read = catch_unwind(|| assert!(!input.contains(&0x1b), "in a reader"))
                .inspect_err(|_| panic_was_swallowed());
            format!("{} {}", read.is_ok(), input.len())
        }));
    }

    #[test]
    fn a_single_outcome_for_all_inputs_is_an_error() {
        assert!(fails(|_| "nothing".to_owned()));
    }
}
