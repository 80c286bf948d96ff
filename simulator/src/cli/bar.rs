//! The bar that shows how far a run is: on a terminal only, and on standard error, so that results can be piped.

use std::{io::IsTerminal, time::Duration};

use antibrush_simulator::{scenario::Scenario, world::World};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of virtual time.
pub struct Bar(ProgressBar);

impl Bar {
    /// For one run of a scenario.
    pub fn of(scenario: &Scenario, said: String) -> Bar {
        Bar::new(u64::from(scenario.federation.alliances) * World::length_ms(scenario), said)
    }

    /// Over a whole of so many.
    pub fn new(whole: u64, said: String) -> Bar {
        let bar = ProgressBar::new(whole);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        match std::io::stderr().is_terminal() {
            true => bar.enable_steady_tick(Duration::from_millis(200)),
            false => bar.set_draw_target(ProgressDrawTarget::hidden()),
        }
        bar.set_message(said);
        Bar(bar)
    }

    /// So much more is done.
    pub fn more(&self, part: u64) {
        self.0.inc(part);
    }

    /// So much is done in all, and this is said.
    pub fn at(&self, done: u64, said: String) {
        self.0.set_position(done);
        self.0.set_message(said);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
