// The guide: Markdown files of `docs/`, which rustdoc alone compiles. The text of this module is `docs/guide/README.md`.
//
// `links.md` defines the targets of links between pages. A page defines the same labels at its end, as paths of files, for readers
// of the repository: the first definition of a label counts, and the one in `links.md` comes first.

/// `name: "file" (features…)`. The code of a page that needs features is compiled with them only.
macro_rules! pages {
    ($($name:ident: $file:literal $(($($feature:literal),+))?,)+) => {$(
        #[doc = include_str!("links.md")]
        #[cfg_attr(all($($(feature = $feature),+)?), doc = include_str!(concat!("../../docs/", $file)))]
        #[cfg_attr(not(all($($(feature = $feature),+)?)), doc = concat!("See `docs/", $file, "`, or build the documentation with all features."))]
        pub mod $name {}
    )+};
}

pages! {
    getting_started: "guide/getting-started.md" ("otlp"),
    arguments: "guide/arguments.md",
    requests_and_responses: "guide/requests-and-responses.md",
    streaming: "guide/streaming.md",
    rag: "guide/rag.md",
    agents_and_tools: "guide/agents-and-tools.md",
    mcp: "guide/mcp.md" ("otlp"),
    by_hand: "guide/by-hand.md",
    propagation: "guide/propagation.md" ("otlp", "tower"),
    tags_and_baggage: "guide/tags-and-baggage.md" ("otlp"),
    content: "guide/content.md" ("otlp"),
    redaction: "redaction.md" ("otlp"),
    events: "guide/events.md",
    quality: "guide/quality.md" ("otlp"),
    metrics: "guide/metrics.md" ("otlp"),
    cost: "guide/cost.md",
    configuration: "configuration.md" ("otlp"),
    backends: "backends.md",
    delivery: "guide/delivery.md" ("otlp", "signals"),
    spool: "guide/spool.md" ("spool"),
    protocols: "guide/protocols.md",
    sampling: "guide/sampling.md" ("otlp"),
    openinference: "guide/openinference.md" ("otlp"),
    with_tracing: "guide/with-tracing.md" ("otlp"),
    testing: "guide/testing.md" ("testing"),
    troubleshooting: "guide/troubleshooting.md" ("otlp"),
    trust: "trust.md",
    performance: "guide/performance.md",
    semconv: "semconv.md",
}
