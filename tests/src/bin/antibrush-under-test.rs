//! The `antibrush` program, built beside the tests so that Cargo names its path to them.

use std::process::ExitCode;

fn main() -> ExitCode {
    antibrush_node::cli::main()
}
