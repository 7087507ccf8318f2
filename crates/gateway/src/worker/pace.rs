//! How quickly a client sends a body: whoever sends a byte now and then holds an instance for nothing.

use model::Span;

/// What is looked at together: bodies stop and go.
pub const WINDOW: Span = Span::seconds(10);

/// A body as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    since_ms: u64,
    bytes: u64,
}

impl Pace {
    /// From now on it is looked at: so much has come so far.
    pub fn begin(&mut self, bytes: u64, now_ms: u64) {
        *self = Self { since_ms: now_ms, bytes };
    }

    /// Whether less came than so many bytes in a second, on an average over the window. Only to be asked while
    /// the client is waited for.
    pub fn is_too_slow(&mut self, bytes: u64, now_ms: u64, per_second_min: u64) -> bool {
        if now_ms.saturating_sub(self.since_ms) < WINDOW.0 {
            return false;
        }
        let slow = (bytes - self.bytes).saturating_mul(1_000) < per_second_min.saturating_mul(WINDOW.0);
        self.begin(bytes, now_ms);
        slow
    }

    /// How long nothing may come, before this looks again.
    pub fn within(idle: Span, per_second_min: u64) -> Span {
        if per_second_min == 0 { idle } else { idle.min(WINDOW) }
    }
}
