//! Provider, model and usage → cost, or unknown.
//!
//! The same table has the context window of each model.
//!
//! Prices come from the `genai-prices` crate: an embedded, dated table with tiers, cache discounts and service
//! tiers. A model without a price is counted as unpriced, never as free.

#[cfg(feature = "pricing")]
mod rates;
#[cfg(feature = "pricing")]
pub(crate) mod table;

#[cfg(feature = "pricing")]
use std::collections::HashMap;
#[cfg(feature = "pricing")]
use std::sync::{Arc, LazyLock};
#[cfg(feature = "otlp")]
use std::time::Duration;
#[cfg(feature = "pricing")]
use std::time::SystemTime;

#[cfg(feature = "pricing")]
use crate::model::record::PricedModel;
use crate::model::record::{CallRecord, Price};
#[cfg(feature = "pricing")]
use crate::model::request::Request;
#[cfg(feature = "pricing")]
use crate::model::response::{Response, Usage};
#[cfg(feature = "pricing")]
use crate::value::bounds::Number;
#[cfg(feature = "pricing")]
use rates::Question;
#[cfg(all(feature = "otlp", feature = "pricing"))]
pub(crate) use table::Lookup;
#[cfg(feature = "pricing")]
pub(crate) use table::Table;

/// Source of prices, recorded next to each cost.
pub(crate) const SOURCE: &str = "genai-prices 0.2.1";

/// Providers that serve a model on hardware of the caller's own: no one sends a bill.
#[cfg(feature = "pricing")]
const LOCAL_PROVIDERS: &[&str] =
    &["ollama", "llama_cpp", "llama.cpp", "lm_studio", "vllm", "mistral_rs", "local"];

#[cfg(not(feature = "pricing"))]
pub(crate) fn price(_call: &CallRecord) -> Price {
    Price::None
}

#[cfg(not(feature = "pricing"))]
pub(crate) fn warm() {}

/// Waits until every call that has ended is written, but no longer than this.
#[cfg(all(feature = "otlp", feature = "pricing"))]
pub(crate) fn settle(patience: Duration) {
    table().settle(patience);
}

#[cfg(all(feature = "otlp", not(feature = "pricing")))]
pub(crate) fn settle(_patience: Duration) {}

#[cfg(feature = "pricing")]
static TABLE: Table = Table::new();

/// Returns the price table of this process.
#[cfg(feature = "pricing")]
pub(crate) fn table() -> &'static Table {
    #[cfg(test)]
    if let Some(table) = table::tests::OF_THREAD.get() {
        return table;
    }
    &TABLE
}

/// Prices a call at the rates in effect when it ended, if calls of its kind are counted. Waits for the table.
#[cfg(feature = "pricing")]
pub(crate) fn price(call: &CallRecord) -> Price {
    if call.site.kind.counts_usage() {
        price_of(&call.request, &call.response, call.end())
    } else {
        Price::None
    }
}

/// Returns whether the table has to be asked for the price of a call.
#[cfg(all(feature = "otlp", feature = "pricing"))]
pub(crate) fn is_in_table(call: &CallRecord) -> bool {
    call.site.kind.counts_usage() && priced_usage(&call.request, &call.response).is_some()
}

/// Returns the usage that has a price, whether it is known or not.
#[cfg(feature = "pricing")]
fn priced_usage(request: &Request, response: &Response) -> Option<Usage> {
    let provider = request.provider.as_deref().map(table_provider);
    if provider.is_some_and(|provider| LOCAL_PROVIDERS.contains(&provider)) {
        return None;
    }
    let is_priced = |usage: &Usage| counts(usage).iter().any(|(_, count)| count.is_some());
    let is_whole = |usage: &Usage| !usage.is_partial;
    response.usage.filter(is_priced).filter(is_whole)
}

#[cfg(feature = "pricing")]
fn price_of(request: &Request, response: &Response, at: SystemTime) -> Price {
    let Some(usage) = priced_usage(request, response) else { return Price::None };
    let provider = request.provider.as_deref().map(table_provider);
    // The response names the exact version that was billed; the request's alias is the fallback.
    let models = [response.model.as_deref(), request.model.as_deref()];
    let service_tier = response.rest().service_tier.as_deref();
    for model in models.into_iter().flatten() {
        let question = Question { provider, model, service_tier, at };
        match rates::price(question, &usage, |usage| table_price(question, usage)) {
            Ok(Price::Known { usd, model }) => {
                return Number::Cost.check(usd).map_or(Price::None, |usd| Price::Known { usd, model });
            }
            Ok(Price::None) => return Price::None,
            // More cached tokens than input: no fault of the model's, which has a price.
            Err(error) if error.kind() == genai_prices::ErrorKind::InvalidUsage => return Price::None,
            Ok(Price::Unknown) | Err(_) => {}
        }
    }
    Price::Unknown
}

