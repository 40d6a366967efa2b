//! Every value in force is shown with what decided it.

use crate::enrich::quality::QualitySignals;
use crate::settings::resolved::tests::*;

/// The value and the origin of a row of the doctor.
fn shown(builder: &Builder, vars: Pairs<'_>, name: &str) -> (String, String) {
    let source = Vars { values: vars.iter().copied().collect(), terminal: false };
    let settings = Settings::resolve(builder, &source).expect("valid").expect("on");
    let row = settings.overview().into_iter().find(|row| row.name == name).expect("a row");
    (row.value, row.origin.to_string())
}

fn assert_shown(builder: &Builder, vars: Pairs<'_>, name: &str, value: &str, origin: &str) {
    assert_eq!(shown(builder, vars, name), (value.to_owned(), origin.to_owned()), "{name}, {vars:?}");
}

#[test]
fn propagators_are_the_builders_if_a_baggage_key_adds_one() {
    let keys = builder().with_baggage_keys(["tenant"]);
    let both = "tracecontext, baggage";
    assert_shown(&keys, &[], "propagators", both, "with_baggage_keys");
    let variable = "OTEL_PROPAGATORS";
    assert_shown(&keys, &[(variable, "tracecontext")], "propagators", both, "with_baggage_keys");
    assert_shown(&keys, &[(variable, "tracecontext,baggage")], "propagators", both, variable);
    assert_shown(&builder(), &[(variable, "none")], "propagators", "none", variable);
}

#[test]
fn a_header_is_of_what_gave_it_to_this_signal() {
    let variable = "OTEL_EXPORTER_OTLP_HEADERS";
    let vars = [(variable, "authorization=secret")];
    let cloud = builder().with_grafana_cloud("1", "eu", "glc").with_traces_endpoint("http://own:4318");
    assert_shown(&cloud, &vars, "traces header authorization", "***", variable);
    assert_shown(&cloud, &vars, "metrics header authorization", "***", "with_grafana_cloud");
    let given = cloud.with_header("Authorization", "secret");
    assert_shown(&given, &vars, "metrics header authorization", "***", "with_header");
}

#[cfg(feature = "spool")]
#[test]
fn a_delay_that_the_mode_of_the_spool_decides_is_of_that_mode() {
    let mode = ("LLM_TRACE_SPOOL_MODE", "write_ahead");
    let dir = builder().with_spool("d");
    assert_shown(&dir, &[mode], "span delay", "100 ms", "LLM_TRACE_SPOOL_MODE");
    let given = dir.clone().with_spool_mode(crate::SpoolMode::WriteAhead);
    assert_shown(&given, &[], "event delay", "100 ms", "with_spool_mode");
    let delay = ("OTEL_BSP_SCHEDULE_DELAY", "7");
    assert_shown(&dir, &[mode, delay], "span delay", "7 ms", "OTEL_BSP_SCHEDULE_DELAY");
    assert_shown(&dir, &[], "span delay", "5000 ms", "default");
}

#[test]
fn signals_of_quality_are_the_builders_also_if_they_are_the_default() {
    let given = builder().with_quality_signals(QualitySignals::default());
    assert_eq!(shown(&given, &[], "quality signals").1, "with_quality_signals");
    assert_eq!(shown(&builder(), &[], "quality signals").1, "default");
}

#[test]
fn content_cut_by_the_limit_of_texts_is_of_that_limit() {
    let limit = ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "500");
    let value = "500 bytes per attribute, 65536 per span";
    assert_shown(&builder(), &[limit], "content budget", value, limit.0);
    let given = builder().with_content_budget(400, 65536);
    let value = "400 bytes per attribute, 65536 per span";
    assert_shown(&given, &[limit], "content budget", value, "with_content_budget");
}

#[test]
fn events_that_a_foreign_variable_prevents_are_of_that_variable() {
    let foreign = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "smoke-signals");
    let endpoint = builder().with_endpoint("http://c:4318");
    assert_shown(&endpoint, &[foreign], "events", "nowhere", foreign.0);
}
