//! The alliance node: network, storage, HTTP interface and the `antibrush` command.
//!
//! A platform runs one node beside its risk system. [`core`] drives the protocol's state machine; [`network`] and
//! [`storage`] carry out what it says; [`check`] answers from memory; the faces (`api`, `cli`, `demo`) stand in front.

pub mod api;
pub mod audit;
pub mod calendar;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod core;
pub mod demo;
pub mod due;
pub mod effects;
pub mod hits;
pub mod holder;
pub mod import;
pub mod keys;
pub mod lang;
pub mod metrics;
pub mod network;
pub mod profile;
pub mod quality;
pub mod random;
pub mod recommend;
pub mod report;
pub mod serve;
pub mod statutory;
pub mod storage;
pub mod tokens;
