//! The environment.

use std::collections::HashMap;

use llm_trace_fuzz::fuzz;

use super::env::Source;
use super::resolved::Settings;
use super::{ConfigError, builder};

struct Vars(HashMap<String, String>);

impl Source for Vars {
    fn get(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        Ok(self.0.get(variable).filter(|value| !value.trim().is_empty()).cloned())
    }

    fn stderr_is_terminal(&self) -> bool {
        false
    }
}

/// The secret of every corpus file's headers.
const SECRET: &str = "hunter2hunter2";

#[test]
fn fuzz_environment() {
    fuzz("environment", |input| {
        let text = String::from_utf8_lossy(input);
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let vars = Vars(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
        let is_header = |name: &str| name.ends_with("_HEADERS");
        let is_elsewhere = vars.0.iter().any(|(name, value)| !is_header(name) && value.contains(SECRET));
        match Settings::resolve(&builder(), &vars) {
            Ok(settings) => format!("{settings:?}"),
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
