//! What is asked.

use std::collections::BTreeMap;

macro_rules! questions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $key:literal, $ask:literal, $help:literal;)+) => {
        /// A question that is answered with yes, no, or nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Question { $($(#[doc = $doc])+ $variant,)+ }

        impl Question {
            /// All of them, in the order in which they are asked.
            pub const ALL: &'static [Question] = &[$(Question::$variant),+];

            /// Its name, as a flag and in JSON.
            pub const fn key(self) -> &'static str {
                match self { $(Question::$variant => $key,)+ }
            }

            /// As it is asked.
            pub const fn ask(self) -> &'static str {
                match self { $(Question::$variant => $ask,)+ }
            }

            /// For those who do not know what is meant.
            pub const fn help(self) -> &'static str {
                match self { $(Question::$variant => $help,)+ }
            }
        }
    };
}

questions! {
    /// Whether it has traffic.
    ServesRequests = "serves-requests",
        "Does it serve requests (HTTP)?",
        "Yes for web sites and APIs. No for workers and schedules, which take jobs from a queue or a clock.";
    /// Whether old and new may meet.
    SideBySide = "side-by-side",
        "Can the old and the new version run side by side, on one database?",
        "No if the new version needs a changed table that the old one cannot read, or if there must never be two.";
    /// Whether it may be down.
    DowntimeOk = "downtime-ok",
        "May it be down for a moment while it lands?",
        "Yes for development, tests and tools used in office hours. No where customers would notice.";
    /// Whether going back takes no time.
    InstantBack = "instant-back",
        "Must the way back be instant?",
        "Yes if every second with a bad version is expensive: then the old one keeps running, whole and ready.";
    /// Whether a second set can be paid for.
    TwiceTheInstances = "twice-the-instances",
        "Are there resources for twice the instances?",
        "For the time of the landing and of the rollback window: the old and the new set run at once.";
    /// Whether numbers should decide.
    Gradual = "gradual",
        "Should it be validated gradually, by a few users first?",
        "A few per cent see the new version, and error rate and latency decide whether more do.";
    /// Whether a few per cent mean something.
    EnoughTraffic = "enough-traffic",
        "Is there traffic enough for a few per cent of it to mean anything?",
        "As a rule: a hundred requests a minute or more. With less, a bad version looks like chance for hours.";
    /// Whether users' behaviour decides.
    UserFeedback = "user-feedback",
        "Is it the users' reaction that is to be tested?",
        "Yes if two designs or prices compete, and conversions decide: every user keeps seeing the same one.";
    /// Whether real load is to be tried.
    ProductionLoad = "production-load",
        "Is it production load that is to be tested, without users seeing the answers?",
        "Copies of real requests go to the new version. Only for requests that change nothing.";
}

/// What was answered. A question that is not there is one whose answer nobody knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(BTreeMap<Question, bool>);

impl Answers {
    /// The answer to a question.
    pub fn get(&self, question: Question) -> Option<bool> {
        self.0.get(&question).copied()
    }

    /// Answers a question, or takes the answer back.
    pub fn set(&mut self, question: Question, answer: Option<bool>) -> &Self {
        match answer {
            Some(answer) => self.0.insert(question, answer),
            None => self.0.remove(&question),
        };
        self
    }

    /// Whether this was answered so.
    pub fn is(&self, question: Question, answer: bool) -> bool {
        self.get(question) == Some(answer)
    }
}
