//! Which strategy suits a service: answers in, a recommendation with its reasons out.
//!
//! The decision is two tables, read from the top: the first rule that fits recommends, the next one
//! with another strategy is the runner-up. Answers that contradict each other are named, never hidden
//! behind a recommendation.

mod figures;
mod question;
mod rules;

pub use figures::{Figures, figures};
pub use question::{Answers, Question};

use model::strategy::StrategyName;
use rules::{ALSO, CONTRADICTIONS, RULES, fits};

/// What suits a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// The strategy.
    pub strategy: StrategyName,
    /// Why, the weightiest first; never empty.
    pub reasons: Vec<String>,
    /// What comes next, and when to choose it instead.
    pub runner_up: Option<(StrategyName, String)>,
    /// Answers that cannot all be had, each with what follows from it.
    pub contradictions: Vec<String>,
    /// Open questions whose answer could change the recommendation.
    pub sharpen: Vec<Question>,
}

/// What suits a service about which this is known.
pub fn recommend(answers: &Answers) -> Recommendation {
    let mut fitting = RULES.iter().filter(|rule| fits(rule.when, answers));
    let (strategy, reason) = match fitting.next() {
        Some(rule) => (rule.strategy, rule.reason),
        // The table ends with rules that fit nearly always, and begins anew with none: rolling.
        None => (StrategyName::Rolling, rules::UNSURE),
    };
    let mut reasons = vec![reason.to_owned()];
    let also = ALSO.iter().filter(|also| also.strategy == strategy && fits(also.when, answers));
    reasons.extend(also.map(|also| also.reason.to_owned()));
    let runner_up = fitting.find(|rule| rule.strategy != strategy).map(|rule| rule.strategy);
    let mut contradictions: Vec<String> = Vec::new();
    for (_, message) in CONTRADICTIONS.iter().filter(|(when, _)| fits(when, answers)) {
        if !contradictions.iter().any(|known| known == message) {
            contradictions.push((*message).to_owned());
        }
    }
    Recommendation {
        strategy,
        reasons,
        runner_up: runner_up.map(|next| (next, instead(next, strategy, answers))),
        contradictions,
        sharpen: sharpen(answers),
    }
}

/// When to choose the runner-up instead.
fn instead(next: StrategyName, strategy: StrategyName, answers: &Answers) -> String {
    let when = rules::instead(next);
    if strategy == StrategyName::Shadow {
        return "for the landing itself: a shadow lands nothing".to_owned();
    }
    if strategy == StrategyName::Recreate && answers.is(Question::SideBySide, false) {
        return format!("once the change is split, so that both versions can run side by side: {when}");
    }
    when.to_owned()
}

/// The open questions that matter: for some answers to the others, this one decides.
fn sharpen(answers: &Answers) -> Vec<Question> {
    let open: Vec<Question> = Question::ALL.iter().copied().filter(|one| answers.get(*one).is_none()).collect();
    let strategy = |answers: &Answers| RULES.iter().find(|rule| fits(rule.when, answers)).map(|rule| rule.strategy);
    let matters = |question: Question| {
        let others: Vec<Question> = open.iter().copied().filter(|other| *other != question).collect();
        // At most 2⁸ ways to answer the others.
        (0..1_u32 << others.len()).any(|ways| {
            let mut all = answers.clone();
            for (bit, other) in others.iter().enumerate() {
                all.set(*other, Some(ways >> bit & 1 == 1));
            }
            strategy(all.set(question, Some(true))) != strategy(all.set(question, Some(false)))
        })
    };
    open.iter().copied().filter(|question| matters(*question)).collect()
}
