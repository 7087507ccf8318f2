//! What is recommended for which answers.

use engine::advise::{Answers, Question, recommend};
use engine::starter::{STRATEGIES, starter};
use model::strategy::StrategyName;
use model::{Name, text};

/// `+gradual -downtime-ok`: a yes and a no; the rest is not known.
fn answers(text: &str) -> Answers {
    let mut answers = Answers::default();
    for word in text.split_whitespace() {
        let (sign, key) = word.split_at(1);
        let question = Question::ALL.iter().find(|question| question.key() == key);
        answers.set(*question.unwrap_or_else(|| panic!("no question {key}")), Some(sign == "+"));
    }
    answers
}

/// The recommendation, the runner-up, how many contradictions there are, and how many questions would
/// sharpen it.
fn check(given: &str, strategy: &str, runner_up: &str, contradictions: usize, sharpen: usize) {
    let found = recommend(&answers(given));
    let next = found.runner_up.as_ref().map_or("", |(next, _)| next.as_str());
    let got = (found.strategy.as_str(), next, found.contradictions.len(), found.sharpen.len());
    assert_eq!(got, (strategy, runner_up, contradictions, sharpen), "{given}\n{found:#?}");
}

#[test]
fn answers_lead_to_strategies() {
    check("", "rolling", "canary", 0, 9);
    check("-side-by-side +downtime-ok", "recreate", "rolling", 0, 0);
    check("-side-by-side", "recreate", "rolling", 0, 8);
    check("+downtime-ok", "recreate", "rolling", 0, 8);
    check("+downtime-ok +side-by-side", "rolling", "canary", 0, 7);
    check("+instant-back +twice-the-instances", "blue-green", "canary", 0, 7);
    check("+instant-back", "blue-green", "canary", 0, 8);
    check("+gradual +enough-traffic", "canary", "rolling", 0, 5);
    check("+gradual +enough-traffic +instant-back +twice-the-instances", "canary", "blue-green", 0, 5);
    check("+gradual -serves-requests", "canary", "rolling", 0, 2);
    check("+user-feedback +enough-traffic", "ab", "rolling", 0, 5);
    check("+production-load", "shadow", "rolling", 0, 4);
    check("-downtime-ok -gradual -instant-back -user-feedback -production-load", "rolling", "canary", 0, 0);
    check("-serves-requests -enough-traffic", "rolling", "recreate", 0, 3);
}

#[test]
fn contradictions_are_named_and_something_sound_is_still_recommended() {
    check("-side-by-side -downtime-ok", "rolling", "canary", 1, 7);
    check("-side-by-side -downtime-ok +gradual", "canary", "rolling", 1, 6);
    check("-side-by-side +downtime-ok +gradual +instant-back", "recreate", "canary", 1, 0);
    check("+instant-back -twice-the-instances", "canary", "rolling", 1, 7);
    check("+instant-back -twice-the-instances -enough-traffic", "rolling", "recreate", 1, 5);
    check("+gradual -enough-traffic", "rolling", "blue-green", 1, 6);
    check("+user-feedback -enough-traffic", "rolling", "blue-green", 1, 7);
    check("+user-feedback +production-load", "shadow", "ab", 1, 4);
    check("+user-feedback +production-load -serves-requests", "rolling", "recreate", 1, 3);
}

/// Every way to answer: nothing is recommended that an answer forbids, and all of it can be written.
#[test]
fn no_recommendation_goes_against_an_answer() {
    use Question as Q;
    let count = 3_u32.pow(Q::ALL.len() as u32);
    let name = Name::new("shop").expect("a name");
    for strategy in STRATEGIES {
        for requests in [true, false] {
            text::parse_one(&starter(&name, strategy, requests)).expect("it parses");
        }
    }
    for way in 0..count {
        let mut given = Answers::default();
        for (index, question) in Q::ALL.iter().enumerate() {
            let answer = [None, Some(true), Some(false)][(way / 3_u32.pow(index as u32) % 3) as usize];
            given.set(*question, answer);
        }
        let found = recommend(&given);
        let forbidden = match found.strategy {
            StrategyName::Recreate => given.is(Q::DowntimeOk, false),
            StrategyName::BlueGreen => given.is(Q::TwiceTheInstances, false) || given.is(Q::ServesRequests, false),
            StrategyName::Canary => given.is(Q::EnoughTraffic, false) && !given.is(Q::ServesRequests, false),
            StrategyName::Ab => given.is(Q::EnoughTraffic, false) || given.is(Q::ServesRequests, false),
            StrategyName::Shadow => given.is(Q::ServesRequests, false),
            StrategyName::Rolling => false,
            StrategyName::Return => true,
        };
        assert!(!forbidden, "{given:?} {found:#?}");
        let apart = given.is(Q::SideBySide, false);
        assert!(!apart || found.strategy == StrategyName::Recreate || !found.contradictions.is_empty(), "{given:?}");
        assert!(found.reasons.iter().all(|reason| !reason.is_empty()) && !found.reasons.is_empty());
        assert!(found.runner_up.is_none_or(|(next, when)| next != found.strategy && !when.is_empty()));
        assert!(found.sharpen.iter().all(|question| given.get(*question).is_none()));
    }
}
