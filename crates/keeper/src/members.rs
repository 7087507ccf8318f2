//! Which gateways there are, and what follows from what becomes of them: events in, actions out. Nothing
//! here starts, ends or waits for anything.

use std::collections::BTreeMap;

/// One that is to retire has so long to say that it accepts no more. One that hangs is not waited for.
pub const RETIRED_WITHIN_MS: u64 = 5_000;
/// The longest wait before another is started where they keep dying.
pub const PAUSE_MS_MAX: u64 = 2_000;
/// The first wait, from the second death on. It doubles.
const PAUSE_MS: u64 = 50;
/// Whoever led for so long has not died of its start.
const STEADY_MS: u64 = 5_000;
/// The most that go on for clients of before; beyond them the oldest has to end.
pub const RETIRING_MAX: usize = 16;

/// The gateways of one keeper.
#[derive(Debug)]
pub struct Members {
    bounds: Bounds,
    all: BTreeMap<u32, Member>,
    last: u32,
    /// How many died one after the other.
    deaths: u32,
    /// When the next is started where none is there.
    start_at: Option<u64>,
    /// By when everything has to have ended.
    end_at: Option<u64>,
}

/// How long things may take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Until every worker of one that was started serves and accepts.
    pub ready_ms: u64,
    /// What is under way, when all of it is to end.
    pub drain_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    role: Role,
    since: u64,
}

/// What one of them is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Not ready yet.
    Starting,
    /// Ready, while the one before is told to accept no more.
    Waiting,
    /// It answers the controller.
    Leading,
    /// It goes on for those who are there.
    Retiring,
    /// It is made to end.
    Ending,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time has passed; the first event of all.
    Time,
    /// Every worker of this one serves and accepts.
    Ready(u32),
    /// This one accepts no more.
    Retired(u32),
    /// The process of this one has ended.
    Died(u32),
    /// Another is wanted in place of the one that leads.
    Replace,
    /// The configuration is to be read again.
    Reload,
    /// All of it is to end; at once, the second time.
    Stop,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start this one.
    Start(u32),
    /// This one is to lead.
    Lead(u32),
    /// This one is to accept no more, and to end with its last client.
    Retire(u32),
    /// The first one asks the second one from now on.
    Introduce(u32, u32),
    /// So it does the second one, which led until now.
    HandOver(u32, u32),
    /// The first one has to know that the second one is no more.
    Gone(u32, u32),
    /// This one reads the configuration again.
    Reload(u32),
    /// This one goes on to lead, though another was asked for.
    NotReplaced(u32, &'static str),
    /// This one ends when what is under way has ended, or its time is over.
    Stop(u32),
    /// The process of this one is ended.
    Kill(u32),
    /// There is nothing left to keep.
    Exit,
}

