//! How a target takes a command: what its fence refuses, what it remembers, and the gap that a tag has
//! between being read and the effect.
//!
//! What each fence guarantees, and the checker holds it to:
//!
//! - `Compare`: no command older than the newest takes effect.
//! - `Tagged`: no command takes effect that was older than the tag it read first. One that was overtaken
//!   in the gap may take effect and *strays*: it reads the tag back, finds it newer, and puts back what
//!   that tag says was set. Should nobody be left to read back, no look vouches for the newer generation,
//!   so that whoever leads sets it again. No step counts as done by what strayed, and nothing strays in
//!   the end.
//! - `None`: everything takes effect; that nothing stale comes is the sender's doing.

use crate::fault::Fault;
use crate::world::{Happening, Planted, World};
use engine::command::{Act, Command, Reply};
use engine::facts::Fence;
use engine::store::Position;
use model::{Span, Time};

/// The longest time between two moments of one command.
const MOMENT_MS_MAX: u64 = 80;
/// How often a driver is gone before it reads back, in a hundred.
const GONE_PERCENT: u64 = 30;

/// What is stored beside an object: the newest generation, and what was set under it.
#[derive(Clone, Debug)]
pub struct Tag<T> {
    /// The newest generation.
    pub generation: Position,
    /// What was set under it.
    pub set: Option<T>,
    /// The newest generation that took effect, as only the checker knows.
    pub acted: Position,
    /// Whether something older took effect since.
    pub strayed: bool,
}

impl<T> Default for Tag<T> {
    /// Nothing was ever set.
    fn default() -> Self {
        Self { generation: Position(0), set: None, acted: Position(0), strayed: false }
    }
}

impl<T: PartialEq> Tag<T> {
    /// The tag of what was set.
    pub fn new(generation: Position, set: T) -> Self {
        Self { generation, set: Some(set), acted: generation, strayed: false }
    }

    fn store(&mut self, generation: Position, set: T) {
        self.generation = generation;
        self.set = Some(set);
    }

    /// Something takes effect, by which another thing stands or the `same`; whether it was overtaken.
    fn act(&mut self, generation: Position, same: bool) -> bool {
        let overtaken = generation < self.acted;
        self.strayed = overtaken && (!same || self.strayed);
        self.acted = self.acted.max(generation);
        overtaken
    }

    /// The generation that a look vouches for, where this stands.
    fn vouches_for(&self, stands: &T) -> Position {
        if self.set.as_ref() == Some(stands) { self.generation } else { Position(0) }
    }
}

/// A command on its way to a target.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The command.
    pub command: Command,
    /// Which of the routers, where it is about a table.
    pub member: usize,
    /// When it takes effect, where the tag is read some time before that.
    pub acts_at: Time,
    /// How far it has come.
    pub moment: Moment,
}

/// The moments of a command. Only behind a tag they are three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It has come to its target.
    Arrives,
    /// It takes effect.
    Acts,
    /// The tag is read again.
    ReadsBack,
    /// Once more, where something else stood: by now what is newer has its tag.
    ReadsAgain,
}

/// Why something is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was commanded.
    Command,
    /// Something else was found when the tag was read back.
    ReadBack,
}

impl World {
    /// A command has come to its next moment.
    pub fn take(&mut self, errand: Errand) {
        let fence = self.facts.fence(&errand.command.act);
        match errand.moment {
            Moment::Arrives => self.arrives(errand, fence),
            Moment::Acts => self.acts(errand),
            Moment::ReadsBack | Moment::ReadsAgain => self.reads_back(errand),
        }
    }

