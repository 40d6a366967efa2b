//! The tables of `docs/configuration.md`: written from here, and held against what the code reads, against its defaults and against the
//! specification.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::{Settings, Source};
use crate::settings::{ConfigError, builder};

mod rows;

use rows::TABLES;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
const REWRITE: &str = "UPDATE_DOCS=1 cargo test -p llm-trace --lib settings::resolved::table";

/// One table of the page, by the name of its marks.
struct Table {
    name: &'static str,
    rows: &'static [Row],
}

/// Variables that are treated alike. `A_{B,C}` is `A_B` and `A_C`.
struct Row {
    names: &'static [&'static str],
    honoured: Honoured,
    default: Default,
    /// The builder's methods for the same, in Markdown.
    builder: &'static str,
    effect: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Honoured {
    Yes,
    No,
    /// Read, and warned about.
    Warning,
    /// An invalid value is an error; a valid one has no effect.
    Checked,
}

enum Default {
    Empty,
    /// In Markdown.
    Text(&'static str),
    /// The value without the variable.
    Of(fn(&Settings) -> String),
}

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

/// Records what is asked for, and has nothing but a receiver of everything.
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

/// The settings without variables, and the variables that were read.
fn resolved() -> (Settings, BTreeSet<String>) {
    let witness = Witness::default();
    let settings = Settings::resolve(&builder(), &witness).expect("valid").expect("not disabled");
    (settings, witness.0.into_inner().into_iter().map(str::to_owned).collect())
}

/// `A_{B,C}` is `A_B` and `A_C`.
fn expanded(name: &str) -> Vec<String> {
    let Some((before, rest)) = name.split_once('{') else { return vec![name.to_owned()] };
    let (words, after) = rest.split_once('}').expect("a closing brace");
    words.split(',').map(|word| format!("{before}{word}{after}")).collect()
}

/// Each variable of the tables, and whether it is honoured.
fn documented() -> BTreeMap<String, Honoured> {
    let mut documented = BTreeMap::new();
    for row in TABLES.iter().flat_map(|table| table.rows) {
        for name in row.names.iter().copied().flat_map(expanded) {
            let before = documented.insert(name.clone(), row.honoured);
            assert!(before.is_none(), "{name} is there twice");
        }
    }
    documented
}

fn markdown(rows: &[Row], settings: &Settings) -> String {
    let mut table = String::from(
        "| variable | honoured | default | builder | effect |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let names: Vec<String> = row.names.iter().map(|name| format!("`{name}`")).collect();
        let honoured = match row.honoured {
            Honoured::Yes => "yes",
            Honoured::No => "no",
            Honoured::Warning => "warning",
            Honoured::Checked => "checked",
        };
        let default = match row.default {
            Default::Empty => String::new(),
            Default::Text(text) => text.to_owned(),
            Default::Of(value) => format!("`{}`", value(settings)),
        };
        let cells =
            [names.join(", "), honoured.to_owned(), default, row.builder.to_owned(), row.effect.to_owned()];
        for cell in cells {
            write!(table, "|{}{cell} ", if cell.is_empty() { "" } else { " " }).unwrap();
        }
        table.push_str("|\n");
    }
    table
}

/// `text` with `table` between the marks of that name.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once("<!-- end -->").expect("an end of the table");
    format!("{before}{begin}\n{table}\n<!-- end -->{after}")
}

#[test]
fn the_page_has_the_tables() {
    let (settings, _) = resolved();
    let text = std::fs::read_to_string(PAGE).expect("the page");
    let expected = TABLES
        .iter()
        .fold(text, |text, table| with_table(&text, table.name, &markdown(table.rows, &settings)));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &expected).expect("the page can be written");
    }
    let found = std::fs::read_to_string(PAGE).expect("the page");
    assert!(found == expected, "docs/configuration.md is out of date: {REWRITE}");
    assert_eq!(found.matches("<!-- generated: ").count(), TABLES.len(), "a mark without a table");
}

#[test]
fn the_tables_say_of_every_variable_what_the_code_does() {
    let (_, read) = resolved();
    let documented = documented();
    let is_read = |name: &&String| documented[*name] != Honoured::No;
    assert_eq!(documented.keys().filter(is_read).cloned().collect::<BTreeSet<_>>(), read);

    let specified: BTreeSet<String> = SPECIFICATION.iter().copied().flat_map(expanded).collect();
    let missing: Vec<_> = specified.iter().filter(|name| !documented.contains_key(*name)).collect();
    assert!(missing.is_empty(), "the tables do not mention {missing:?}");
}

/// Milliseconds, as variables have them.
fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}
