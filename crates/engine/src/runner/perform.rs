//! Carries an effect out: the one place where the runner meets its drivers and its store.

use super::{Effect, Event};
use crate::command::{Act, Command, Reply};
use crate::driver::{Blind, Drivers};
use crate::store::{AppendError, Pending, Store};
use std::sync::Arc;

/// The effect as a future that ends in the event it leads to; none where nothing needs to be heard.
/// Whoever hosts the runner spawns it, and sees to the command's limit.
pub fn perform(
    effect: Effect,
    store: &Arc<dyn Store>,
    drivers: Option<&Drivers>,
) -> Option<Pending<'static, Option<Event>>> {
    match effect {
        Effect::Lease(..) | Effect::GiveUp { .. } | Effect::Read(..) | Effect::Append(..) | Effect::Checkpoint(..) => {
            Some(perform_on_store(effect, Arc::clone(store)))
        }
        Effect::Send(command) => drivers.map(|drivers| send(command, drivers)),
        Effect::LookAtPlatform(subject, now) => {
            let look = drivers?.platform.observe(subject.clone());
            Some(Box::pin(async move { Some(Event::PlatformSeen(subject, now, look.await.ok())) }))
        }
        Effect::LookAtRouter(subject, now) => {
            let look = drivers?.router.as_ref()?.observe(subject.clone());
            Some(Box::pin(async move { Some(Event::RouterSeen(subject, now, look.await.ok())) }))
        }
        Effect::AskSource(source, question, now) => {
            let asked = drivers?.sources.get(&source)?.ask(question.clone());
            let subject = question.subject.clone();
            Some(Box::pin(async move { Some(Event::SourceSeen(subject, source, question, now, asked.await.ok())) }))
        }
        Effect::AskGate(subject, generation, gate) => {
            let asked = drivers?.caller.as_ref()?.ask(subject.clone(), gate);
            Some(Box::pin(async move {
                let yes: Result<bool, Blind> = asked.await;
                Some(Event::GateSeen(subject, generation, yes.unwrap_or(false)))
            }))
        }
        Effect::Answer(..) | Effect::Say(..) => None,
    }
}

fn send(command: Command, drivers: &Drivers) -> Pending<'static, Option<Event>> {
    let (subject, target, generation) = (command.subject.clone(), command.target(), command.generation);
    let ensured = match &command.act {
        Act::Scale { .. } => Some(drivers.platform.ensure(command)),
        Act::Table(_) => drivers.router.as_ref().map(|router| router.ensure(command)),
        Act::Call { .. } => drivers.caller.as_ref().map(|caller| caller.ensure(command)),
        Act::Migrate { .. } => drivers.migrator.as_ref().map(|migrator| migrator.ensure(command)),
        Act::Flag { .. } => drivers.flags.as_ref().map(|flags| flags.ensure(command)),
    };
    Box::pin(async move {
        let reply = match ensured {
            Some(ensured) => ensured.await,
            None => Reply::Failed { why: "no driver can do this".into(), retry: false },
        };
        Some(Event::Replied(subject, target, generation, reply))
    })
}

fn perform_on_store(effect: Effect, store: Arc<dyn Store>) -> Pending<'static, Option<Event>> {
    Box::pin(async move {
        match effect {
            Effect::Lease(taking, now) => Some(Event::Leased(store.lease(taking).await.ok(), now)),
            Effect::Read(subject, after) => {
                let read = store.take_over(subject.clone(), after).await;
                Some(Event::Read(subject, read))
            }
            Effect::Append(append, serial) => {
                let subject = append.subject.clone();
                let answer: Result<_, AppendError> = store.append(append).await;
                Some(Event::Appended(subject, serial, answer))
            }
            Effect::GiveUp { scope, holder } => {
                // It ends by itself soon: nothing follows from an answer.
                let _ = store.give_up(scope, holder).await;
                None
            }
            Effect::Checkpoint(subject, position, epoch, body) => {
                // It only saves work: a checkpoint that is lost is not missed.
                let _ = store.checkpoint(subject, position, epoch, body).await;
                None
            }
            Effect::Send(_)
            | Effect::LookAtPlatform(..)
            | Effect::LookAtRouter(..)
            | Effect::AskSource(..)
            | Effect::AskGate(..)
            | Effect::Answer(..)
            | Effect::Say(..) => None,
        }
    })
}
