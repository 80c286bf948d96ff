//! The `antibrush` command.

fn main() -> std::process::ExitCode {
    antibrush_node::cli::main()
}