#[cfg(feature = "pricing")]
static WINDOWS: LazyLock<HashMap<Arc<str>, u64>> = LazyLock::new(|| {
    let providers = genai_prices::Calculator::bundled().providers();
    let models = providers.flat_map(|provider| provider.models().map(move |model| (provider, model)));
    models
        .filter_map(|(provider, model)| Some((name(provider.id(), model.id()), model.context_window()?)))
        .collect()
});

/// Returns a model of the table.
#[cfg(feature = "pricing")]
fn priced_model(provider: &str, model: &str) -> Arc<PricedModel> {
    let name = name(provider, model);
    Arc::new(PricedModel { context_window: WINDOWS.get(&name).copied(), name })
}

#[cfg(feature = "pricing")]
fn name(provider: &str, model: &str) -> Arc<str> {
    [provider, "/", model].concat().into()
}

/// Decodes the price table ahead of its first use, on a separate thread: it takes tens of milliseconds, and ten times that unoptimised.
#[cfg(feature = "pricing")]
pub(crate) fn warm() {
    table().load(|| {
        // The first lookup also compiles the table's regular expressions.
        let (provider, model) = (Some("openai"), "gpt-4o-mini");
        let question = Question { provider, model, service_tier: None, at: SystemTime::now() };
        let _ = table_price(question, &Usage::input(1));
        LazyLock::force(&WINDOWS);
    });
}

#[cfg(feature = "pricing")]
fn table_price(question: Question<'_>, usage: &Usage) -> genai_prices::Result<Price> {
    use genai_prices::ErrorKind;
    let usage = table_usage(usage);
    let mut query = genai_prices::PriceRequest::new(question.model, &usage).with_timestamp(question.at);
    if let Some(provider) = question.provider {
        query = query.with_provider_id(provider);
    }
    query = match question.service_tier {
        // Anthropic's word for its batch interface.
        Some("batch") => query.with_price_context("processing", "batch"),
        Some(tier) => query.with_price_context("service_tier", tier),
        None => query,
    };
    match genai_prices::calculate(&query) {
        Ok(found) => Ok(Price::Known {
            usd: found.total_price,
            model: priced_model(&found.provider_id, &found.model_id),
        }),
        Err(error) if matches!(error.kind(), ErrorKind::ProviderNotFound | ErrorKind::ModelNotFound) => {
            Ok(Price::Unknown)
        }
        Err(error) => Err(error),
    }
}

/// The table's name for a provider where it differs from the conventions'.
#[cfg(feature = "pricing")]
fn table_provider(provider: &str) -> &str {
    match provider {
        "x_ai" => "x-ai",
        "azure.ai.inference" => "azure",
        "gcp.gen_ai" => "google",
        other => other,
    }
}

#[cfg(feature = "pricing")]
fn table_usage(usage: &Usage) -> genai_prices::Usage {
    let mut reported = genai_prices::Usage::new();
    for (key, count) in counts(usage) {
        if let Some(count) = count {
            #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
            reported.insert(key, count as f64);
        }
    }
    reported
}

/// Returns the counts that the table has prices for: first the [`PLAIN`] counts, then the less common ones.
#[cfg(feature = "pricing")]
fn counts(usage: &Usage) -> [(genai_prices::UsageKey, Option<u64>); 8] {
    use crate::model::response::Modality::Audio;
    use genai_prices::UsageKey;
    [
        (UsageKey::INPUT_TOKENS, usage.input_tokens),
        (UsageKey::OUTPUT_TOKENS, usage.output_tokens),
        (UsageKey::CACHE_READ_TOKENS, usage.cache_read_input_tokens),
        (UsageKey::CACHE_WRITE_TOKENS, usage.cache_creation_input_tokens),
        (UsageKey::CACHE_WRITE_1H_TOKENS, usage.priced_apart.cache_write_1h),
        (UsageKey::INPUT_AUDIO_TOKENS, usage.input_tokens_of(Audio)),
        (UsageKey::OUTPUT_AUDIO_TOKENS, usage.output_tokens_of(Audio)),
        (UsageKey::WEB_SEARCHES, usage.priced_apart.web_searches),
    ]
}

#[cfg(feature = "pricing")]
const PLAIN: usize = 4;