    fn arrives(&mut self, errand: Errand, fence: Fence) {
        let command = &errand.command;
        self.check_written(command);
        let newest = self.newest(command, errand.member);
        if fence != Fence::None && command.generation < newest {
            if !self.planted.contains(&Planted::NoFence) {
                return;
            }
            self.broken(format!("{} took generation {} after {newest}", what(&command.act), command.generation));
        }
        match fence {
            Fence::Tagged => {
                let at = errand.acts_at.max(self.now + Span(1));
                self.schedule(at, Happening::Command(Errand { moment: Moment::Acts, ..errand }));
            }
            Fence::Compare | Fence::None => {
                if !self.is_silent(&errand) {
                    self.act(&errand.command, errand.member, Cause::Command);
                    self.store_tag(&errand.command, errand.member);
                }
            }
        }
    }

    /// It has read the tag, and takes effect whatever the tag says by now.
    fn acts(&mut self, errand: Errand) {
        if self.is_silent(&errand) {
            return;
        }
        self.act_behind_a_tag(&errand.command, errand.member, Cause::Command);
        // A flag and a database are not looked at again: their drivers are not done before they have.
        let looked_at = matches!(errand.command.act, Act::Scale { .. } | Act::Table(_));
        if !(looked_at && self.faulty() && self.random.percent(GONE_PERCENT)) {
            let at = self.now + Span(self.random.between(1, MOMENT_MS_MAX));
            self.schedule(at, Happening::Command(Errand { moment: Moment::ReadsBack, ..errand }));
        }
    }

    /// Its own tag is stored, unless a newer one is there: then what that says is put back. Should something
    /// else stand than it has set, and no newer tag come, it sets that again.
    fn reads_back(&mut self, errand: Errand) {
        let (command, member) = (errand.command.clone(), errand.member);
        let believes = self.planted.contains(&Planted::TagNotReadBack) || self.is_silent(&errand);
        if self.newest(&command, member) > command.generation {
            let tagged = self.tagged(&command, member).filter(|tagged| !believes && !self.stands(tagged, member));
            if let Some(tagged) = tagged {
                self.act_behind_a_tag(&tagged, member, Cause::ReadBack);
            }
            return;
        }
        self.store_tag(&command, member);
        if believes || self.stands(&command, member) {
            return;
        }
        if errand.moment == Moment::ReadsAgain {
            self.act_behind_a_tag(&command, member, Cause::ReadBack);
        } else {
            let at = self.now + Span(2 * MOMENT_MS_MAX);
            self.schedule(at, Happening::Command(Errand { moment: Moment::ReadsAgain, ..errand }));
        }
    }

    /// Even what is put back may be older than something whose driver is gone, and has left no tag.
    fn act_behind_a_tag(&mut self, command: &Command, member: usize, cause: Cause) {
        if self.note_act(command, member) {
            self.inject(Fault::Overtaken);
        }
        self.act(command, member, cause);
    }

    fn act(&mut self, command: &Command, member: usize, cause: Cause) {
        match &command.act {
            Act::Scale { .. } => self.take_scale(command),
            Act::Table(_) => self.take_table(member, command, cause),
            Act::Call { .. } => self.take_call(command),
            Act::Migrate { .. } => self.take_migrate(command),
            Act::Flag { .. } => self.take_flag(command),
        }
    }

    fn is_silent(&self, errand: &Errand) -> bool {
        matches!(errand.command.act, Act::Table(_)) && self.members[errand.member].silent_until > self.now
    }

    /// The newest generation that the target remembers.
    fn newest(&self, command: &Command, member: usize) -> Position {
        match &command.act {
            Act::Scale { release, .. } => self.releases.get(release).map(|sim| sim.tag.generation),
            Act::Table(_) => Some(self.members[member].tag.generation),
            Act::Call { .. } => Some(self.called),
            Act::Migrate { migration, .. } => self.migrations.get(migration).map(|sim| sim.tag.generation),
            Act::Flag { flag, .. } => self.flags.get(flag).map(|sim| sim.tag.generation),
        }
        .unwrap_or_default()
    }

