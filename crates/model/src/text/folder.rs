//! What must hold between the services of one file or folder.

use super::code::Code;
use super::problem::Problems;
use super::service::Described;
use crate::Service;
use crate::service::Traffic;

/// The services so far, and where each was described.
#[derive(Default)]
pub(crate) struct Folder {
    pub(crate) services: Vec<Service>,
    places: Vec<String>,
}

impl Folder {
    /// Adds a service. One that was described before, and one that claims what another one has, are
    /// taken down with both places.
    pub(crate) fn add(&mut self, described: Described, problems: &mut Problems<'_>) {
        let Described { service, at, shown } = described;
        for (other, place) in self.services.iter().zip(&self.places) {
            if other.subject() == service.subject() {
                let message = format!("{shown} is already described at {place}");
                let help = "remove one of the two, or give it another `service`, `environment` or `place`";
                problems.add(Code::DuplicateService, at, message, help);
                return;
            }
            if claims_the_same(other, &service) {
                let message = format!("{shown} claims the same requests as the service at {place}");
                let help = "give one of the two another `listen`, or other `hosts` or `paths` below `traffic:`";
                problems.add(Code::DuplicateRoute, at, message, help);
                return;
            }
        }
        self.places.push(format!("{}:{}", problems.file(), at.line));
        self.services.push(service);
    }
}

/// Whether nobody could say which of two services a request is for. Services with matches are told
/// apart by them, and services at different places have gateways of their own.
fn claims_the_same(one: &Service, other: &Service) -> bool {
    let (Some(a), Some(b)) = (&one.traffic, &other.traffic) else { return false };
    let listens = |traffic: &Traffic, address: &str| traffic.listen.iter().any(|listen| listen.address == address);
    one.place == other.place
        && a.matches.is_empty()
        && b.matches.is_empty()
        && a.listen.iter().any(|listen| listens(b, &listen.address))
        && meet(&a.hosts, &b.hosts)
        && meet(&a.paths, &b.paths)
}

/// Whether two lists have something in common; an empty one means everything that nobody else has.
fn meet(one: &[String], other: &[String]) -> bool {
    (one.is_empty() && other.is_empty()) || one.iter().any(|item| other.contains(item))
}
