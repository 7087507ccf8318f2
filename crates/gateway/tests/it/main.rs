//! The gateway's tests, in one binary.

mod chunks;
mod counting;
mod faults;
mod heads;
mod listening;
mod places;
mod requests;
mod responses;
mod rules;
mod serving;
mod sessions;
mod site;
mod splitting;
