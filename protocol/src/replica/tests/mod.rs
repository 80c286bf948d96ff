//! The replica in an invented world: virtual time, a seeded scheduler, a model of the store and of gossip.
//!
//! [`world`] runs several replicas against each other with loss, duplication, reordering, disconnects and failing disks, and
//! checks the bounds after every step; [`script`] drives one replica by hand, its peers played by the test.

mod alliance;
mod board;
mod bounds;
mod charter;
mod convergence;
mod equivocation;
mod offences;
mod own;
mod priority;
mod script;
mod store;
mod timing;
mod world;
