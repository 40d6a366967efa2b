//! The services and their arrival rates.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::arguments::Arguments;
use crate::scene::Scene;
use crate::{indexer, shop, support};

pub(crate) struct Service {
    pub(crate) id: &'static str,
    /// `service.name`.
    pub(crate) name: &'static str,
    /// `deployment.environment.name`.
    pub(crate) environment: &'static str,
    /// Requests per second at peak.
    rate: f64,
    request: Request,
    /// The environment variables of the process.
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
enum Request {
    Answer { staging: bool },
    Order,
    Index,
}

pub(crate) const SERVICES: [Service; 4] = [
    Service {
        id: "support-bot",
        name: "support-bot",
        environment: "production",
        rate: 16.0,
        request: Request::Answer { staging: false },
        variables: &[],
    },
    Service {
        id: "support-bot-staging",
        name: "support-bot",
        environment: "staging",
        rate: 3.0,
        request: Request::Answer { staging: true },
        // Limits that are too low, to be visible on dashboards: spans are dropped and labels are lost.
        variables: &[
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.8"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "16"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
            ("LLM_TRACE_METRIC_CARDINALITY_LIMIT", "4"),
        ],
    },
    Service {
        id: "shop-assistant",
        name: "shop-assistant",
        environment: "production",
        rate: 6.0,
        request: Request::Order,
        variables: &[],
    },
    Service {
        id: "indexer",
        name: "indexer",
        environment: "production",
        rate: 8.0,
        request: Request::Index,
        variables: &[],
    },
];

impl Service {
    /// Serves every request as it arrives. Returns their number once the last is done.
    pub(crate) async fn play(&self, arguments: &Arguments) -> usize {
        let begin = Instant::now();
        let mut scenes = self.scenes(arguments);
        let requests = scenes.len();
        let mut running = JoinSet::new();
        for scene in scenes.drain(..) {
            sleep_until(begin + arguments.duration.mul_f64(scene.at)).await;
            running.spawn(serve(self.request, scene));
        }
        running.join_all().await;
        requests
    }

    /// One scene for each request, in the order of arrival.
    fn scenes(&self, Arguments { duration, seed, calm, .. }: &Arguments) -> Vec<Scene> {
        let of_service = self.id.bytes().fold(*seed, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
        let mut dice = fastrand::Rng::with_seed(of_service);
        let candidates = (self.rate * duration.as_secs_f64()).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 16 a second")]
        let mut arrivals: Vec<f64> = (0..candidates as usize).map(|_| dice.f64()).collect();
        arrivals.sort_by(f64::total_cmp);
        arrivals.retain(|at| dice.f64() < load(*at));
        arrivals.into_iter().map(|at| Scene::new(at, *calm, dice.fork())).collect()
    }
}

/// The load relative to the peak: rises in the morning, falls at lunch, rises in the afternoon.
fn load(at: f64) -> f64 {
    0.7 - 0.3 * (at * std::f64::consts::TAU * 1.5).cos()
}

async fn serve(request: Request, mut scene: Scene) {
    // A failed request does not stop the service; telemetry records the failure.
    let _outcome = match request {
        Request::Answer { staging } => support::serve(&mut scene, staging).await,
        Request::Order => shop::serve(&mut scene).await,
        Request::Index => indexer::serve(&mut scene).await,
    };
}

/// Simulated time is four times as fast as real time.
pub(crate) async fn pause(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds / 4.0)).await;
}
