//! Holds `docs/configuration.md` against the code and the specification.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::super::{ConfigError, builder};
use super::{Settings, Source};

/// The variables of the specification's pages on the SDK and on the OTLP exporter.
const SPECIFICATION: &[&str] = &[
    "OTEL_SDK_DISABLED",
    "OTEL_ENTITIES",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "OTEL_LOG_LEVEL",
    "OTEL_PROPAGATORS",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_BSP_{SCHEDULE_DELAY,EXPORT_TIMEOUT,MAX_QUEUE_SIZE,MAX_EXPORT_BATCH_SIZE}",
    "OTEL_BLRP_{SCHEDULE_DELAY,EXPORT_TIMEOUT,MAX_QUEUE_SIZE,MAX_EXPORT_BATCH_SIZE}",
    "OTEL_ATTRIBUTE_{VALUE_LENGTH,COUNT}_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_{VALUE_LENGTH,COUNT}_LIMIT",
    "OTEL_SPAN_{EVENT,LINK}_COUNT_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LOGRECORD_ATTRIBUTE_{VALUE_LENGTH,COUNT}_LIMIT",
    "OTEL_{TRACES,METRICS,LOGS}_EXPORTER",
    "OTEL_METRICS_EXEMPLAR_FILTER",
    "OTEL_METRIC_EXPORT_{INTERVAL,TIMEOUT}",
    "OTEL_EXPORTER_OTLP_{ENDPOINT,INSECURE,CERTIFICATE,CLIENT_KEY,CLIENT_CERTIFICATE,HEADERS,COMPRESSION,TIMEOUT,PROTOCOL}",
    "OTEL_EXPORTER_OTLP_TRACES_{ENDPOINT,INSECURE,CERTIFICATE,CLIENT_KEY,CLIENT_CERTIFICATE,HEADERS,COMPRESSION,TIMEOUT,PROTOCOL}",
    "OTEL_EXPORTER_OTLP_METRICS_{ENDPOINT,INSECURE,CERTIFICATE,CLIENT_KEY,CLIENT_CERTIFICATE,HEADERS,COMPRESSION,TIMEOUT,PROTOCOL}",
    "OTEL_EXPORTER_OTLP_LOGS_{ENDPOINT,INSECURE,CERTIFICATE,CLIENT_KEY,CLIENT_CERTIFICATE,HEADERS,COMPRESSION,TIMEOUT,PROTOCOL}",
    "OTEL_EXPORTER_OTLP_METRICS_{TEMPORALITY_PREFERENCE,DEFAULT_HISTOGRAM_AGGREGATION}",
    "OTEL_EXPORTER_OTLP_{SPAN,METRIC}_INSECURE",
    "OTEL_EXPORTER_ZIPKIN_{ENDPOINT,TIMEOUT}",
    "OTEL_EXPORTER_PROMETHEUS_{HOST,PORT}",
    "OTEL_CONFIG_FILE",
    "OTEL_EXPERIMENTAL_CONFIG_FILE",
];

/// Notes what is asked for, and has nothing but a receiver of everything.
#[derive(Default)]
struct Witness(RefCell<BTreeSet<&'static str>>);

impl Source for Witness {
    fn get(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        self.0.borrow_mut().insert(variable);
        Ok((variable == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://c:4318".to_owned()))
    }

    fn stderr_is_terminal(&self) -> bool {
        false
    }
}

/// `A_{B,C}` is `A_B` and `A_C`.
fn expanded(name: &str) -> Vec<String> {
    let Some((before, rest)) = name.split_once('{') else { return vec![name.to_owned()] };
    let (words, after) = rest.split_once('}').expect("a closing brace");
    words.split(',').map(|word| format!("{before}{word}{after}")).collect()
}

/// Each variable of the page's tables, and whether it is honoured.
fn documented() -> BTreeMap<String, String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut documented = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = row.trim_matches('|').split(" | ");
        let (names, honoured) = (cells.next().expect("names"), cells.next().expect("honoured").trim());
        for name in names.split('`').filter(|name| name.contains('_')).flat_map(expanded) {
            let before = documented.insert(name.clone(), honoured.to_owned());
            assert_eq!(before, None, "{name} is there twice");
        }
    }
    documented
}

#[test]
fn the_page_says_of_every_variable_what_the_code_does() {
    let witness = Witness::default();
    Settings::resolve(builder(), &witness).expect("valid");
    let read: BTreeSet<String> = witness.0.into_inner().into_iter().map(str::to_owned).collect();
    let documented = documented();
    let is_read = |name: &&String| documented[*name] != "no";
    assert_eq!(documented.keys().filter(is_read).cloned().collect::<BTreeSet<_>>(), read);

    let specified: BTreeSet<String> = SPECIFICATION.iter().copied().flat_map(expanded).collect();
    let missing: Vec<_> = specified.iter().filter(|name| !documented.contains_key(*name)).collect();
    assert!(missing.is_empty(), "the page does not mention {missing:?}");
}