#[cfg(all(test, feature = "pricing"))]
mod tests {
    use super::*;
    use crate::model::site::Kind;

    fn price_for(provider: &str, model: &str, usage: Usage) -> Price {
        let mut request = Request::new(Kind::Chat);
        request.provider(provider);
        request.model(model);
        price_of(&request, &Response::new().with_usage(usage), SystemTime::now())
    }

    fn usd(price: &Price) -> f64 {
        match price {
            Price::Known { usd, .. } => *usd,
            other => panic!("expected a price, got {other:?}"),
        }
    }

    #[test]
    fn cached_input_is_cheaper_than_fresh_input() {
        let fresh = usd(&price_for("openai", "gpt-4o-mini", Usage::new(1_000_000, 0)));
        let cached =
            usd(&price_for("openai", "gpt-4o-mini", Usage::new(1_000_000, 0).with_cache_read(1_000_000)));
        assert!((fresh - 0.15).abs() < 1e-9, "{fresh}");
        assert!((cached - 0.075).abs() < 1e-9, "{cached}");
    }

    #[test]
    fn a_dated_response_model_is_priced_and_says_whose_price_it_used() {
        let mut request = Request::new(Kind::Chat);
        request.provider("openai");
        request.model("my-deployment");
        let response = Response::new().with_model("gpt-4o-mini-2024-07-18").with_usage(Usage::new(1000, 100));
        let Price::Known { model, .. } = price_of(&request, &response, SystemTime::now()) else {
            panic!("unpriced")
        };
        assert_eq!(&*model.name, "openai/gpt-4o-mini");
    }

    #[test]
    fn an_unknown_model_is_unknown_and_not_free() {
        assert_eq!(price_for("openai", "no-such-model", Usage::new(1, 1)), Price::Unknown);
        assert_eq!(price_for("no-such-provider", "gpt-4o-mini", Usage::new(1, 1)), Price::Unknown);
    }

    #[test]
    fn the_context_window_is_that_of_the_model_that_is_priced() {
        let window = |provider, model| match price_for(provider, model, Usage::new(1, 1)) {
            Price::Known { model, .. } => model.context_window,
            Price::Unknown | Price::None => None,
        };
        assert_eq!(window("openai", "gpt-4o-mini-2024-07-18"), Some(128_000));
        assert_eq!(window("anthropic", "claude-3-haiku-20240307"), Some(200_000));
        assert_eq!(window("openai", "no-such-model"), None);
        assert_eq!(window("ollama", "llama3"), None);
    }

    #[test]
    fn a_local_model_and_a_call_without_usage_cost_nothing() {
        assert_eq!(price_for("ollama", "llama3", Usage::new(1, 1)), Price::None);
        let mut request = Request::new(Kind::Chat);
        request.provider("openai");
        request.model("gpt-4o-mini");
        assert_eq!(price_of(&request, &Response::new(), SystemTime::now()), Price::None);
    }

    #[test]
    fn every_provider_the_conventions_name_is_known_to_the_table() {
        // ibm.watsonx.ai is absent from the table: its calls count as unpriced, as intended.
        let known = [
            ("openai", "gpt-4o-mini"),
            ("anthropic", "claude-sonnet-4-5"),
            ("gcp.gemini", "gemini-2.5-flash"),
            ("gcp.vertex_ai", "gemini-2.5-flash"),
            ("gcp.gen_ai", "gemini-2.5-flash"),
            ("azure.ai.openai", "gpt-4o-mini"),
            ("azure.ai.inference", "gpt-4o-mini"),
            ("aws.bedrock", "amazon.nova-lite-v1:0"),
            ("cohere", "command-r"),
            ("perplexity", "sonar"),
            ("x_ai", "grok-3"),
            ("deepseek", "deepseek-chat"),
            ("groq", "llama-3.3-70b-versatile"),
            ("mistral_ai", "mistral-large-latest"),
            ("moonshot_ai", "kimi-k2-0905-preview"),
        ];
        let unpriced: Vec<_> = known
            .into_iter()
            .filter(|(provider, model)| price_for(provider, model, Usage::new(10, 10)) == Price::Unknown)
            .collect();
        assert_eq!(unpriced, []);
    }

    #[test]
    fn the_recorded_source_is_the_version_in_use() {
        let lock = include_str!("../../../../Cargo.lock");
        let (_, after) = lock.split_once("name = \"genai-prices\"\nversion = \"").expect("in the lock file");
        let version = after.split('"').next().expect("a version");
        assert_eq!(SOURCE, format!("genai-prices {version}"));
    }
}
