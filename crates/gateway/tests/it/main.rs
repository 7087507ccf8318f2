//! The gateway's tests, in one binary.

mod chunks;
mod counting;
mod crowding;
mod faults;
mod frames;
mod h2spec;
mod heads;
mod holding;
mod http2;
mod limits;
mod listening;
mod mirroring;
mod places;
mod pools;
mod rates;
mod requests;
mod responses;
mod rules;
mod serving;
mod sessions;
mod site;
mod splitting;
mod staying;
mod vectors;
mod watching;
