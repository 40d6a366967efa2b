//! Telemetry is delivered on any async runtime and without one, by `shutdown` and by `Drop`.

use llm_trace::{Protocol, Telemetry, llm_trace};
use llm_trace_test_support::grpc::GrpcReceiver;
use llm_trace_test_support::otlp::Receiver;

use crate::one_at_a_time;

#[llm_trace(workflow, name = "async-support")]
async fn answer() {
    retrieve().await;
}

#[llm_trace(retrieval, data_source = "handbook")]
async fn retrieve() {}

/// Runs a program on `run` and ends its telemetry inside, in both ways, over HTTP and gRPC.
fn delivers(run: impl Fn(Box<dyn FnOnce() -> Telemetry + Send>, fn(Telemetry))) {
    let _turn = one_at_a_time();
    let ends: [fn(Telemetry); 2] = [|telemetry| assert!(telemetry.shutdown().is_complete()), drop];
    for end in ends {
        let receiver = Receiver::start();
        let builder = llm_trace::builder().with_endpoint(receiver.endpoint());
        run(Box::new(move || builder.init().unwrap()), end);
        assert_eq!((receiver.spans().len(), receiver.metric_requests().len()), (2, 1));

        let receiver = GrpcReceiver::start();
        let builder = llm_trace::builder().with_endpoint(receiver.endpoint()).with_protocol(Protocol::Grpc);
        run(Box::new(move || builder.init().unwrap()), end);
        assert_eq!((receiver.spans().len(), receiver.metrics_and_logs().0), (2, 1));
    }
}

async fn program(init: Box<dyn FnOnce() -> Telemetry + Send>, end: fn(Telemetry)) {
    let telemetry = init();
    answer().await;
    end(telemetry);
}

#[test]
fn on_the_only_thread_of_tokio() {
    delivers(|init, end| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(program(init, end));
    });
}

#[test]
fn on_one_of_many_threads_of_tokio() {
    delivers(|init, end| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async { tokio::spawn(program(init, end)).await.unwrap() });
    });
}

#[test]
fn after_tokio_is_gone() {
    delivers(|init, end| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let telemetry = runtime.block_on(async {
            let telemetry = init();
            answer().await;
            telemetry
        });
        drop(runtime);
        end(telemetry);
    });
}

#[test]
fn on_smol() {
    delivers(|init, end| smol::block_on(async { smol::spawn(program(init, end)).await }));
}

#[test]
fn on_nothing() {
    delivers(|init, end| {
        let telemetry = init();
        let mut answer = std::pin::pin!(answer());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(answer.as_mut().poll(&mut context).is_ready());
        end(telemetry);
    });
}
