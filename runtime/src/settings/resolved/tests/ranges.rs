//! Every number has a range, which the page of the configuration says. Outside of it a number is an error.

use crate::settings::resolved::tests::*;

/// Variable, least and most.
const RANGES: &[(&str, u64, u64)] = &[
    ("OTEL_EXPORTER_OTLP_TIMEOUT", 1, MILLISECONDS),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", 1, MILLISECONDS),
    ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", 1, MILLISECONDS),
    ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", 1, MILLISECONDS),
    ("OTEL_BSP_SCHEDULE_DELAY", 1, MILLISECONDS),
    ("OTEL_BSP_MAX_QUEUE_SIZE", 1, QUEUE),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, QUEUE),
    ("OTEL_BSP_EXPORT_TIMEOUT", 0, MILLISECONDS),
    ("OTEL_BLRP_SCHEDULE_DELAY", 1, MILLISECONDS),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", 1, QUEUE),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", 1, QUEUE),
    ("OTEL_BLRP_EXPORT_TIMEOUT", 0, MILLISECONDS),
    ("OTEL_METRIC_EXPORT_INTERVAL", 1, MILLISECONDS),
    ("OTEL_METRIC_EXPORT_TIMEOUT", 0, MILLISECONDS),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, LIMIT),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", 0, LIMIT),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, LIMIT),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0, LIMIT),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", 0, LIMIT),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", 0, LIMIT),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 0, LIMIT),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 0, LIMIT),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, LIMIT),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", 0, LIMIT),
    ("OTEL_TRACES_SAMPLER_ARG", 0, 1),
    ("LLM_TRACE_METRIC_CARDINALITY_LIMIT", 1, 100_000),
    #[cfg(feature = "spool")]
    ("LLM_TRACE_SPOOL_MAX_BYTES", 1, 1 << 40),
];

const MILLISECONDS: u64 = 2_147_483_647;
const QUEUE: u64 = 65_536;
const LIMIT: u64 = 4_294_967_295;

/// With one variable, and receivers of everything, so that all variables are read.
fn with(variable: &'static str, value: &str) -> Result<Settings> {
    let value: &'static str = value.to_owned().leak();
    let mut vars = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"), ("OTEL_LOGS_EXPORTER", "otlp")];
    for (batch, queue) in [
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "OTEL_BLRP_MAX_QUEUE_SIZE"),
    ] {
        if variable == batch {
            vars.push((queue, "65536"));
        }
    }
    vars.push((variable, value));
    resolve(builder(), &vars)
}

#[test]
fn every_number_of_the_environment_has_a_range() {
    for &(variable, least, most) in RANGES {
        for value in [least, most] {
            assert!(with(variable, &value.to_string()).is_ok(), "{variable}={value}");
        }
        let below = least.checked_sub(1).map_or_else(|| "-1".to_owned(), |below| below.to_string());
        let above = (most + 1).to_string();
        let outside =
            [below, above, u64::MAX.to_string(), "18446744073709551616".into(), i64::MIN.to_string()];
        let garbage =
            ["x", "1x", "0x10", "1,000", "1_000", "NaN", "inf", "\u{661}", "1 2"].map(str::to_owned);
        for value in outside.into_iter().chain(garbage) {
            let error = with(variable, &value).expect_err(&format!("{variable}={value}")).to_string();
            assert!(error.starts_with(&format!("{variable}: `")) && error.contains("expected "), "{error}");
            let says_the_range = [least, most].iter().all(|edge| error.contains(&edge.to_string()));
            assert!(says_the_range, "{error}");
        }
    }
}

/// The row of a variable in the page.
fn row<'a>(page: &'a str, variable: &str) -> &'a str {
    let signal =
        ["TRACES", "METRICS", "LOGS"].iter().find(|signal| variable.contains(&format!("OTLP_{signal}_")));
    let name = match signal {
        Some(signal) => variable.replacen(signal, "{TRACES,METRICS,LOGS}", 1),
        None => variable.to_owned(),
    };
    let quoted = format!("`{name}`");
    page.lines().find(|line| line.starts_with('|') && line.contains(&quoted)).expect(variable)
}

