//! The runner, event by event: what it asks for, and what it makes of late, lost and doubtful answers.

use crate::scene::START;
use crate::services::*;
use engine::command::{COMMAND_LIMIT, Reply, Target};
use engine::facts::Facts;
use engine::journal::entry::{Ask, Entry, Input};
use engine::runner::{Effect, Event, Jump, LEASE_LENGTH, LEASE_RENEW, READS_MAX, Runner};
use engine::store::{
    Append, AppendError, Attribution, Cursor, Epoch, Held, Journal, Line, Position, Record, Renewal, StoreError,
    Trouble,
};
use expect_test::{Expect, expect};
use model::{Span, Subject, Time};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// A runner in the hands of a test: nothing is answered but what the test answers.
struct Hands {
    runner: Runner,
    now: Time,
    appends: BTreeMap<Subject, (Append, u64)>,
}

fn subject(name: &str) -> Subject {
    Subject::from_text(name)
}

fn record(position: u64, at: Time, version: u16, entry: &Entry) -> Record {
    let by = Attribution::engine();
    let body = serde_json::to_string(entry).expect("an entry");
    let line = Line { at, by, kind: entry.kind().as_str().into(), version, body };
    Record { position: Position(position), cursor: Cursor(position), epoch: Epoch(1), line }
}

fn deploy(id: &str) -> Input {
    let by = Attribution { who: "ana".into(), from: "cli".into(), why: String::new() };
    Input { id: id.into(), by, ask: Ask::Deploy { release: Arc::new(release(1, shop())) }, aim: None }
}

fn jumped() -> Entry {
    Entry::ClockJumped { by_ms: 1, behind_ms: 0 }
}

impl Hands {
    /// A runner of these services, that nobody has answered yet.
    fn new(names: &[&str]) -> Self {
        let mut runner = Runner::new("all", "this");
        for name in names {
            runner.add(subject(name), Facts::one_machine(), START);
        }
        Self { runner, now: START, appends: BTreeMap::new() }
    }

    /// The same with the lease, and every journal read and empty.
    fn leading(names: &[&str]) -> Self {
        let mut hands = Self::new(names);
        hands.say(Event::Tick);
        hands.say(Event::Leased(Some(Ok(Epoch(1))), hands.now));
        hands.say(Event::Tick);
        for name in names {
            hands.say(Event::Read(subject(name), Ok(Journal { whole: true, ..Journal::default() })));
        }
        hands
    }

    /// What follows from an event, in words; looks are left out.
    fn say(&mut self, event: Event) -> String {
        let mut text = String::new();
        for effect in self.runner.handle(self.now, event) {
            let line = self.words(&effect);
            if !line.is_empty() {
                writeln!(text, "{line}").expect("a String takes everything");
            }
            if let Effect::Append(append, serial) = effect {
                self.appends.insert(append.subject.clone(), (append, serial));
            }
        }
        text
    }

    fn words(&self, effect: &Effect) -> String {
        match effect {
            Effect::Lease(taking, _) => match taking.unrenewed {
                Some(Renewal(last)) => format!("take the lease, as nothing followed renewal {last}"),
                None => "ask for the lease".into(),
            },
            Effect::Read(subject, after) => format!("read {subject} after {after}"),
            Effect::Append(append, serial) => {
                let kinds: Vec<_> = append.lines.iter().map(|line| line.kind.as_str()).collect();
                let at = append.lines.first().map(|line| line.at).unwrap_or_default();
                let (subject, expected) = (&append.subject, append.expected);
                format!("append {serial} to {subject} after {expected}, {} on: {}", at.since(START), kinds.join(", "))
            }
            Effect::GiveUp { .. } => "give the lease up".into(),
            Effect::Send(command) => format!("send to {:?}", command.target()),
            Effect::Answer(subject, id, Ok(position)) => format!("answer {id} of {subject}: at {position}"),
            Effect::Answer(subject, id, Err(refused)) => format!("answer {id} of {subject}: {refused:?}"),
            Effect::Say(subject, words) => format!("say of {subject}: {words}"),
            Effect::LookAtPlatform(..)
            | Effect::LookAtRouter(..)
            | Effect::AskSource(..)
            | Effect::AskGate(..)
            | Effect::Checkpoint(..) => String::new(),
        }
    }

