//! Context that calls inherit across tasks and threads: tags, and the agent that they run for.
//!
//! A conversation and a user are tags whose names the conventions know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use opentelemetry::baggage::{BaggageExt, BaggageMetadata, KeyValueMetadata};
use opentelemetry::{Context, Key, KeyValue, StringValue, Value};
use smol_str::SmolStr;

use crate::call::root::RootState;
use crate::content::RequestBudget;
use crate::model::record::AgentRun;
use crate::model::request::Request;
use crate::model::site::{CallSite, Kind};
use crate::runtime::{Runtime, TagRules};

/// Values set by an outer call that apply to every call inside it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    tags: Vec<KeyValue>,
    /// The tags that are labels of metrics.
    labels: Arc<[KeyValue]>,
    agent: Option<Arc<Agent>>,
    outermost: Option<Arc<RootState>>,
    /// The remaining content budget, if content is recorded.
    budget: Option<Arc<RequestBudget>>,
}

/// One invocation of an agent in this process.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    name: SmolStr,
    inference_calls: AtomicU64,
    tool_calls: AtomicU64,
}

impl Scope {
    /// The scope outside of any call.
    pub(crate) fn root() -> Arc<Scope> {
        static ROOT: LazyLock<Arc<Scope>> = LazyLock::new(Arc::default);
        Arc::clone(&ROOT)
    }

    /// Returns the scope of a call that begins inside `outer`, and the context that it begins in. Values of the call itself win and are
    /// inherited by calls inside; missing ones are filled into `request` from `outer`, then from the baggage of `parent`.
    pub(crate) fn enter(
        runtime: &Runtime,
        outer: &Arc<Scope>,
        site: &CallSite,
        request: &mut Request,
        parent: Context,
    ) -> (Arc<Scope>, Context) {
        let rules = Some(&*runtime.tags).filter(|rules| !rules.is_empty());
        if let Some(rules) = rules {
            take_baggage(rules, outer, request, &parent);
        }
        let own: Vec<KeyValue> = request.tags().filter(|tag| !outer.tags.contains(tag)).cloned().collect();
        for tag in &outer.tags {
            if request.attribute_of(tag.key.as_str()).is_none() {
                request.set_attribute(tag.clone());
            }
        }
        let is_agent = site.kind == Kind::Agent;
        let outermost = RootState::under(outer.outermost.as_ref(), runtime, site.kind);
        let budget = outer.budget.clone().or_else(|| RequestBudget::begin(&runtime.content));
        let is_first = (outermost.is_some() && outer.outermost.is_none())
            || (budget.is_some() && outer.budget.is_none());
        if own.is_empty() && !is_agent && !is_first {
            return (Arc::clone(outer), parent);
        }
        let agent = if is_agent {
            let name = request.name.clone().unwrap_or_else(|| site.function.into());
            Some(Arc::new(Agent { name, ..Agent::default() }))
        } else {
            outer.agent.clone()
        };
        let is_outer = |tag: &&KeyValue| own.iter().all(|own| own.key != tag.key);
        let tags: Vec<KeyValue> = outer.tags.iter().filter(is_outer).chain(&own).cloned().collect();
        let (mut labels, mut context) = (Arc::default(), parent);
        if let Some(rules) = rules {
            labels = rules.labels.iter().filter_map(|key| label(&tags, key)).collect();
            context = with_baggage(rules, &own, context);
        }
        (Arc::new(Scope { tags, labels, agent, outermost, budget }), context)
    }

    /// Returns the content budget of the request that the call belongs to.
    pub(crate) fn content_budget(&self) -> Option<&RequestBudget> {
        self.budget.as_deref()
    }

    /// Returns the tags that are labels of metrics, in the configured order.
    pub(crate) fn labels(&self) -> &Arc<[KeyValue]> {
        &self.labels
    }

    /// The agent on whose behalf a call runs; for an agent itself, that invocation.
    pub(crate) fn agent(&self) -> Option<&Agent> {
        self.agent.as_deref()
    }

    /// Returns the topic of a call, and sets it on the root call if that has none yet.
    pub(crate) fn topic(&self, runtime: &Runtime, request: &Request) -> Option<String> {
        runtime.topics.as_ref()?.of_call(request, |own| self.outermost()?.topic(own))
    }

    /// Returns the state shared with every call under the same root.
    pub(crate) fn outermost(&self) -> Option<&RootState> {
        self.outermost.as_deref()
    }
}

impl Agent {
    pub(crate) fn name(&self) -> &SmolStr {
        &self.name
    }

    /// Counts a call that the agent made itself; what its sub-agents do counts for them.
    pub(crate) fn count(&self, kind: Kind) {
        if kind.is_inference() {
            self.inference_calls.fetch_add(1, Ordering::Relaxed);
        } else if kind == Kind::Tool {
            self.tool_calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the counts so far.
    pub(crate) fn run(&self) -> AgentRun {
        AgentRun {
            name: self.name.clone(),
            inference_calls: self.inference_calls.load(Ordering::Relaxed),
            tool_calls: self.tool_calls.load(Ordering::Relaxed),
        }
    }
}

/// A list cannot be a label.
fn label(tags: &[KeyValue], key: &Key) -> Option<KeyValue> {
    tags.iter().find(|tag| tag.key == *key && !matches!(tag.value, Value::Array(_))).cloned()
}

/// Takes from baggage the values that no call in this process has set.
fn take_baggage(rules: &TagRules, outer: &Scope, request: &mut Request, parent: &Context) {
    if rules.baggage.is_empty() {
        return;
    }
    let baggage = parent.baggage();
    for key in &rules.baggage {
        if outer.tags.iter().any(|tag| tag.key == *key) || request.attribute_of(key.as_str()).is_some() {
            continue;
        }
        if let Some(value) = baggage.get(key.as_str()) {
            request.take_tag(key.clone(), value.as_str());
        }
    }
}

fn with_baggage(rules: &TagRules, own: &[KeyValue], context: Context) -> Context {
    let travels = |tag: &&KeyValue| rules.baggage.contains(&tag.key);
    if !own.iter().any(|tag| travels(&tag)) {
        return context;
    }
    let known = context
        .baggage()
        .iter()
        .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()));
    // The later of two with one key replaces the earlier.
    let own = own.iter().filter(travels).map(|tag| {
        let text = StringValue::from(tag.value.as_str().into_owned());
        KeyValueMetadata::new(tag.key.clone(), text, BaggageMetadata::default())
    });
    let baggage: Vec<_> = known.chain(own).collect();
    context.with_baggage(baggage)
}
