//! The circumstances of one request, and its random numbers.

/// The time of a request, the incidents at that time, and its random numbers.
pub(crate) struct Scene {
    /// The time: 0 is the begin of the six hours, 1 their end.
    pub(crate) at: f64,
    calm: bool,
    dice: fastrand::Rng,
}

impl Scene {
    pub(crate) fn new(at: f64, calm: bool, dice: fastrand::Rng) -> Self {
        Scene { at, calm, dice }
    }

    /// Hours 2 to 3: one provider is overloaded and slow.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.during(0.33, 0.5)
    }

    /// From half time on: a new prompt, with which answers are longer and worse.
    pub(crate) fn has_worse_prompt(&self) -> bool {
        self.during(0.5, 1.0)
    }

    /// The last hour and a half: a router sends much to the most expensive model.
    pub(crate) fn has_costly_router(&self) -> bool {
        self.during(0.75, 1.0)
    }

    /// The last hour: streams take long to begin.
    pub(crate) fn has_slow_streams(&self) -> bool {
        self.during(0.83, 1.0)
    }

    /// The remaining share of the indexer's daily requests, 0 to 1.
    pub(crate) fn quota_left(&self) -> f64 {
        if self.calm { 0.8 } else { (1.0 - self.at / 0.9).max(0.0) }
    }

    fn during(&self, from: f64, to: f64) -> bool {
        !self.calm && (from..to).contains(&self.at)
    }

    /// Returns `true` with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.dice.f64() < probability
    }

    /// A random value around `typical`; sometimes three times as much, rarely a lot more.
    pub(crate) fn about(&mut self, typical: f64) -> f64 {
        let tail = match self.dice.f64() {
            luck if luck < 0.002 => 20.0,
            luck if luck < 0.03 => 3.0,
            _ => 1.0,
        };
        typical * self.dice.f64().mul_add(0.8, 0.6) * tail
    }

    /// A random count around `typical`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    pub(crate) fn count(&mut self, typical: f64) -> u64 {
        self.about(typical).round() as u64
    }

    /// The ids of a conversation and of its user.
    pub(crate) fn visitor(&mut self) -> (String, String) {
        (format!("conversation-{:08x}", self.dice.u32(..)), format!("user-{:03}", self.dice.u32(..500)))
    }

    /// A random element.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.dice.usize(..from.len())]
    }

    /// A random value, evenly distributed between these.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.dice.f64() * (high - low)
    }
}