impl Members {
    /// None so far.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, all: BTreeMap::new(), last: 0, deaths: 0, start_at: None, end_at: None }
    }

    /// One leads already, that another keeper has started: its number.
    pub fn adopt(&mut self, now: u64) -> u32 {
        self.last += 1;
        self.turn(self.last, Role::Leading, now);
        self.last
    }

    /// What follows from this.
    pub fn on(&mut self, event: Event, now: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Time => {}
            Event::Ready(member) => self.ready(member, now, &mut actions),
            Event::Retired(member) => self.retired(member, now, &mut actions),
            Event::Died(member) => self.died(member, now, &mut actions),
            Event::Replace => self.replace(now, &mut actions),
            Event::Reload => actions.extend(self.of(Role::Leading).map(Action::Reload)),
            Event::Stop => self.stop(now, &mut actions),
        }
        self.time(now, &mut actions);
        actions
    }

    /// When time alone makes a difference.
    pub fn wake_at(&self) -> Option<u64> {
        let due = self.all.values().filter_map(|member| match member.role {
            Role::Starting => Some(member.since + self.bounds.ready_ms),
            Role::Waiting => Some(member.since + RETIRED_WITHIN_MS),
            Role::Leading | Role::Retiring | Role::Ending => None,
        });
        due.chain(self.start_at).chain(self.end_at).min()
    }

    /// What this one is, as long as it is there.
    pub fn role(&self, member: u32) -> Option<Role> {
        self.all.get(&member).map(|member| member.role)
    }

    fn of(&self, role: Role) -> Option<u32> {
        self.all.iter().find(|(_, member)| member.role == role).map(|(number, _)| *number)
    }

    fn turn(&mut self, number: u32, role: Role, now: u64) {
        self.all.insert(number, Member { role, since: now });
    }

    fn start(&mut self, now: u64, actions: &mut Vec<Action>) {
        self.last += 1;
        self.start_at = None;
        self.turn(self.last, Role::Starting, now);
        actions.push(Action::Start(self.last));
    }

    fn ready(&mut self, member: u32, now: u64, actions: &mut Vec<Action>) {
        if self.role(member) != Some(Role::Starting) {
            return;
        }
        match self.of(Role::Leading) {
            // Only now the one before is told: until here nothing has changed for it.
            Some(leader) => {
                self.turn(member, Role::Waiting, now);
                actions.push(Action::Retire(leader));
            }
            None => self.lead(member, now, actions),
        }
    }

    fn retired(&mut self, member: u32, now: u64, actions: &mut Vec<Action>) {
        if self.role(member) == Some(Role::Leading)
            && let Some(next) = self.of(Role::Waiting)
        {
            self.lead(next, now, actions);
        }
    }

    fn lead(&mut self, member: u32, now: u64, actions: &mut Vec<Action>) {
        let before = self.of(Role::Leading);
        if let Some(before) = before {
            self.turn(before, Role::Retiring, now);
        }
        self.turn(member, Role::Leading, now);
        actions.push(Action::Lead(member));
        let retiring: Vec<u32> = self.all_of(Role::Retiring).collect();
        actions.extend(retiring.iter().map(|sibling| match before == Some(*sibling) {
            true => Action::HandOver(member, *sibling),
            false => Action::Introduce(member, *sibling),
        }));
        for oldest in retiring.iter().take(retiring.len().saturating_sub(RETIRING_MAX)) {
            self.turn(*oldest, Role::Ending, now);
            actions.push(Action::Stop(*oldest));
        }
    }

    /// Whether one of them answers the controller.
    pub fn is_led(&self) -> bool {
        self.of(Role::Leading).is_some()
    }

    fn all_of(&self, role: Role) -> impl Iterator<Item = u32> {
        self.all.iter().filter(move |(_, member)| member.role == role).map(|(number, _)| *number)
    }

    fn died(&mut self, number: u32, now: u64, actions: &mut Vec<Action>) {
        let Some(member) = self.all.remove(&number) else { return };
        if let Some(leader) = self.of(Role::Leading) {
            actions.push(Action::Gone(leader, number));
        }
        let led = match (member.role, self.of(Role::Leading)) {
            (Role::Retiring, _) => return,
            (Role::Starting | Role::Waiting | Role::Ending, Some(leader)) => {
                if self.end_at.is_none() && member.role != Role::Ending {
                    actions.push(Action::NotReplaced(leader, "it ended before it was ready"));
                }
                return;
            }
            (Role::Leading, _) => now.saturating_sub(member.since),
            (Role::Starting | Role::Waiting | Role::Ending, None) => 0,
        };
        self.deaths = if led >= STEADY_MS { 1 } else { self.deaths.saturating_add(1) };
        if let Some(next) = self.of(Role::Waiting) {
            self.lead(next, now, actions);
        } else if self.of(Role::Starting).is_none() && self.end_at.is_none() {
            self.start_at = Some(now + self.pause_ms());
        }
    }

    /// The first death is answered at once.
    fn pause_ms(&self) -> u64 {
        match self.deaths {
            0 | 1 => 0,
            deaths => PAUSE_MS.saturating_mul(1 << (deaths - 2).min(16)).min(PAUSE_MS_MAX),
        }
    }

    fn replace(&mut self, now: u64, actions: &mut Vec<Action>) {
        let Some(leader) = self.of(Role::Leading) else { return };
        if self.end_at.is_some() {
            actions.push(Action::NotReplaced(leader, "the gateway is about to end"));
        } else if self.of(Role::Starting).or(self.of(Role::Waiting)).is_some() {
            actions.push(Action::NotReplaced(leader, "another one is being started already"));
        } else {
            self.start(now, actions);
        }
    }

    fn stop(&mut self, now: u64, actions: &mut Vec<Action>) {
        let second = self.end_at.is_some();
        self.start_at = None;
        self.end_at = Some(if second { now } else { now + self.bounds.drain_ms });
        if second {
            return;
        }
        for (number, member) in &mut self.all {
            let serves = !matches!(member.role, Role::Starting);
            actions.push(if serves { Action::Stop(*number) } else { Action::Kill(*number) });
            member.role = Role::Ending;
        }
    }

    fn time(&mut self, now: u64, actions: &mut Vec<Action>) {
        if let Some(end_at) = self.end_at {
            if self.all.is_empty() {
                actions.push(Action::Exit);
            } else if now >= end_at {
                actions.extend(self.all.keys().copied().map(Action::Kill));
                // They are gone as soon as the kernel says so; it is asked again where it does not.
                self.end_at = Some(now + RETIRED_WITHIN_MS);
            }
            return;
        }
        if self.last == 0 || self.start_at.is_some_and(|at| now >= at) {
            self.start(now, actions);
        }
        let late = |role: Role, within: u64| {
            self.all.iter().find(|(_, member)| member.role == role && now >= member.since + within)
        };
        if let Some((number, _)) = late(Role::Starting, self.bounds.ready_ms) {
            let number = *number;
            self.turn(number, Role::Ending, now);
            actions.push(Action::Kill(number));
            if let Some(leader) = self.of(Role::Leading) {
                actions.push(Action::NotReplaced(leader, "it was not ready in time"));
            }
        } else if let Some((number, _)) = late(Role::Waiting, RETIRED_WITHIN_MS) {
            let number = *number;
            self.lead(number, now, actions);
        }
    }
}
