//! Which instance gets a request: by balance, by age, by health.

use expect_test::{Expect, expect};
use gateway::pool::{Condition, Pool, Wish};
use gateway::probe::{Heard, Proof, Proven, Row};
use gateway::table::{Checked, Ground, Site};
use model::{ReleaseNumber, Share, Span, Subject};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use wire::Table;
use wire::table::{Active, Balance, Breaker, Care, Endpoint, Lane, Passive};

/// Tables of one release, whose instances are told by their ports.
#[derive(Default)]
struct Bench {
    ground: Ground,
    care: Care,
    site: Option<Site>,
}

fn service() -> Subject {
    Subject::from_text("service/shop/production/local")
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Bench {
    fn with(care: Care) -> Self {
        Self { care, ..Self::default() }
    }

    /// The next table: those that are negative drain.
    fn take(&mut self, balance: Balance, ports: &[i32]) -> &Rc<Pool> {
        let endpoints = ports
            .iter()
            .map(|port| Endpoint { address: address(port.unsigned_abs() as u16).to_string(), draining: *port < 0 });
        let mut lane = Lane::new(ReleaseNumber(1), Share::ALL, endpoints.collect());
        (lane.balance, lane.slow_start) = (balance, Some(Span::seconds(10)));
        let table = Table { care: self.care.clone(), ..Table::new(service(), 1, vec![lane]) };
        let before = self.site.take();
        let table = Checked::new(table).expect("no fault");
        let next = Site::new(&table, before.as_ref(), &self.ground);
        if let Some(before) = before {
            before.give_way_to(Some(&next));
        }
        self.site.insert(next).pool(ReleaseNumber(1)).expect("its release")
    }

    /// The next table, one after the other.
    fn table(&mut self, ports: &[i32]) {
        self.take(Balance::RoundRobin, ports);
    }

    fn pool(&self) -> &Rc<Pool> {
        self.site.as_ref().and_then(|site| site.pool(ReleaseNumber(1))).expect("a table")
    }

    /// Time passes.
    fn pass(&mut self, millis: u64) {
        self.ground.now_ms += millis;
        self.pool().look(self.ground.now_ms);
    }

    /// An instance answered so many requests, well or badly.
    fn answer(&self, port: u16, good: bool, times: usize) {
        let endpoint = self.pool().endpoint(address(port)).expect("it is there");
        (0..times).for_each(|_| self.pool().answered(&endpoint, good, self.ground.now_ms));
    }

    fn prove(&self, port: u16, proven: Proven) {
        self.ground.commons.proofs.proof(&service(), ReleaseNumber(1), address(port)).set(proven, Heard::Status(200));
    }

    /// Who gets a request at all, by port, each as often as it comes.
    fn spread(&self, requests: usize) -> BTreeMap<u16, usize> {
        let mut spread = BTreeMap::new();
        for request in 0..requests {
            let wish = Wish { key: key(request), not: None };
            if let Ok(claim) = self.pool().claim(wish) {
                *spread.entry(claim.endpoint().address().port()).or_default() += 1;
            }
        }
        spread
    }

    /// Who gets any.
    fn given(&self) -> Vec<u16> {
        // Whoever is new gets the least: a fortieth of them.
        self.spread(4_000).into_keys().collect()
    }
}

/// A number by chance, always the same.
fn key(number: usize) -> u64 {
    let mut random = fastrand::Rng::with_seed(number as u64);
    random.u64(..)
}

const ALL: [Balance; 4] = [Balance::LeastRequests, Balance::RoundRobin, Balance::Random, Balance::ConsistentHash];

#[test]
fn every_balance_spreads_evenly() {
    for balance in ALL {
        for count in [1, 3, 8, 9, 30] {
            let ports: Vec<i32> = (1..=count).collect();
            let mut bench = Bench::default();
            bench.take(balance, &ports);
            let spread = bench.spread(count as usize * 1_000);
            assert_eq!(spread.len(), count as usize, "{balance:?}");
            assert!(spread.values().all(|given| (800..1_200).contains(given)), "{balance:?}: {spread:?}");
        }
    }
}

#[test]
fn whoever_has_least_to_do_is_asked() {
    let mut bench = Bench::default();
    let pool = Rc::clone(bench.take(Balance::LeastRequests, &[1, 2, 3]));
    let claims: Vec<_> = (0..30).map(|_| pool.claim(Wish::default()).expect("room")).collect();
    let loads: Vec<_> = pool.endpoints().map(|endpoint| endpoint.claims()).collect();
    assert_eq!(loads, [10, 10, 10]);
    // One that is done gets the next ones.
    let (one, others): (Vec<_>, Vec<_>) =
        claims.into_iter().partition(|claim| claim.endpoint().address() == address(2));
    drop(one);
    let next: Vec<_> = (0..5).map(|_| pool.claim(Wish::default()).expect("room")).collect();
    assert!(next.iter().all(|claim| claim.endpoint().address() == address(2)));
    drop((next, others));
    assert_eq!(pool.claims(), 0);
}

/// The same keys stay where they are, but for those of whoever came or went.
#[test]
fn few_units_move_when_an_instance_comes_or_goes() {
    const KEYS: usize = 20_000;
    let place = |bench: &Bench| -> Vec<u16> {
        let claim = |number| bench.pool().claim(Wish { key: key(number), not: None }).expect("room");
        (0..KEYS).map(|number| claim(number).endpoint().address().port()).collect()
    };
    for count in [2, 5, 12, 40] {
        let ports: Vec<i32> = (1..=count).collect();
        let mut bench = Bench::default();
        bench.take(Balance::ConsistentHash, &ports);
        let before = place(&bench);
        assert_eq!(before, place(&bench), "they stay");
        // One comes, and has grown.
        bench.take(Balance::ConsistentHash, &[&ports[..], &[99]].concat());
        bench.pass(20_000);
        let after = place(&bench);
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!(moved.iter().all(|(_, after)| **after == 99), "only to whoever came");
        let fair = KEYS / (count as usize + 1);
        assert!(moved.len().abs_diff(fair) < fair / 5, "{} of {fair} moved", moved.len());
        // It goes, and all is as it was; whoever drains gets nothing, and the others keep theirs.
        bench.take(Balance::ConsistentHash, &ports);
        assert_eq!(before, place(&bench));
        bench.take(Balance::ConsistentHash, &[&[-1], &ports[1..]].concat());
        let drained = place(&bench);
        let kept = before.iter().zip(&drained).all(|(before, after)| (*before == 1) != (before == after));
        assert!(kept, "those of one moved, and no others");
    }
}

/// A new instance gets its weight's share of its part, and whoever has it keeps it.
#[test]
fn a_new_instance_is_given_more_and_more() {
    const REQUESTS: usize = 40_000;
    for balance in ALL {
        let mut bench = Bench::default();
        bench.take(balance, &[1, 2, 3]);
        assert_eq!(bench.spread(300).len(), 3, "the first are new together");
        bench.pass(1_000);
        bench.take(balance, &[1, 2, 3, 4]);
        let mut parts = Vec::new();
        for wait in [0, 2_500, 2_500, 4_000, 2_000] {
            bench.pass(wait);
            let spread = bench.spread(REQUESTS);
            parts.push(*spread.get(&4).unwrap_or(&0) as f64 / (REQUESTS as f64 / 4.0));
        }
        for (part, wanted) in parts.iter().zip([0.1, 0.25, 0.5, 0.9, 1.0]) {
            assert!((part - wanted).abs() < 0.06, "{balance:?}: {parts:?}");
        }
    }
}

#[test]
fn whoever_drains_gets_nothing_from_an_older_table_either() {
    let mut bench = Bench::default();
    let old = Rc::clone(bench.take(Balance::RoundRobin, &[1, 2]));
    bench.take(Balance::RoundRobin, &[-1, 2]);
    let given = |pool: &Pool| -> Vec<u16> {
        let claims = (0..4).filter_map(|_| pool.claim(Wish::default()).ok());
        claims.map(|claim| claim.endpoint().address().port()).collect()
    };
    assert_eq!(given(&old), [2, 2, 2, 2]);
    old.give_way_to(None);
    assert_eq!(given(&old), [] as [u16; 0], "its release is in no table any more");
}

#[test]
fn another_one_is_asked_where_there_is_one() {
    for balance in ALL {
        let mut bench = Bench::default();
        let pool = Rc::clone(bench.take(balance, &[1, 2]));
        for number in 0..50 {
            let first = pool.claim(Wish { key: key(number), not: None }).expect("room");
            let failed = Rc::clone(first.endpoint());
            drop(first);
            let second = pool.claim(Wish { key: key(number), not: Some(&failed) }).expect("room");
            assert_ne!(second.endpoint().address(), failed.address());
        }
        let pool = Rc::clone(bench.take(balance, &[1]));
        let failed = pool.endpoint(address(1)).expect("it is there");
        assert!(pool.claim(Wish { key: 0, not: Some(&failed) }).is_ok(), "rather the same than none");
    }
}

#[test]
fn an_instance_has_room_for_so_many() {
    for balance in ALL {
        let breaker = Breaker { requests_max: 3, ..Breaker::default() };
        let mut bench = Bench::with(Care { breaker, ..Care::default() });
        let pool = Rc::clone(bench.take(balance, &[1, 2]));
        let claims: Vec<_> =
            (0..10).filter_map(|number| pool.claim(Wish { key: key(number), not: None }).ok()).collect();
        assert_eq!(claims.len(), 6, "{balance:?}");
        assert!(pool.endpoints().all(|endpoint| endpoint.claims() == 3));
    }
}

/// What is done, in words, and how.
type Step<'a> = (&'a str, &'a dyn Fn(&mut Bench));

/// What is done to an instance, and who gets work then.
fn story(bench: &mut Bench, steps: &[Step<'_>], wanted: &Expect) {
    let mut text = String::new();
    for (what, step) in steps {
        step(bench);
        bench.pass(0);
        writeln!(text, "{what:<40} {:?}", bench.given()).expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn only_what_has_proven_healthy_is_asked() {
    let mut bench = Bench::with(Care { active: Some(Active::default()), ..Care::default() });
    bench.take(Balance::RoundRobin, &[1, 2]);
    story(
        &mut bench,
        &[
            ("nobody has proven healthy", &|_| {}),
            ("the first has", &|bench| bench.prove(1, Proven::Good)),
            ("both have", &|bench| bench.prove(2, Proven::Good)),
            ("the first is sick", &|bench| bench.prove(1, Proven::Sick)),
            ("a third is new", &|bench| bench.table(&[1, 2, 3])),
            ("all that were well are sick: panic", &|bench| bench.prove(2, Proven::Sick)),
            ("the new one is well: too few still", &|bench| bench.prove(3, Proven::Good)),
            ("two are well", &|bench| bench.prove(1, Proven::Good)),
            ("all are replaced, and it serves already", &|bench| bench.table(&[4])),
            ("whoever drains is not asked", &|bench| bench.table(&[-4])),
        ],
        &expect![[r#"
            nobody has proven healthy                []
            the first has                            [1]
            both have                                [1, 2]
            the first is sick                        [2]
            a third is new                           [2]
            all that were well are sick: panic       [1, 2]
            the new one is well: too few still       [1, 2, 3]
            two are well                             [1, 3]
            all are replaced, and it serves already  [4]
            whoever drains is not asked              []
        "#]],
    );
}

#[test]
fn whoever_fails_too_often_rests() {
    let passive = Passive { failures: 3, eject_max: Span::seconds(30), ..Passive::default() };
    let mut bench = Bench::with(Care { passive, ..Care::default() });
    bench.take(Balance::RoundRobin, &[1, 2, 3, 4]);
    let fail = |port: u16| move |bench: &mut Bench| bench.answer(port, false, 3);
    story(
        &mut bench,
        &[
            ("two failures, and one good answer", &|bench| {
                bench.answer(1, false, 2);
                bench.answer(1, true, 1);
                bench.answer(1, false, 2);
            }),
            ("a third in a row", &|bench| bench.answer(1, false, 1)),
            ("a table is taken: it still rests", &|bench| bench.table(&[1, 2, 3, 4])),
            ("a second one rests", &fail(2)),
            ("no more than half do", &fail(3)),
            ("ten seconds later", &|bench| bench.pass(10_000)),
            ("the first fails again", &fail(1)),
            ("ten seconds later", &|bench| bench.pass(10_000)),
            ("twenty, for the second time", &|bench| bench.pass(10_000)),
            ("and again", &fail(1)),
            ("twenty are not enough", &|bench| bench.pass(29_000)),
            ("thirty are the most", &|bench| bench.pass(1_000)),
            ("all is forgiven, and it fails", &|bench| {
                (0..4).for_each(|_| bench.pass(30_000));
                bench.answer(1, false, 3);
            }),
            ("ten seconds later", &|bench| bench.pass(10_000)),
        ],
        &expect![[r#"
            two failures, and one good answer        [1, 2, 3, 4]
            a third in a row                         [2, 3, 4]
            a table is taken: it still rests         [2, 3, 4]
            a second one rests                       [3, 4]
            no more than half do                     [3, 4]
            ten seconds later                        [1, 2, 3, 4]
            the first fails again                    [2, 3, 4]
            ten seconds later                        [2, 3, 4]
            twenty, for the second time              [1, 2, 3, 4]
            and again                                [2, 3, 4]
            twenty are not enough                    [2, 3, 4]
            thirty are the most                      [1, 2, 3, 4]
            all is forgiven, and it fails            [2, 3, 4]
            ten seconds later                        [1, 2, 3, 4]
        "#]],
    );
    assert!(bench.pool().report().values().all(|endpoint| endpoint.condition == Condition::Good));
}

/// Where one alone is given work and fails a request, one that rests is tried before the same again.
#[test]
fn whoever_rests_is_tried_before_the_same_again() {
    let passive = Passive { failures: 1, eject: Span::hours(1), eject_max: Span::hours(1), ..Passive::default() };
    let mut bench = Bench::with(Care { passive, ..Care::default() });
    bench.table(&[1, 2]);
    bench.answer(1, false, 1);
    let pool = Rc::clone(bench.pool());
    let again = |failed: u16| {
        let failed = pool.endpoint(address(failed)).expect("it is there");
        pool.claim(Wish { key: 0, not: Some(&failed) }).expect("room").endpoint().address().port()
    };
    assert_eq!((bench.given(), again(2)), (vec![2], 1));
    bench.answer(1, false, 1);
    assert_eq!(bench.given(), [2], "it failed again");
    assert_eq!(again(2), 1);
    bench.answer(1, true, 1);
    assert_eq!(bench.given(), [1, 2], "it did well");
}

#[test]
fn one_alone_never_rests() {
    let mut bench = Bench::default();
    bench.take(Balance::RoundRobin, &[1]);
    bench.answer(1, false, 100);
    assert_eq!(bench.given(), [1]);
}

#[test]
fn whoever_stands_out_rests() {
    let passive = Passive { failures: 0, outlier: Some(Share::percent(20)), ..Passive::default() };
    let mut bench = Bench::with(Care { passive, ..Care::default() });
    bench.take(Balance::RoundRobin, &[1, 2, 3, 4]);
    let answers = |bench: &Bench, of: [(usize, usize); 4]| {
        for (port, (good, bad)) in (1..).zip(of) {
            bench.answer(port, true, good);
            bench.answer(port, false, bad);
        }
    };
    story(
        &mut bench,
        &[
            ("all are as bad", &|bench| {
                answers(bench, [(50, 50), (50, 50), (50, 50), (50, 50)]);
                bench.pass(10_000);
            }),
            ("a little worse", &|bench| {
                answers(bench, [(85, 15), (100, 0), (100, 0), (100, 0)]);
                bench.pass(10_000);
            }),
            ("too few to tell", &|bench| {
                answers(bench, [(0, 20), (100, 0), (100, 0), (100, 0)]);
                bench.pass(10_000);
            }),
            ("much worse, and not compared yet", &|bench| {
                answers(bench, [(70, 30), (100, 0), (100, 0), (100, 0)]);
                bench.pass(5_000);
            }),
            ("compared", &|bench| bench.pass(5_000)),
            ("it comes back", &|bench| bench.pass(10_000)),
        ],
        &expect![[r#"
            all are as bad                           [1, 2, 3, 4]
            a little worse                           [1, 2, 3, 4]
            too few to tell                          [1, 2, 3, 4]
            much worse, and not compared yet         [1, 2, 3, 4]
            compared                                 [2, 3, 4]
            it comes back                            [1, 2, 3, 4]
        "#]],
    );
}

/// Whoever comes back from being sick begins with little, too.
#[test]
fn whoever_was_sick_grows_again() {
    let mut bench = Bench::with(Care { active: Some(Active::default()), ..Care::default() });
    bench.take(Balance::LeastRequests, &[1, 2, 3]);
    (1..=3).for_each(|port| bench.prove(port, Proven::Good));
    bench.pass(20_000);
    bench.pass(20_000);
    bench.prove(1, Proven::Sick);
    bench.pass(1_000);
    bench.prove(1, Proven::Good);
    bench.pass(1_000);
    let early = bench.spread(30_000)[&1];
    assert!((700..1_400).contains(&early), "{early} of 10000");
    bench.pass(10_000);
    let late = bench.spread(30_000)[&1];
    assert!((9_500..10_500).contains(&late), "{late} of 10000");
}

#[test]
fn good_and_bad_answers_count_in_a_row() {
    let active = Active { rise: 2, fall: 3, ..Active::default() };
    let check = |answers: &str| -> String {
        let mut row = Row::new(&Proof::default());
        let known = answers.chars().map(|answer| match row.hear(answer == '+', &active) {
            Proven::Not => '?',
            Proven::Good => 'G',
            Proven::Sick => 'S',
        });
        known.collect()
    };
    let cases = ["--+", "+--+---", "+---+-++", "+---++---"];
    let text: String = cases.iter().map(|case| format!("{case} {}\n", check(case))).collect();
    expect![[r#"
        --+ ??G
        +--+--- GGGGGGS
        +---+-++ GGGSSSSG
        +---++--- GGGSSGGGS
    "#]]
    .assert_eq(&text);
}
