//! Every command and flag has its Chinese help, and the definition holds together.

use clap::{Command, CommandFactory};

use super::{Arguments, zh};

#[test]
fn the_definition_holds_together() {
    Arguments::command().debug_assert();
    zh::translate(Arguments::command()).debug_assert();
}

#[test]
fn every_command_and_flag_has_chinese_help() {
    fn look(command: &Command, path: &str) {
        assert!(zh::text(path).is_some(), "no Chinese text for {path}");
        if command.get_after_help().is_some() {
            assert!(zh::text(&format!("{path} +after")).is_some(), "no Chinese text under the help of {path}");
        }
        for argument in command.get_arguments() {
            let name = argument.get_id();
            let found = zh::text(&format!("{path} --{name}")).or_else(|| zh::text(&format!("--{name}")));
            assert!(found.is_some(), "no Chinese text for {path} --{name}");
        }
        for verb in command.get_subcommands() {
            look(verb, &format!("{path} {}", verb.get_name()));
        }
    }
    look(&Arguments::command(), "antibrush");
}
