//! `demo`: a whole alliance on one machine. Every node is a process of its own with its own directory and sockets, and every
//! step goes the way that a member would go: the command line and the HTTP interface of the same binary.

mod member;
mod steps;
mod timeline;

use super::cli::{Context, Failure, args::DemoArgs};

/// Runs the demo.
pub async fn run(context: &Context, args: DemoArgs) -> Result<(), Failure> {
    steps::run(context, args).await
}
