//! Events as metrics.

use metrics::{counter, histogram};

use crate::ports::{EngineEvent, EventSink};

/// Counts events with the recorder of the `metrics` facade.
///
/// | name | kind | labels |
/// |---|---|---|
/// | `sspr_calls_total` | counter | `call`, `outcome` |
/// | `sspr_call_seconds` | histogram | `call` |
/// | `sspr_limits_total` | counter | `call`, `limit` |
///
/// `sspr_limits_total` counts the calls and messages that reached a limit, and `limit` is the name of
/// its setting, for instance `texts_per_block`. Labels come from closed lists and never contain a tenant, address or id. Mails sent are
/// `Deliver` and `Notify` with `Ok`. Requests refused at a limit are `TryLater`. For the depth of
/// the queue, the host can add a gauge with [`Sspr::queue_depth`](crate::Sspr::queue_depth).
/// Outcomes that reveal something about accounts (`Decoy`, `Withheld`) are for operators only.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricsEvents(());

impl MetricsEvents {
    /// Creates a sink for the recorder that is installed when an event happens.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl EventSink for MetricsEvents {
    fn emit(&self, event: &EngineEvent) {
        let (call, outcome) = (format!("{:?}", event.kind), format!("{:?}", event.outcome));
        histogram!("sspr_call_seconds", "call" => call.clone()).record(event.took.as_secs_f64());
        if let Some(limit) = event.limit {
            let labels = [("call", call.clone()), ("limit", limit.as_str().to_owned())];
            counter!("sspr_limits_total", &labels).increment(1);
        }
        counter!("sspr_calls_total", "call" => call, "outcome" => outcome).increment(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder};
    use metrics::{SharedString, Unit, with_local_recorder};

    use super::*;
    use crate::{
        domain::Timestamp,
        ports::{EventKind, Limit, Outcome},
    };

    #[derive(Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);
    struct Line(Arc<Mutex<Vec<String>>>, String);

    impl CounterFn for Line {
        fn increment(&self, value: u64) {
            self.0.lock().unwrap().push(format!("{} {value}", self.1));
        }
        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<String> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let line = format!("{}{{{}}}", key.name(), labels.join(","));
            Counter::from_arc(Arc::new(Line(self.0.clone(), line)))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn an_event_is_counted_by_what_was_done_and_how_it_ended() {
        let recorder = Kept::default();
        let event =
            EngineEvent::new(Timestamp::from_micros(0), EventKind::Verify, Outcome::Rejected);

        with_local_recorder(&recorder, || MetricsEvents::new().emit(&event));

        let kept = recorder.0.lock().unwrap().clone();
        assert_eq!(kept, ["sspr_calls_total{call=Verify,outcome=Rejected} 1"]);
    }

    #[test]
    fn a_limit_that_was_reached_is_counted_under_the_name_of_its_setting() {
        let recorder = Kept::default();
        let mut event =
            EngineEvent::new(Timestamp::from_micros(0), EventKind::Deliver, Outcome::TryLater);
        event.limit = Some(Limit::TextsPerBlock);

        with_local_recorder(&recorder, || MetricsEvents::new().emit(&event));

        let kept = recorder.0.lock().unwrap().clone();
        assert!(
            kept.contains(&"sspr_limits_total{call=Deliver,limit=texts_per_block} 1".to_owned())
        );
    }
}
