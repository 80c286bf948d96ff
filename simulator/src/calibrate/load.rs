//! How busy the machine was during a real run.

use std::{fs, time::Instant};

use serde::Serialize;

/// Processor time during a run, in percent of all cores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Load {
    /// How many cores there are.
    pub cores: usize,
    /// What this process took, `None` where the system does not say.
    pub own_percent: Option<f64>,
    /// What all processes took, this one included.
    pub machine_percent: Option<f64>,
}

/// A meter that runs since it was started.
#[derive(Debug)]
pub(super) struct Meter {
    cores: usize,
    since: Instant,
    own_ticks: Option<u64>,
    busy_ticks: Option<(u64, u64)>,
}

/// How often Linux counts a second: fixed for what /proc shows (`man 5 proc`, `man 7 time`).
const TICKS_PER_SECOND: f64 = 100.0;

impl Meter {
    pub fn start() -> Meter {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Meter { cores, since: Instant::now(), own_ticks: own_ticks(), busy_ticks: busy_ticks() }
    }

    pub fn read(&self) -> Load {
        let own_percent = own_ticks().zip(self.own_ticks).map(|(now, then)| {
            let seconds = self.since.elapsed().as_secs_f64() * self.cores as f64;
            now.saturating_sub(then) as f64 / TICKS_PER_SECOND * 100.0 / seconds
        });
        let machine_percent = busy_ticks().zip(self.busy_ticks).map(|(now, then)| {
            let (busy, all) = (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1));
            busy as f64 * 100.0 / all.max(1) as f64
        });
        Load { cores: self.cores, own_percent, machine_percent }
    }
}

/// User and system time of this process: the 14th and 15th number, behind the name, which may have blanks.
fn own_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut numbers = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = numbers.next()?.parse().ok()?;
    let system: u64 = numbers.next()?.parse().ok()?;
    Some(user + system)
}

/// Busy time and all time of the machine: user, nice, system, idle, iowait, irq, softirq, steal.
fn busy_ticks() -> Option<(u64, u64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let numbers = stat.lines().next()?.split_whitespace().skip(1).take(8);
    let numbers: Vec<u64> = numbers.map(str::parse).collect::<Result<_, _>>().ok()?;
    let all: u64 = numbers.iter().sum();
    let idle = numbers.get(3)? + numbers.get(4)?;
    Some((all - idle, all))
}