    fn wait(&mut self, span: Span) {
        self.now = self.now + span;
    }

    /// The wall clock jumps forward by an hour, and the lease is had anew.
    fn jump(&mut self) -> String {
        let by = Span::hours(1);
        self.wait(by);
        self.runner.clock_jumped(Jump { by, behind: Span::ZERO });
        self.say(Event::Leased(Some(Ok(Epoch(1))), self.now)) + &self.say(Event::Tick)
    }

    /// The last append to this journal is answered.
    fn answer(&mut self, name: &str, answer: impl FnOnce(&Append) -> Result<Position, AppendError>) -> String {
        let (append, serial) = self.appends.get(&subject(name)).expect("an append");
        let event = Event::Appended(append.subject.clone(), *serial, answer(append));
        self.say(event)
    }

    fn written(&mut self, name: &str) -> String {
        self.answer(name, |append| Ok(Position(append.expected.0 + append.lines.len() as u64)))
    }

    /// The lease is renewed whenever it is due, over this span.
    fn lead_on(&mut self, span: Span) -> String {
        let end = self.now + span;
        let mut text = String::new();
        while self.now < end {
            self.wait(Span::seconds(1));
            let told = self.say(Event::Tick);
            if told.contains("the lease") {
                self.say(Event::Leased(Some(Ok(Epoch(1))), self.now));
            }
            text.push_str(&told.replace("ask for the lease\n", ""));
        }
        text
    }
}

/// Somebody else's lease.
fn held(renewal: u64) -> Event {
    let held = Held { holder: "other".into(), renewal: Renewal(renewal), length: LEASE_LENGTH };
    Event::Leased(Some(Err(held)), START)
}

/// A story told by its lines.
fn check(lines: &[(&str, String)], wanted: &Expect) {
    let mut text = String::new();
    for (what, told) in lines {
        let told = if told.is_empty() { "nothing\n" } else { told };
        let told = told.trim_end().replace('\n', "\n    ");
        writeln!(text, "{what}\n    {told}").expect("a String takes everything");
    }
    wanted.assert_eq(&text);
}

