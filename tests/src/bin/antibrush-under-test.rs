//! The `antibrush` program, built beside the tests so that Cargo names its path to them.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A test that is killed must leave no node behind. Where the system knows no such thing, nothing is lost.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    antibrush_node::cli::main()
}
