//! What is special about some of a service's requests, made ready: a thousand rules are no thousand
//! comparisons.

use super::Faults;
use super::answer::Answer;
use super::edits;
use super::matching::{Asked, Matcher};
use super::path::{ByPath, Pattern};
use super::rewrite::Rewrite;
use crate::count::{Books, Class};
use crate::http1::Edits;
use wire::table::Limits;

/// What is special about some requests.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The class that they are counted in, by its name.
    pub name: Box<str>,
    /// And by its number.
    pub class: Class,
    /// The gateway answers itself.
    pub answer: Option<Answer>,
    /// What is changed in requests.
    pub request: Option<Edits>,
    /// What is changed in answers of instances.
    pub response: Option<Edits>,
    /// Limits of its own.
    pub limits: Option<Limits>,
    rewrite: Rewrite,
    patterns: Vec<Pattern>,
    matchers: Vec<Matcher>,
}

impl Rule {
    fn new(rule: &wire::table::Rule, place: &str, faults: &mut Faults) -> Self {
        let patterns = rule
            .paths
            .iter()
            .enumerate()
            .filter_map(|(number, path)| faults.take(&format!("{place}.paths[{number}]"), Pattern::new(path)));
        let patterns: Vec<_> = patterns.collect();
        let rewrite = Rewrite::new(&rule.rewrite, &patterns, &format!("{place}.rewrite"), faults);
        let answer = rule.action.as_ref().and_then(|action| Answer::new(action, &format!("{place}.action"), faults));
        if answer.is_some() && (rule.rewrite != Default::default() || rule.request != Default::default()) {
            faults.add(
                place,
                "the gateway answers itself, so there is no request to change: leave `rewrite` and `request` out",
            );
        }
        Self {
            name: rule.name.as_str().into(),
            class: Class::default(),
            answer,
            request: edits::of_requests(&rule.request, &format!("{place}.request"), faults),
            response: edits::of_answers(&rule.answer, &format!("{place}.answer"), faults),
            limits: rule.limits,
            rewrite,
            patterns,
            matchers: Matcher::all(&rule.matches, &format!("{place}.matches"), faults),
        }
    }

    fn takes(&self, path: &[u8], asked: &dyn Asked) -> bool {
        (self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.takes(path)))
            && (self.matchers.is_empty() || self.matchers.iter().any(|matcher| matcher.takes(asked)))
    }

    /// The host that the instance is asked for instead.
    pub fn host(&self) -> Option<&[u8]> {
        self.rewrite.host()
    }

    /// The path and query that the instance is asked for instead of these.
    pub fn target(&self, path_and_query: &[u8]) -> Option<Vec<u8>> {
        self.rewrite.target(&self.patterns, path_and_query)
    }
}

/// All rules of a service.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    list: Vec<Rule>,
    /// Which may take a path, in their order.
    index: ByPath<Vec<u32>>,
}

impl Rules {
    /// Rules made ready.
    pub(super) fn new(rules: &[wire::table::Rule], faults: &mut Faults) -> Self {
        let made = rules.iter().enumerate().map(|(number, rule)| Rule::new(rule, &format!("rules[{number}]"), faults));
        let mut all = Self { list: made.collect(), index: ByPath::default() };
        for (number, rule) in (0_u32..).zip(&all.list) {
            let stand = |list: &mut Vec<u32>| {
                if list.last() != Some(&number) {
                    list.push(number);
                }
            };
            if rule.patterns.is_empty() {
                stand(all.index.prefix_mut(b""));
            }
            for pattern in &rule.patterns {
                stand(match pattern {
                    Pattern::Exact(path) => all.index.exact_mut(path),
                    Pattern::Prefix(path) | Pattern::Expression(path, _) => all.index.prefix_mut(path),
                });
            }
        }
        all
    }

    /// The same, counted in these books.
    pub(super) fn counted_in(&self, books: &Books) -> Self {
        let mut all = self.clone();
        all.list.iter_mut().for_each(|rule| rule.class = books.class(&rule.name));
        all
    }

    /// The first that takes a request.
    pub fn find(&self, path: &[u8], asked: &dyn Asked) -> Option<&Rule> {
        if self.list.is_empty() {
            return None;
        }
        let mut found: Option<(u32, &Rule)> = None;
        for numbers in self.index.exact(path).into_iter().chain(self.index.above(path)) {
            let earlier = |number: &u32| found.is_none_or(|(found, _)| *number < found);
            let rules = numbers.iter().take_while(|number| earlier(number));
            let mut rules = rules.filter_map(|number| Some((*number, self.list.get(*number as usize)?)));
            found = rules.find(|(_, rule)| rule.takes(path, asked)).or(found);
        }
        found.map(|(_, rule)| rule)
    }
}