#[test]
fn a_journal_from_a_clock_far_ahead_concerns_its_own_service_alone() {
    let mut hands = Hands::new(&["ahead", "other"]);
    hands.say(Event::Tick);
    hands.say(Event::Leased(Some(Ok(Epoch(1))), START));
    let far = record(1, START + Span::hours(24 * 365), 1, &jumped());
    let ahead = hands.say(Event::Read(subject("ahead"), Ok(Journal { records: vec![far], ..Journal::default() })));
    let whole = || Ok(Journal { whole: true, ..Journal::default() });
    let whole_ahead = hands.say(Event::Read(subject("ahead"), whole()));
    let other = hands.say(Event::Read(subject("other"), whole()));
    let asked = hands.say(Event::Asked(subject("other"), deploy("d-1")));
    assert!(hands.runner.lease(START).is_some(), "the lease is as long as it was");
    let written = hands.written("ahead");
    let asked_ahead = hands.say(Event::Asked(subject("ahead"), deploy("d-2")));
    hands.wait(Span::seconds(1));
    let soon = hands.runner.wake_in(hands.now).expect("something is waited for");
    assert!(soon <= Span::seconds(10), "nobody waits a year: {soon}");
    check(
        &[
            ("a year ahead is read of one", ahead),
            ("it was all of it", whole_ahead),
            ("the other's is empty", other),
            ("the other is asked", asked),
            ("the first is told that its clock is behind", written),
            ("and is asked", asked_ahead),
        ],
        &expect![[r#"
            a year ahead is read of one
                read ahead after 1
            it was all of it
                append 1 to ahead after 1, 365d on: clock-jumped
            the other's is empty
                nothing
            the other is asked
                append 1 to other after 0, 0s on: asked-deploy
            the first is told that its clock is behind
                nothing
            and is asked
                append 2 to ahead after 2, 365d on: asked-deploy
        "#]],
    );
}

#[test]
fn a_lease_is_taken_from_a_holder_that_was_seen_not_to_renew_it() {
    let mut hands = Hands::new(&["shop"]);
    let mut lines = vec![("it starts", hands.say(Event::Tick))];
    hands.say(held(7));
    hands.wait(LEASE_LENGTH);
    lines.push(("a lease's length later", hands.say(Event::Tick)));
    hands.say(held(8));
    hands.wait(LEASE_LENGTH - Span(1));
    lines.push(("it was renewed; a little less than that later", hands.say(Event::Tick)));
    hands.say(held(8));
    hands.wait(LEASE_RENEW);
    lines.push(("still the same", hands.say(Event::Tick)));
    hands.say(held(9));
    hands.wait(Span::hours(1));
    hands.runner.clock_jumped(Jump { by: Span::hours(1), behind: Span::ZERO });
    lines.push(("renewed again; the wall clock jumps an hour", hands.say(Event::Tick)));
    hands.wait(LEASE_LENGTH);
    lines.push(("which was no time", hands.say(Event::Tick)));
    lines.push(("it is taken", hands.say(Event::Leased(Some(Ok(Epoch(2))), hands.now)) + &hands.say(Event::Tick)));
    check(
        &lines,
        &expect![[r#"
        it starts
            ask for the lease
        a lease's length later
            take the lease, as nothing followed renewal 7
        it was renewed; a little less than that later
            ask for the lease
        still the same
            take the lease, as nothing followed renewal 8
        renewed again; the wall clock jumps an hour
            ask for the lease
        which was no time
            take the lease, as nothing followed renewal 9
        it is taken
            read shop after 0
    "#]],
    );
}

#[test]
fn a_lease_lasts_from_when_it_was_asked_for_and_outlives_a_store_that_is_away() {
    let mut hands = Hands::leading(&["shop"]);
    for (after, answer, leads) in
        [(Span::seconds(5), None, true), (LEASE_LENGTH - Span(1), None, true), (LEASE_LENGTH, None, false)]
    {
        hands.now = START + after;
        hands.say(Event::Leased(answer, hands.now));
        assert_eq!(hands.runner.lease(hands.now).is_some(), leads, "{after}");
    }
    let asked = START + Span::seconds(29);
    hands.say(Event::Leased(Some(Ok(Epoch(1))), asked));
    let lease = hands.runner.lease(hands.now).expect("renewed");
    assert_eq!(lease.until, asked + LEASE_LENGTH, "the answer took a second");
    let read = hands.say(Event::Tick);
    assert!(!read.contains("read"), "the same epoch: nobody can have written meanwhile: {read}");
}

#[test]
fn whoever_meets_a_newer_entry_gives_up() {
    let mut hands = Hands::new(&["new", "shop"]);
    hands.say(Event::Tick);
    hands.say(Event::Leased(Some(Ok(Epoch(1))), START));
    let newer = record(1, START, u16::MAX, &jumped());
    let read = hands.say(Event::Read(subject("new"), Ok(Journal { records: vec![newer], ..Journal::default() })));
    hands.wait(LEASE_LENGTH);
    let later = hands.say(Event::Tick);
    let late = hands.say(Event::Leased(Some(Ok(Epoch(1))), hands.now));
    assert!(hands.runner.lease(hands.now).is_none());
    let asked = hands.say(Event::Asked(subject("shop"), deploy("d-1")));
    let lines =
        [("it is read", read), ("later", later), ("a late answer", late), ("somebody asks for something", asked)];
    check(
        &lines,
        &expect![[r#"
        it is read
            say of new: entry 1 of new: it was written by a newer Glidepath (entry version 65535, this one knows 1): update this controller
            give the lease up
        later
            nothing
        a late answer
            nothing
        somebody asks for something
            answer d-1 of shop: NotLeader
    "#]],
    );
}

#[test]
fn a_damaged_journal_is_the_end_of_its_service_alone() {
    let mut hands = Hands::new(&["bad", "shop"]);
    hands.say(Event::Tick);
    hands.say(Event::Leased(Some(Ok(Epoch(1))), START));
    let mut damaged = record(1, START, 1, &jumped());
    damaged.line.body = "{\"clock-jum".into();
    let read = hands.say(Event::Read(subject("bad"), Ok(Journal { records: vec![damaged], ..Journal::default() })));
    hands.say(Event::Read(subject("shop"), Ok(Journal { whole: true, ..Journal::default() })));
    let lines = [
        ("it is read", read),
        ("it is asked for something", hands.say(Event::Asked(subject("bad"), deploy("d-1")))),
        ("and another is", hands.say(Event::Asked(subject("shop"), deploy("d-2")))),
    ];
    check(
        &lines,
        &expect![[r#"
        it is read
            say of bad: entry 1 of bad: it cannot be read: EOF while parsing a string at line 1 column 11
        it is asked for something
            answer d-1 of bad: NotWritten("entry 1 of bad: it cannot be read: EOF while parsing a string at line 1 column 11")
        and another is
            append 1 to shop after 0, 0s on: asked-deploy
    "#]],
    );
}

/// As many as may be read at once never answer: the others have their turn all the same.
#[test]
fn journals_that_nobody_reads_hold_up_no_other() {
    let stuck: Vec<String> = (0..READS_MAX).map(|number| format!("stuck-{number:02}")).collect();
    let mut names: Vec<&str> = stuck.iter().map(String::as_str).collect();
    names.push("turn");
    let mut hands = Hands::new(&names);
    hands.say(Event::Tick);
    let mut asked = hands.say(Event::Leased(Some(Ok(Epoch(1))), START)) + &hands.say(Event::Tick);
    assert!(asked.contains("read stuck-00") && !asked.contains("read turn"), "{asked}");
    asked.push_str(&hands.lead_on(Span::seconds(10)));
    assert!(asked.contains("read turn"), "{asked}");
    hands.say(Event::Read(subject("turn"), Err(StoreError { trouble: Trouble::Other, message: "no".into() })));
    let again = hands.lead_on(Span::seconds(20));
    assert!(again.contains("read turn") && again.contains("read stuck-00"), "each in its turn: {again}");
}

#[test]
fn a_jump_that_could_not_be_written_is_written_later() {
    let mut hands = Hands::leading(&["shop"]);
    let full = StoreError { trouble: Trouble::Full, message: "the disk is full".into() };
    let mut lines = vec![("the clock jumps", hands.jump()), ("and again, meanwhile", hands.jump())];
    lines.push(("the disk is full", hands.answer("shop", |_| Err(AppendError::Failed(full)))));
    lines.push(("later", hands.lead_on(Span::seconds(2))));
    let (append, _) = &hands.appends[&subject("shop")];
    assert_eq!(append.lines[0].body, "{\"clock-jumped\":{\"by_ms\":7200000}}");
    check(
        &lines,
        &expect![[r#"
            the clock jumps
                ask for the lease
                append 1 to shop after 0, 1h on: clock-jumped
            and again, meanwhile
                ask for the lease
            the disk is full
                say of shop: the disk is full [store-full]
            later
                append 2 to shop after 0, 2h1s on: clock-jumped
        "#]],
    );
}

#[test]
fn a_jump_in_doubt_is_written_again_only_where_it_is_missing() {
    for (there, wanted) in [(true, 0), (false, 1)] {
        let mut hands = Hands::leading(&["shop"]);
        hands.jump();
        hands.answer("shop", |_| Err(AppendError::Ambiguous("the connection was lost".into())));
        let append = hands.appends.remove(&subject("shop")).expect("an append").0;
        hands.say(Event::Tick);
        let line = append.lines[0].clone();
        let record = Record { position: Position(1), cursor: Cursor(1), epoch: Epoch(1), line };
        let records = if there { vec![record] } else { Vec::new() };
        hands.say(Event::Read(subject("shop"), Ok(Journal { records, whole: true, checkpoint: None })));
        hands.lead_on(Span::seconds(2));
        assert_eq!(hands.appends.len(), wanted, "there: {there}");
    }
}

#[test]
fn a_clock_that_was_put_back_is_in_the_journal_once() {
    let mut hands = Hands::leading(&["shop"]);
    let mut lines = Vec::new();
    for (what, behind_s) in [("an hour back", 3_600), ("a second of drift", 3_601), ("nearly right again", 1)] {
        hands.runner.clock_jumped(Jump { by: Span::ZERO, behind: Span::seconds(behind_s) });
        let mut told = hands.say(Event::Tick) + &hands.lead_on(Span::seconds(10));
        if told.contains("append") {
            writeln!(told, "{}", hands.appends[&subject("shop")].0.lines[0].body).expect("a String takes everything");
            told += &hands.written("shop");
        }
        lines.push((what, told));
    }
    check(
        &lines,
        &expect![[r#"
        an hour back
            append 1 to shop after 0, 1s on: clock-jumped
            {"clock-jumped":{"by_ms":0,"behind_ms":3600000}}
        a second of drift
            nothing
        nearly right again
            append 2 to shop after 1, 21s on: clock-jumped
            {"clock-jumped":{"by_ms":0,"behind_ms":1000}}
    "#]],
    );
}

#[test]
fn an_append_that_nobody_answers_is_given_up_and_its_late_answer_is_not_believed() {
    let mut hands = Hands::leading(&["shop"]);
    let mut lines = vec![("asked", hands.say(Event::Asked(subject("shop"), deploy("d-1"))))];
    let (first, serial) = hands.appends[&subject("shop")].clone();
    lines.push(("soon", hands.lead_on(Span::seconds(29))));
    lines.push(("after half a minute", hands.lead_on(Span::seconds(1))));
    let whole = Journal { whole: true, ..Journal::default() };
    lines.push(("it is not in the journal", hands.say(Event::Read(subject("shop"), Ok(whole)))));
    lines.push(("asked again", hands.say(Event::Asked(subject("shop"), deploy("d-1")))));
    let late = Event::Appended(first.subject, serial, Err(AppendError::Conflict(Position(9))));
    lines.push(("the first is answered", hands.say(late)));
    lines.push(("and the second", hands.written("shop")));
    check(
        &lines,
        &expect![[r#"
        asked
            append 1 to shop after 0, 0s on: asked-deploy
        soon
            nothing
        after half a minute
            answer d-1 of shop: NotWritten("nobody knows whether it was written: ask again, with the same id")
        it is not in the journal
            nothing
        asked again
            append 3 to shop after 0, 30s on: asked-deploy
        the first is answered
            nothing
        and the second
            answer d-1 of shop: at 1
            append 4 to shop after 1, 30s on: accepted
    "#]],
    );
}

/// It is asked again, in case somebody mends it; people hear of it once.
#[test]
fn a_no_for_good_is_told_once() {
    let mut hands = Hands::leading(&["shop"]);
    hands.say(Event::Asked(subject("shop"), deploy("d-1")));
    for _ in 0..3 {
        hands.written("shop");
    }
    let reply = |why: &str| {
        let failed = Reply::Failed { why: why.into(), retry: false };
        Event::Replied(subject("shop"), Target::Instances(number(1)), Position(3), failed)
    };
    let only_told = |text: String| text.lines().filter(|line| line.starts_with("say")).collect::<String>();
    let lines = ["no room", "no room", "no licence"].map(|why| (why, only_told(hands.say(reply(why)))));
    check(
        &lines,
        &expect![[r#"
        no room
            say of shop: the platform, asked for instances of @1, refused: no room
        no room
            nothing
        no licence
            say of shop: the platform, asked for instances of @1, refused: no licence
    "#]],
    );
}

/// One service's store answers nothing: the other lands as if it were alone.
#[test]
fn no_service_waits_for_another() {
    let mut hands = Hands::leading(&["stuck", "shop"]);
    let mut lines = vec![
        ("one is asked", hands.say(Event::Asked(subject("stuck"), deploy("d-1")))),
        ("and the other", hands.say(Event::Asked(subject("shop"), deploy("d-2")))),
    ];
    for what in ["the second is written", "and so on", "and on"] {
        lines.push((what, hands.written("shop")));
    }
    check(
        &lines,
        &expect![[r#"
        one is asked
            append 1 to stuck after 0, 0s on: asked-deploy
        and the other
            append 1 to shop after 0, 0s on: asked-deploy
        the second is written
            answer d-2 of shop: at 1
            append 2 to shop after 1, 0s on: accepted
        and so on
            append 3 to shop after 2, 0s on: began
        and on
            send to Instances(ReleaseNumber(1))
    "#]],
    );
    assert!(COMMAND_LIMIT < LEASE_LENGTH, "what has no fence is started within a lease");
}
