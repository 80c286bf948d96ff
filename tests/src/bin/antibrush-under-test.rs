//! The `antibrush` program, built beside the tests so that Cargo names its path to them. It differs in two things: it ends with
//! the test, and its wall clock can be moved.

use std::{env, fs, path::PathBuf, process::ExitCode, thread, time::Duration};

/// Names a file with the number of seconds by which the wall clock goes ahead.
const CLOCK: &str = "ANTIBRUSH_TEST_CLOCK";

fn main() -> ExitCode {
    // A test that is killed must leave no node behind. Where the system knows no such thing, nothing is lost.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    if let Some(file) = env::var_os(CLOCK).map(PathBuf::from) {
        let follow = move || {
            let seconds = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
            antibrush_node::clock::move_wall(seconds.unwrap_or(0));
        };
        // Before anything reads the clock, then as the test writes.
        follow();
        thread::spawn(move || {
            loop {
                follow();
                thread::sleep(Duration::from_millis(5));
            }
        });
    }
    antibrush_node::cli::main()
}
