//! `docs/configuration.md` has every variable of the specification and of llm-trace, as the code reads it.

use crate::settings::resolved::tests::precedence::{Case, cases};
use crate::settings::resolved::tests::*;

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

/// `A_{B,C}` is `A_B` and `A_C`.
fn expanded(name: &str) -> Vec<String> {
    let Some((before, rest)) = name.split_once('{') else { return vec![name.to_owned()] };
    let (words, after) = rest.split_once('}').expect("a closing brace");
    words.split(',').map(|word| format!("{before}{word}{after}")).collect()
}

/// A row of the page's tables of variables.
struct Row {
    names: Vec<String>,
    is_read: bool,
    default: String,
    methods: Vec<String>,
}

/// `| variable | honoured | default | builder | effect |`
fn rows() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let ["", names, honoured @ ("yes" | "no" | "warning" | "checked"), default, builder, _, ""] =
            cells[..]
        else {
            return None;
        };
        let names = words(names).iter().flat_map(|name| expanded(name)).collect();
        let default = default.trim_matches('`').to_owned();
        Some(Row { names, is_read: honoured != "no", default, methods: words(builder) })
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_page_has_every_variable_once_and_whether_it_is_read() {
    let source: Variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")].into_iter().collect();
    Settings::resolve(&builder(), &source).expect("valid").expect("not disabled");
    let read: BTreeSet<_> = source.read.into_inner().into_iter().map(str::to_owned).collect();
    let mut listed = BTreeSet::new();
    for row in rows() {
        for name in row.names {
            assert_eq!(read.contains(&name), row.is_read, "{name}");
            assert!(listed.insert(name.clone()), "{name} is there twice");
        }
    }
    let specified = SPECIFICATION.iter().copied().flat_map(expanded);
    let missing: Vec<_> = specified.chain(read).filter(|name| !listed.contains(name)).collect();
    assert!(missing.is_empty(), "the tables do not mention {missing:?}");
}

#[test]
fn the_page_has_the_defaults_and_methods_of_the_code() {
    let cases = cases();
    for Row { names, default, methods, .. } in rows() {
        let sets = |case: &&Case| case.parameters().any(|name| names.iter().any(|other| other == name));
        let cases: Vec<_> = cases.iter().filter(sets).collect();
        let Some(first) = cases.first() else { continue };
        // Such are upper bounds, and no defaults of the rows on which they have an effect.
        let is_bound = names[0].ends_with("_EXPORT_TIMEOUT");
        if !is_bound && (default.parse::<u64>().is_ok() || default.parse::<bool>().is_ok()) {
            assert_eq!(Some(default.as_str()), first.default.split(' ').next(), "{names:?}");
        }
        let parameters: BTreeSet<_> = cases.iter().flat_map(|case| case.parameters()).collect();
        let is_known =
            |method: &String| method == "baggage" || method == "with_view" || parameters.contains(&**method);
        let unknown: Vec<_> = methods.iter().filter(|method| !is_known(method)).collect();
        assert!(unknown.is_empty(), "{names:?} is not what {unknown:?} sets");
    }
}
