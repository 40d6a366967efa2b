//! Requests on disk: what could not be sent waits here, and outlives the process.
//!
//! Read in this order: [`slot`] takes a place in the folder, [`log`] is the format of the files there, [`store`] writes and reads them,
//! [`index`] has their contents and the next request, [`contents`] combines them, and continues when the disk fails. This file provides the
//! spool to the senders, and runs the periodic work.
//!
//! Credentials never get here: a [`ExportRequest`] has none. Content does, if it is captured.

mod clock;
mod contents;
mod folder;
#[cfg(test)]
mod fuzz;
mod index;
mod log;
mod settings;
mod slot;
mod store;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::messages;
use super::messages::printable;
use super::stats::DeliveryStats;
use super::{DropReason, ExportRequest, Signal, Spool, Ticket};
use clock::{Clock, SystemClock};
use contents::{Abandoned, Contents};
pub use folder::FolderContents;
pub use settings::{SpoolMode, SpoolSettings};
use slot::Slot;
use store::StoreError;

/// Between two rounds: for what expires, what dead processes left, and a disk that may work again.
const ROUND: Duration = Duration::from_secs(10);

/// A [`Spool`] in a folder. It is closed when it is dropped.
#[derive(Debug)]
pub struct DiskSpool {
    shared: Arc<Shared>,
    rounds: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    settings: SpoolSettings,
    stats: Arc<DeliveryStats>,
    clock: Box<dyn Clock>,
    contents: Mutex<Contents>,
    listeners: Mutex<Vec<Listener>>,
    stop: Mutex<bool>,
    stopping: Condvar,
}

/// Callback for newly available requests.
struct Listener(Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl DiskSpool {
    /// Opens the spool. If it cannot be opened, that is logged, and retried periodically: a telemetry failure must not keep a program from
    /// starting.
    pub fn open(settings: SpoolSettings, stats: Arc<DeliveryStats>) -> Self {
        let shared = Arc::new(Shared::open(settings, stats, Box::new(SystemClock::start())));
        let for_rounds = Arc::clone(&shared);
        let rounds = std::thread::Builder::new().name("llm-trace-spool".to_owned());
        // Without a thread to have, only what others left waits for the next start.
        let rounds = rounds.spawn(move || for_rounds.make_rounds()).ok();
        DiskSpool { shared, rounds: Mutex::new(rounds) }
    }
}

impl Drop for DiskSpool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Spool for DiskSpool {
    fn store(&self, requests: &[&ExportRequest]) -> Vec<Option<Ticket>> {
        self.shared.with(|contents, Shared { settings, stats, clock, .. }| {
            contents.append(requests, settings, stats, clock.now())
        })
    }

    fn oldest(&self, signal: Signal) -> Option<(Ticket, ExportRequest)> {
        self.shared.with(|contents, Shared { settings, stats, clock, .. }| {
            contents.oldest(signal, settings, stats, clock.now())
        })
    }

    fn remove(&self, ticket: Ticket) {
        self.shared.with(|contents, Shared { settings, stats, clock, .. }| {
            contents.remove(ticket, settings, stats, clock.now());
        });
    }

    fn release(&self, ticket: Ticket) {
        self.shared.with(|contents, Shared { stats, .. }| contents.release(ticket, stats));
    }

    fn metrics_are_outdated(&self, by: &ExportRequest) {
        self.shared.with(|contents, Shared { stats, .. }| contents.supersede_metrics(by, stats));
    }

    fn on_more(&self, tell: Box<dyn Fn() + Send + Sync>) {
        self.shared.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Listener(tell));
    }

    fn close(&self) {
        *self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stopping.notify_all();
        if let Some(rounds) = self.rounds.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = rounds.join();
        }
        self.shared.close();
    }

    fn writes_ahead(&self) -> bool {
        self.shared.settings.writes_ahead()
    }
}

impl Shared {
    fn open(settings: SpoolSettings, stats: Arc<DeliveryStats>, clock: Box<dyn Clock>) -> Self {
        let (stop, stopping) = (Mutex::new(false), Condvar::new());
        let (contents, listeners) = (Mutex::default(), Mutex::default());
        let shared = Shared { settings, stats, clock, contents, listeners, stop, stopping };
        shared.with(|contents, Shared { settings, stats, clock, .. }| {
            contents.open(settings, stats, clock.now());
        });
        shared
    }

    /// Works on the contents, and then logs its messages.
    fn with<T>(&self, work: impl FnOnce(&mut Contents, &Self) -> T) -> T {
        let (result, to_say, losses) = {
            let mut contents = self.contents();
            let result = work(&mut contents, self);
            (result, std::mem::take(&mut contents.to_say), std::mem::take(&mut contents.losses))
        };
        say(&to_say);
        for (signal, reason) in losses {
            let spool = format!("the spool in {}", printable(&self.settings.folder.display().to_string()));
            let why = match reason {
                DropReason::SpoolFull => format!("it holds {} bytes", self.settings.max_bytes),
                DropReason::Expired => {
                    format!("what waits longer than {:?} is dropped", self.settings.max_age)
                }
                _ => "it could not be read back".to_owned(),
            };
            self.stats.say_dropped(signal, reason, &spool, &why);
        }
        result
    }

    fn make_rounds(&self) {
        loop {
            self.round();
            let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
            let stop = self.stopping.wait_timeout_while(stop, ROUND, |stop| !*stop);
            if *stop.unwrap_or_else(PoisonError::into_inner).0 {
                return;
            }
        }
    }

    fn round(&self) {
        let (was_open, abandoned) = self.with(|contents, Shared { settings, stats, clock, .. }| {
            let (now, was_open) = (clock.now(), contents.is_open());
            contents.open(settings, stats, now);
            contents.expire(settings.max_age, stats, now);
            contents.verify(settings, stats, now);
            contents.settle(settings, stats, now);
            (was_open, contents.abandoned())
        });
        let is_more = !abandoned.is_empty();
        for slot in abandoned {
            // Failed requests stay in place, for the next round or process.
            let _ = self.take_over(&slot);
        }
        if is_more || (!was_open && self.contents().is_open()) {
            for Listener(tell) in &*self.listeners.lock().unwrap_or_else(PoisonError::into_inner) {
                tell();
            }
        }
    }

    /// Takes over the requests of a dead process, and deletes them there. A concurrent store waits for one part of it at most.
    fn take_over(&self, slot: &Slot) -> Result<(), StoreError> {
        let (mut abandoned, found) = Abandoned::open(slot, self.clock.now())?;
        self.with(|contents, Shared { settings, stats, .. }| {
            contents.count_lost(&settings.folder, &found, stats);
        });
        while !abandoned.is_empty() {
            let taken = !self.is_stopping()
                && self.with(|contents, Shared { settings, stats, clock, .. }| {
                    contents.take_over(&mut abandoned, settings, stats, clock.now())
                })?;
            if !taken {
                return Ok(());
            }
        }
        abandoned.clear()
    }

    fn close(&self) {
        self.with(|contents, Shared { settings, stats, clock, .. }| {
            contents.close(settings, stats, clock.now());
        });
    }

    fn is_stopping(&self) -> bool {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(messages: &[String]) {
    for message in messages {
        if !messages::to_subscriber(message) {
            messages::to_stderr(message);
        }
    }
}

#[cfg(test)]
mod tests;