    fn store_tag(&mut self, command: &Command, member: usize) {
        let generation = command.generation;
        match &command.act {
            Act::Scale { release, count } => {
                self.releases.entry(*release).or_default().tag.store(generation, *count);
            }
            Act::Table(table) => self.members[member].tag.store(generation, table.clone()),
            Act::Call { .. } => self.called = self.called.max(generation),
            Act::Migrate { migration, phase } => {
                self.migrations.entry(migration.clone()).or_default().tag.store(generation, *phase);
            }
            Act::Flag { flag, .. } => {
                if let Some(sim) = self.flags.get_mut(flag) {
                    // What stands where the setting before it had changed stays.
                    sim.tag.store(generation, sim.setting.clone());
                }
            }
        }
    }

    /// Whether it was overtaken.
    fn note_act(&mut self, command: &Command, member: usize) -> bool {
        let (generation, same) = (command.generation, self.stands(command, member));
        match &command.act {
            Act::Scale { release, .. } => self.releases.entry(*release).or_default().tag.act(generation, same),
            Act::Table(_) => self.members[member].tag.act(generation, same),
            Act::Migrate { migration, .. } => {
                self.migrations.entry(migration.clone()).or_default().tag.act(generation, same)
            }
            Act::Flag { flag, .. } => self.flags.get_mut(flag).is_some_and(|sim| sim.tag.act(generation, same)),
            // Two calls are two calls, whichever comes first.
            Act::Call { .. } => false,
        }
    }

    /// Whether what this command sets is what stands.
    fn stands(&self, command: &Command, member: usize) -> bool {
        match &command.act {
            Act::Scale { release, count } => self.releases.get(release).is_some_and(|sim| sim.wanted == *count),
            Act::Table(table) => self.members[member].table == *table,
            Act::Migrate { migration, phase } => {
                self.migrations.get(migration).is_some_and(|sim| sim.phases.last() == Some(phase))
            }
            // Where the setting before it had changed, whoever changed it meant it.
            Act::Flag { flag, to, only_from } => {
                only_from.is_some() || self.flags.get(flag).is_some_and(|sim| sim.setting == *to)
            }
            Act::Call { .. } => true,
        }
    }

    /// What strays somewhere, in a few words.
    pub fn strays(&self) -> Option<String> {
        let releases = self.releases.iter().filter(|(_, sim)| sim.tag.strayed).map(|(release, _)| release.to_string());
        let members = self.members.iter().filter(|member| member.tag.strayed).map(|member| member.name.clone());
        let databases = self.migrations.iter().filter(|(_, sim)| sim.tag.strayed).map(|(name, _)| name.to_string());
        releases.chain(members).chain(databases).next()
    }

    /// The command that the tag stands for, where that can be put back.
    fn tagged(&self, command: &Command, member: usize) -> Option<Command> {
        let (generation, act) = match &command.act {
            Act::Scale { release, .. } => {
                let tag = &self.releases.get(release)?.tag;
                (tag.generation, Act::Scale { release: *release, count: tag.set? })
            }
            Act::Table(_) => {
                let tag = &self.members[member].tag;
                (tag.generation, Act::Table(tag.set.clone()?))
            }
            Act::Migrate { migration, .. } => {
                let tag = &self.migrations.get(migration)?.tag;
                (tag.generation, Act::Migrate { migration: migration.clone(), phase: tag.set? })
            }
            Act::Flag { flag, .. } => {
                let tag = &self.flags.get(flag)?.tag;
                (tag.generation, Act::Flag { flag: flag.clone(), to: tag.set.clone()?, only_from: None })
            }
            // What was called was called.
            Act::Call { .. } => return None,
        };
        Some(Command { generation, act, ..command.clone() })
    }

    /// What the target says of a command, once that has had its time.
    pub fn reply(&self, command: &Command, member: usize) -> Reply {
        let newest = self.newest(command, member);
        let stale = self.facts.fence(&command.act) != Fence::None && command.generation < newest;
        match &command.act {
            Act::Table(_) if self.members[member].silent_until > self.now => {
                Reply::Unknown(format!("{} is silent", self.members[member].name))
            }
            _ if stale && !self.planted.contains(&Planted::NoFence) => Reply::Superseded(newest),
            Act::Flag { flag, to, .. } => match self.flags.get(flag) {
                Some(sim) if sim.setting != *to => Reply::Superseded(newest),
                Some(_) | None => Reply::Accepted,
            },
            Act::Migrate { .. } if !self.stands(command, member) => Reply::Unknown("something else stands".into()),
            Act::Scale { .. } | Act::Table(_) | Act::Call { .. } | Act::Migrate { .. } => Reply::Accepted,
        }
    }

