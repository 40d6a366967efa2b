//! What a call hands down to the calls inside it, whatever task or thread they run on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use opentelemetry::Value;

use crate::call::{CallSite, Kind};
use crate::request::Request;
use crate::semconv::attribute;

/// Said once by an outer call, true of every call inside it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    conversation: Option<Value>,
    user: Option<Value>,
    agent: Option<Arc<Agent>>,
}

/// One invocation of an agent in this process.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    name: String,
    inference_calls: AtomicU64,
    tool_calls: AtomicU64,
}

impl Scope {
    /// Where nothing has been said.
    pub(crate) fn root() -> Arc<Scope> {
        static ROOT: LazyLock<Arc<Scope>> = LazyLock::new(Arc::default);
        Arc::clone(&ROOT)
    }

    /// The scope of a call that begins inside `outer`. What the call says itself wins and is handed down; what it
    /// does not say is taken over into `request`.
    pub(crate) fn enter(outer: &Arc<Scope>, site: &CallSite, request: &mut Request) -> Arc<Scope> {
        let conversation = request.inherit(attribute::CONVERSATION_ID, outer.conversation.as_ref());
        let user = request.inherit(attribute::USER_ID, outer.user.as_ref());
        let is_agent = site.kind == Kind::Agent;
        if conversation == outer.conversation && user == outer.user && !is_agent {
            return Arc::clone(outer);
        }
        let agent = if is_agent {
            let name = request.name.as_deref().unwrap_or(site.function).to_owned();
            Some(Arc::new(Agent { name, ..Agent::default() }))
        } else {
            outer.agent.clone()
        };
        Arc::new(Scope { conversation, user, agent })
    }

    /// The agent on whose behalf a call runs; for an agent itself, that invocation.
    pub(crate) fn agent(&self) -> Option<&Agent> {
        self.agent.as_deref()
    }
}

impl Agent {
    pub(crate) fn name(&self) -> &str {
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

    pub(crate) fn inference_calls(&self) -> u64 {
        self.inference_calls.load(Ordering::Relaxed)
    }

    pub(crate) fn tool_calls(&self) -> u64 {
        self.tool_calls.load(Ordering::Relaxed)
    }
}
