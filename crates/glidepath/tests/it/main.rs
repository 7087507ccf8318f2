//! The real binary, as people and programs meet it.

mod commands;
mod configuration;
mod documents;
mod gateway;
mod session;
