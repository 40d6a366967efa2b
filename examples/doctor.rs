//! Says what the environment configures, where each value comes from, and whether the receivers answer; ends with 1 if
//! something is wrong. A program of yours has the same with its own settings: `llm_trace::builder()….doctor()`.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    let report = llm_trace::doctor();
    writeln!(io::stdout(), "{report}")?;
    Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