#[test]
fn the_page_says_every_range() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for &(variable, least, most) in RANGES {
        // The range of all limits is documented once, above their table.
        let range = format!("{least} to {most}");
        let row = row(&page, variable);
        assert!(row.contains(&range) || (most == LIMIT && page.contains(&range)), "{variable}: {row}");
    }
}

#[test]
fn every_number_of_the_builder_has_a_range() {
    const TIB: usize = 1 << 40;
    const GIB: usize = 1 << 30;
    let endpoint = || builder().with_endpoint("http://c:4318");
    let timeout = |timeout| endpoint().with_timeout(timeout);
    let inside = [
        timeout(Duration::from_nanos(1)),
        timeout(Duration::from_millis(MILLISECONDS)),
        endpoint().with_max_queue_bytes(1),
        endpoint().with_max_queue_bytes(TIB),
        endpoint().with_content_budget(0, GIB).with_request_content_budget(GIB),
        endpoint().with_metric_cardinality_limit(100_000),
        endpoint().with_sampler(Sampler::always_on().keeping_slower_than(Duration::MAX)),
        endpoint().with_sampler(Sampler::always_on().keeping_slower_than(Duration::ZERO)),
    ];
    for builder in inside {
        assert!(resolve(builder, &[]).is_ok());
    }
    let outside = [
        ("with_timeout", timeout(Duration::ZERO)),
        ("with_timeout", timeout(Duration::from_millis(MILLISECONDS + 1))),
        ("with_timeout", timeout(Duration::MAX)),
        ("with_max_queue_bytes", endpoint().with_max_queue_bytes(0)),
        ("with_max_queue_bytes", endpoint().with_max_queue_bytes(TIB + 1)),
        ("with_max_queue_bytes", endpoint().with_max_queue_bytes(usize::MAX)),
        ("with_content_budget", endpoint().with_content_budget(GIB + 1, 0)),
        ("with_content_budget", endpoint().with_content_budget(0, usize::MAX)),
        ("with_request_content_budget", endpoint().with_request_content_budget(usize::MAX)),
        ("with_metric_cardinality_limit", endpoint().with_metric_cardinality_limit(0)),
        ("with_metric_cardinality_limit", endpoint().with_metric_cardinality_limit(usize::MAX)),
        ("with_retry_second", endpoint().with_retry_second(Duration::ZERO)),
        ("with_retry_second", endpoint().with_retry_second(Duration::MAX)),
        ("with_sampler", endpoint().with_sampler(Sampler::ratio(f64::INFINITY))),
        ("with_sampler", endpoint().with_sampler(Sampler::ratio(-0.1))),
    ];
    for (method, builder) in outside {
        let error = resolve(builder, &[]).expect_err(method).to_string();
        assert!(error.starts_with(&format!("{method}: `")) && error.contains("expected "), "{error}");
    }
}

#[cfg(feature = "spool")]
#[test]
fn so_have_those_of_the_spool() {
    let year = Duration::from_secs(365 * 86_400);
    let limits = |bytes, age| resolve(builder().with_spool("/s").with_spool_limits(bytes, age), &[]);
    assert!(limits(1, Duration::from_nanos(1)).is_ok() && limits(1 << 40, year).is_ok());
    for (bytes, age) in [(0, year), (u64::MAX, year), (1, Duration::ZERO), (1, Duration::MAX)] {
        let error = limits(bytes, age).expect_err("outside").to_string();
        assert!(error.starts_with("with_spool_limits: `"), "{error}");
    }
    for age in ["0s", "366d", "31536001s", "18446744073709551615s", "-1s", "1", "s"] {
        assert!(resolve(builder(), &[("LLM_TRACE_SPOOL_MAX_AGE", age)]).is_err(), "{age}");
    }
    assert!(resolve(builder(), &[("LLM_TRACE_SPOOL_MAX_AGE", "365d")]).is_ok());
}
