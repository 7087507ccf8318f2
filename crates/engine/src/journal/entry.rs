//! What can be written into a service's journal.

use crate::store::Attribution;
use model::plan::StepNumber;
use model::standing::ClosingWork;
use model::{CheckName, Digest, Evidence, Plan, Release, ReleaseNumber, RolloutNumber, Standing, Time, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of these words. A controller that meets a newer one gives up its lease and says so.
pub const ENTRY_VERSION: u16 = 1;

/// One entry of a service's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// Somebody asked for something, and it was granted.
    Asked {
        /// What, by whom, aimed at what.
        input: Input,
    },
    /// A rollout begins: its plan, whole.
    Accepted {
        /// Its number.
        rollout: RolloutNumber,
        /// What will be done.
        plan: Arc<Plan>,
        /// The plan's digest, which approvals bind.
        digest: Digest,
    },
    /// No plan could be made for what was waiting.
    Refused {
        /// The release that was to be landed.
        release: ReleaseNumber,
        /// Why, each with what to do about it.
        reasons: Vec<String>,
    },
    /// The intent to act: written before the command is sent. Its position is the command's generation.
    Began {
        /// The step, of the plan or of the way back.
        step: StepNumber,
        /// From 1.
        attempt: u32,
        /// For Start: how many instances that is now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u32>,
    },
    /// The step's effect was observed.
    Done {
        /// The step.
        step: StepNumber,
        /// The attempt.
        attempt: u32,
        /// What was observed, in one sentence; empty where there is nothing to say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// The verdicts that it rests on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        verdicts: Vec<Judgement>,
    },
    /// The target said no, or was seen not to do it in time.
    Failed {
        /// The step.
        step: StepNumber,
        /// The attempt.
        attempt: u32,
        /// Why.
        why: String,
    },
    /// Nobody can say whether the step's effect is there: a person is waited for, until then.
    Undecided {
        /// The step.
        step: StepNumber,
        /// The attempt.
        attempt: u32,
        /// What is not known.
        why: String,
        /// When waiting ends.
        until: Time,
    },
    /// The rollout goes around: this is the way back.
    Unwinding {
        /// Why.
        cause: Cause,
        /// What will be done.
        back: Arc<Plan>,
    },
    /// Nothing more is done until a person says what.
    Halted {
        /// Why.
        why: String,
    },
    /// The rollout has ended, and this stands now.
    Ended {
        /// How.
        ending: Ending,
        /// What stands now.
        standing: Box<Standing>,
    },
    /// A release had fewer instances than it should, or its capacity was refused: it is asked for anew.
    Restored {
        /// The release.
        release: ReleaseNumber,
        /// The capacity.
        count: u32,
        /// What the platform said when it refused; empty where instances were lost.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// A closing begins: the old release is drained, or the migration contracted.
    ClosingBegan {
        /// Which.
        work: ClosingWork,
    },
    /// The old release has been drained and is stopped.
    ClosingStopped {
        /// Which.
        work: ClosingWork,
    },
    /// A closing is over.
    ClosingDone {
        /// Which.
        work: ClosingWork,
    },
    /// A closing came to nothing: it is begun anew after [`super::CLOSING_PAUSE`].
    ClosingFailed {
        /// Which.
        work: ClosingWork,
        /// Why.
        why: String,
    },
    /// The wall clock jumped, or was put back.
    ClockJumped {
        /// How far time followed it forward, in milliseconds: deadlines do not count it.
        by_ms: u64,
        /// How far it is behind these entries' time from now on: that does not go back.
        #[serde(default, skip_serializing_if = "is_zero")]
        behind_ms: u64,
    },
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A check's answer with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The check.
    pub check: CheckName,
    /// Its answer.
    pub verdict: Verdict,
    /// What that rests on.
    pub evidence: Evidence,
}

/// Why a rollout goes around.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A check or a watch failed.
    Check(Judgement),
    /// A step failed as often as it may be tried.
    StepFailed {
        /// The step.
        step: StepNumber,
        /// Why.
        why: String,
    },
    /// A step stayed undecided to the end.
    Undecided {
        /// The step.
        step: StepNumber,
        /// What was not known.
        why: String,
    },
    /// A release that was to get traffic is not ready.
    NotReady {
        /// The release.
        release: ReleaseNumber,
    },
    /// A person said so, or refused an approval.
    Asked {
        /// Who, from where, why.
        by: Attribution,
    },
    /// A newer release is to land.
    Superseded {
        /// The newer one.
        by: ReleaseNumber,
    },
    /// A person asked for a fresh way back after a halt.
    Again,
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// As planned; this release serves.
    Completed {
        /// The release that serves.
        kept: ReleaseNumber,
    },
    /// By its way back.
    RolledBack,
    /// It had halted, and a person accepted what was observed.
    Halted,
}

/// What a person, or a program in a person's name, asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Makes it safe to send twice.
    pub id: String,
    /// Who, from where, why.
    pub by: Attribution,
    /// What.
    pub ask: Ask,
    /// What it was aimed at; needed where `ask` is about a running rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
}

/// What an input was aimed at. If that has moved on, the input is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    /// The rollout.
    pub rollout: RolloutNumber,
    /// The step that was current.
    pub step: StepNumber,
    /// Its attempt; 0 where it had not begun.
    pub attempt: u32,
    /// Whether it was a step of the way back.
    pub back: bool,
    /// The digest of the plan that was shown: approvals need it.
    pub digest: Digest,
    /// The digest of the artifact that was shown: approvals need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Land this release.
    Deploy {
        /// The whole snapshot.
        release: Arc<Release>,
    },
    /// Return to a release that was landed before.
    Rollback {
        /// Which.
        to: ReleaseNumber,
    },
    /// Have so many instances of what serves.
    Scale {
        /// How many.
        count: u32,
    },
    /// Begin no further step.
    Pause,
    /// Go on.
    Resume,
    /// Skip every time and check that is left, and decide for the candidate; watches stay, and so does
    /// what a person, a webhook or the calendar has to allow.
    Promote,
    /// Skip the current time, check or gate, but no decision: that has to say what is kept.
    Skip,
    /// Go around.
    Abort,
    /// Try the current step again.
    Retry,
    /// After a halt: make a fresh way back, and take it.
    Unwind,
    /// After a halt: what is observed is what stands.
    Accept {
        /// What was observed.
        observed: Box<Standing>,
    },
    /// Yes, to the current gate.
    Approve,
    /// No, to the current gate.
    Refuse,
    /// Keep this release, at the current decision.
    Decide {
        /// Which.
        keep: ReleaseNumber,
    },
}
