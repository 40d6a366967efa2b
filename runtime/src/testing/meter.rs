//! A meter provider whose instruments hand each value to the capture that the current context is under.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use opentelemetry::metrics::{
    Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder, InstrumentProvider, Meter, MeterProvider,
    SyncInstrument, UpDownCounter,
};
use opentelemetry::{InstrumentationScope, KeyValue};

use super::record::{self, Measurement};

/// Not of size zero, which is how the no-op provider is recognised.
#[derive(Debug, Default)]
pub(super) struct Meters {
    _not_empty: u8,
}

impl MeterProvider for Meters {
    fn meter_with_scope(&self, _scope: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(Instruments))
    }
}

struct Instruments;

macro_rules! instruments {
    ($($method:ident: $builder:ident<$instrument:ident<$number:ty>>,)*) => {$(
        fn $method(&self, builder: $builder<'_, $instrument<$number>>) -> $instrument<$number> {
            $instrument::new(Arc::new(Recorder::<$number>::new(&builder.name, builder.unit)))
        }
    )*};
}

impl InstrumentProvider for Instruments {
    instruments! {
        u64_counter: InstrumentBuilder<Counter<u64>>,
        f64_counter: InstrumentBuilder<Counter<f64>>,
        i64_up_down_counter: InstrumentBuilder<UpDownCounter<i64>>,
        f64_up_down_counter: InstrumentBuilder<UpDownCounter<f64>>,
        u64_gauge: InstrumentBuilder<Gauge<u64>>,
        i64_gauge: InstrumentBuilder<Gauge<i64>>,
        f64_gauge: InstrumentBuilder<Gauge<f64>>,
        u64_histogram: HistogramBuilder<Histogram<u64>>,
        f64_histogram: HistogramBuilder<Histogram<f64>>,
    }
}

struct Recorder<T> {
    metric: Arc<str>,
    unit: Arc<str>,
    number: PhantomData<fn(T)>,
}

impl<T> Recorder<T> {
    fn new(metric: &str, unit: Option<Cow<'static, str>>) -> Self {
        Recorder { metric: metric.into(), unit: unit.unwrap_or_default().into(), number: PhantomData }
    }
}

impl<T: Number> SyncInstrument<T> for Recorder<T> {
    fn measure(&self, value: T, labels: &[KeyValue]) {
        let Some(record) = record::current() else { return };
        let mut labels = labels.to_vec();
        labels.sort_by(|a, b| a.key.cmp(&b.key));
        let (metric, unit) = (Arc::clone(&self.metric), Arc::clone(&self.unit));
        record.measure(Measurement { metric, unit, labels, value: value.to_f64() });
    }
}

trait Number: Copy {
    fn to_f64(self) -> f64;
}

impl Number for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            #[expect(clippy::cast_precision_loss, reason = "what a test counts is far below 2^53")]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

integers!(u64, i64);
