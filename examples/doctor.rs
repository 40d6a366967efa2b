//! Prints the configuration from the environment with the source of each value, and checks whether the receivers
//! answer. Exits with 1 if there is a problem. Programs with settings in code call `llm_trace::builder()….doctor()`
//! instead.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> io::Result<ExitCode> {
    let report = llm_trace::doctor();
    writeln!(io::stdout(), "{report}")?;
    Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