    /// The generation that a look at an object behind a fence shows.
    pub fn shown<T: PartialEq>(&self, fence: Fence, tag: &Tag<T>, stands: &T) -> Position {
        if fence == Fence::Tagged && !self.planted.contains(&Planted::TagNotReadBack) {
            return tag.vouches_for(stands);
        }
        tag.generation
    }
}

/// What an act is about, in a few words.
pub fn what(act: &Act) -> String {
    match act {
        Act::Scale { release, .. } => release.to_string(),
        Act::Table(_) => "a router".into(),
        Act::Call { hook, .. } => format!("hook {}", hook.name),
        Act::Migrate { migration, .. } => format!("migration {migration}"),
        Act::Flag { flag, .. } => format!("flag {flag}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::world::Member;
    use engine::command::{COMMAND_LIMIT, Table};
    use engine::facts::Facts;
    use model::{Intent, ReleaseNumber, Subject};

    /// A table of entry 5 and one of entry 9 come to a router; when each arrives, and when it acts. Which
    /// stands in the end, and which a look vouches for.
    fn check(fence: Fence, planted: Option<Planted>, times: [(u64, u64); 2], stands: u32, shown: u64) {
        let mut facts = Facts::one_machine();
        facts.router.as_mut().expect("a router").fence = fence;
        let mut world = World::new(Random::new(1), facts, Time(0), 0);
        world.planted.extend(planted);
        world.checker.state.position = Position(9);
        let (tag, table) = (Tag::default(), Table::default());
        world.members.push(Member { name: "gateway-0".into(), tag, table, silent_until: Time(0) });
        for (generation, (arrives, acts)) in [5, 9].into_iter().zip(times) {
            let intent = Intent::all_to(ReleaseNumber(generation));
            let act = Act::Table(Table { intent, ..Table::default() });
            let (subject, generation) = (Subject::from_text("shop"), Position(u64::from(generation)));
            let command = Command { subject, generation, act, limit: COMMAND_LIMIT };
            let errand = Errand { command, member: 0, acts_at: Time(acts), moment: Moment::Arrives };
            world.schedule(Time(arrives), Happening::Command(errand));
        }
        while let Some(at) = world.under_way.keys().next().map(|(at, _)| *at) {
            world.now = at;
            world.happen();
        }
        let member = &world.members[0];
        let standing = [5, 9].into_iter().find(|release| member.table.intent.reaches(ReleaseNumber(*release)));
        assert_eq!(standing, Some(stands), "{fence:?} {times:?}");
        assert_eq!(world.shown(fence, &member.tag, &member.table), Position(shown), "{fence:?} {times:?}");
        assert_eq!(world.strays().is_some(), fence == Fence::Tagged && stands == 5);
    }

    #[test]
    fn what_is_stale_is_refused_by_a_fence() {
        let late = [(900, 900), (10, 20)];
        check(Fence::Compare, None, late, 9, 9);
        check(Fence::Tagged, None, late, 9, 9);
        check(Fence::None, None, late, 5, 5);
    }

    /// The older has read the tag before the newer came, and acts after it.
    #[test]
    fn what_is_overtaken_behind_a_tag_is_put_back() {
        let overtaken = [(1, 900), (10, 20)];
        check(Fence::Tagged, None, overtaken, 9, 9);
        check(Fence::Tagged, Some(Planted::TagNotReadBack), overtaken, 5, 9);
        // Both act before either has its tag.
        check(Fence::Tagged, None, [(1, 21), (10, 20)], 9, 9);
    }
}
