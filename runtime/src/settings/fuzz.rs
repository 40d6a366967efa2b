//! The environment.

use llm_trace_fuzz::fuzz;

use super::builder;
use super::env::Variables;
use super::resolved::Settings;

/// The secret of every corpus file's headers.
const SECRET: &str = "hunter2hunter2";

#[test]
fn fuzz_environment() {
    fuzz("environment", |input| {
        let text = String::from_utf8_lossy(input);
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let vars: Variables = pairs.collect();
        let is_header = |name: &str| name.ends_with("_HEADERS");
        let is_elsewhere = vars.values.iter().any(|(name, value)| !is_header(name) && value.contains(SECRET));
        match Settings::resolve(&builder(), &vars) {
            Ok(settings) => {
                let shown = format!("{settings:?}");
                assert!(is_elsewhere || !shown.contains(SECRET), "{shown}");
                shown
            }
            Err(error) => {
                let said = error.to_string();
                assert!(is_elsewhere || !said.contains(SECRET), "{said}");
                assert!(!said.contains(char::is_control), "{said:?}");
                // The value is in it, which is as long as it is in the environment.
                assert!(said.len() <= 4 * input.len() + 2000, "{said}");
                said.split(':').next().unwrap_or_default().to_owned()
            }
        }
    });
}
