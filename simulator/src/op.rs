//! The language of a run: what happens in an alliance and when, one operation a line.
//!
//! A run is a list of operations and a seed; what the network does to each message follows from the seed. Any part of a list is a
//! list again, which is what shrinking needs: an operation that makes no sense any more does nothing.

use std::{fmt, str::FromStr};

use crate::random::Millionths;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// When, in milliseconds of virtual time.
    pub at_ms: u64,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A node publishes a batch.
    Publish {
        /// Which node.
        node: u32,
        /// Entries.
        entries: u32,
        /// How many of them take back or remark on what stands.
        relief: Millionths,
        /// From what the entries are drawn.
        salt: u64,
    },
    /// A node clears what it has listed, up to a number.
    Clear {
        /// Which node.
        node: u32,
        /// The most listings.
        most: u32,
    },
    /// A node is asked for a subject, and the answer is held against the truth.
    Check {
        /// Which node.
        node: u32,
        /// From what the subject is drawn.
        salt: u64,
    },
    /// A node has identifiers evaluated by the key holders.
    Evaluate {
        /// Which node.
        node: u32,
        /// How many identifiers.
        count: u32,
        /// From what they are drawn.
        salt: u64,
    },
    /// A node is killed.
    Kill {
        /// Which node.
        node: u32,
        /// How much of what its disk was about is torn or lost.
        torn: Millionths,
    },
    /// A node is killed and finds its documents gone when it starts: batches, board and what follows from them. Keys, charters and
    /// quotas lie elsewhere.
    Lose {
        /// Which node.
        node: u32,
    },
    /// A killed node starts.
    Start {
        /// Which node.
        node: u32,
    },
    /// A node goes off the network and keeps its memory.
    Leave {
        /// Which node.
        node: u32,
    },
    /// It comes back.
    Return {
        /// Which node.
        node: u32,
    },
    /// A connection breaks; whoever dialled dials again.
    Break {
        /// One end.
        node: u32,
        /// The other.
        other: u32,
    },
    /// The network falls into two parts.
    Split {
        /// The smaller one.
        minority: Vec<u32>,
    },
    /// The parts find together.
    Heal,
    /// A wall clock is set, to so many seconds from the true time.
    Clock {
        /// Whose.
        node: u32,
        /// Off by.
        seconds: i64,
    },
    /// A disk is full.
    Fill {
        /// Whose.
        node: u32,
    },
    /// It has room again.
    Room {
        /// Whose.
        node: u32,
    },
    /// The stewards admit the member of a node that is not one yet, and it starts.
    Admit {
        /// Which node.
        node: u32,
    },
    /// The stewards expel the member of a node.
    Expel {
        /// Which node.
        node: u32,
    },
    /// The stewards decide that the feed of a node's member stands without its last batches.
    Cut {
        /// Whose.
        node: u32,
        /// How many batches go.
        back: u64,
    },
    /// The same, and they revoke the key of that feed: it goes on with another one.
    Revoke {
        /// Whose.
        node: u32,
        /// How many batches go.
        back: u64,
    },
    /// The stewards settle a contradiction: the feed goes on where the histories part or after one of the contested batches.
    Thaw {
        /// From which it is drawn which, and where.
        salt: u64,
    },
    /// The stewards want the token key of the next epoch: a ceremony of its holders makes it.
    Rotate,
    /// The stewards want the token keys of older epochs retired, once what is listed under them is carried over.
    Retire,
    /// A dishonest member does what it is there for.
    Misbehave {
        /// Which node.
        node: u32,
        /// From what it draws.
        salt: u64,
    },
    /// From now on nothing is lost, doubled or overtaken, everybody is back, and clocks and disks are in order.
    Calm,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s ", self.at_ms / 1000, self.at_ms % 1000)?;
        match &self.what {
            What::Publish { node, entries, relief, salt } => {
                write!(f, "publish {node} entries={entries} relief={} salt={salt:x}", relief.0)
            }
            What::Clear { node, most } => write!(f, "clear {node} most={most}"),
            What::Check { node, salt } => write!(f, "check {node} salt={salt:x}"),
            What::Evaluate { node, count, salt } => write!(f, "evaluate {node} count={count} salt={salt:x}"),
            What::Kill { node, torn } => write!(f, "kill {node} torn={}", torn.0),
            What::Lose { node } => write!(f, "lose {node}"),
            What::Start { node } => write!(f, "start {node}"),
            What::Leave { node } => write!(f, "leave {node}"),
            What::Return { node } => write!(f, "return {node}"),
            What::Break { node, other } => write!(f, "break {node} other={other}"),
            What::Split { minority } => {
                let nodes: Vec<String> = minority.iter().map(u32::to_string).collect();
                write!(f, "split {}", nodes.join(","))
            }
            What::Heal => write!(f, "heal"),
            What::Clock { node, seconds } => write!(f, "clock {node} seconds={seconds}"),
            What::Fill { node } => write!(f, "fill {node}"),
            What::Room { node } => write!(f, "room {node}"),
            What::Admit { node } => write!(f, "admit {node}"),
            What::Expel { node } => write!(f, "expel {node}"),
            What::Cut { node, back } => write!(f, "cut {node} back={back}"),
            What::Revoke { node, back } => write!(f, "revoke {node} back={back}"),
            What::Thaw { salt } => write!(f, "thaw salt={salt:x}"),
            What::Rotate => write!(f, "rotate"),
            What::Retire => write!(f, "retire"),
            What::Misbehave { node, salt } => write!(f, "misbehave {node} salt={salt:x}"),
            What::Calm => write!(f, "calm"),
        }
    }
}

/// The most entries that one operation publishes, as in a scenario.
const MOST_ENTRIES: u32 = 2_000_000;

/// The words of one line after its time.
struct Words<'a> {
    verb: &'a str,
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn node(&self) -> Result<u32, String> {
        let word = self.words.first().ok_or_else(|| format!("\"{}\" needs the number of a node", self.verb))?;
        word.parse().map_err(|_| format!("\"{word}\" is not the number of a node"))
    }

    fn text(&self, name: &str) -> Result<&'a str, String> {
        let value = |word: &&'a str| word.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value);
        self.words.iter().find_map(value).ok_or_else(|| format!("\"{}\" needs {name}=…", self.verb))
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name}={text} is not a number of its range"))
    }

    fn entries(&self) -> Result<u32, String> {
        let entries = self.number("entries")?;
        if entries > MOST_ENTRIES { Err(format!("entries={entries} is more than {MOST_ENTRIES}")) } else { Ok(entries) }
    }

    fn salt(&self) -> Result<u64, String> {
        let text = self.text("salt")?;
        u64::from_str_radix(text, 16).map_err(|_| format!("salt={text} is not a hexadecimal number of 64 bits"))
    }

    fn share(&self, name: &str) -> Result<Millionths, String> {
        let share = Millionths(self.number(name)?);
        if share > Millionths::ALL { Err(format!("{name} is in millionths, 1000000 at the most")) } else { Ok(share) }
    }
}

impl FromStr for Op {
    type Err = String;

    fn from_str(line: &str) -> Result<Op, String> {
        let mut words = line.split_whitespace();
        let time = words.next().ok_or("an operation begins with its time, like 12.500s")?;
        let at_ms = parse_time(time).ok_or_else(|| format!("\"{time}\" is not a time like 12.500s"))?;
        let verb = words.next().ok_or("after its time an operation needs a verb, like publish")?;
        let w = Words { verb, words: words.collect() };
        let what = match verb {
            "publish" => {
                What::Publish { node: w.node()?, entries: w.entries()?, relief: w.share("relief")?, salt: w.salt()? }
            }
            "clear" => What::Clear { node: w.node()?, most: w.number("most")? },
            "check" => What::Check { node: w.node()?, salt: w.salt()? },
            "evaluate" => What::Evaluate { node: w.node()?, count: w.number("count")?, salt: w.salt()? },
            "kill" => What::Kill { node: w.node()?, torn: w.share("torn")? },
            "lose" => What::Lose { node: w.node()? },
            "start" => What::Start { node: w.node()? },
            "leave" => What::Leave { node: w.node()? },
            "return" => What::Return { node: w.node()? },
            "break" => What::Break { node: w.node()?, other: w.number("other")? },
            "split" => {
                let nodes = w.words.first().ok_or("\"split\" needs the nodes of the smaller part, like 1,2")?;
                let minority: Result<Vec<u32>, _> = nodes.split(',').map(str::parse).collect();
                What::Split { minority: minority.map_err(|_| format!("\"{nodes}\" is not a list of nodes like 1,2"))? }
            }
            "heal" => What::Heal,
            "clock" => What::Clock { node: w.node()?, seconds: w.number("seconds")? },
            "fill" => What::Fill { node: w.node()? },
            "room" => What::Room { node: w.node()? },
            "admit" => What::Admit { node: w.node()? },
            "expel" => What::Expel { node: w.node()? },
            "cut" => What::Cut { node: w.node()?, back: w.number("back")? },
            "revoke" => What::Revoke { node: w.node()?, back: w.number("back")? },
            "thaw" => What::Thaw { salt: w.salt()? },
            "rotate" => What::Rotate,
            "retire" => What::Retire,
            "misbehave" => What::Misbehave { node: w.node()?, salt: w.salt()? },
            "calm" => What::Calm,
            other => return Err(format!("\"{other}\" is no operation")),
        };
        Ok(Op { at_ms, what })
    }
}

fn parse_time(text: &str) -> Option<u64> {
    let (seconds, ms) = text.strip_suffix('s')?.split_once('.')?;
    let ms = (ms.len() == 3).then(|| ms.parse::<u64>().ok()).flatten()?;
    seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_read_as_it_is_written() {
        let lines = [
            "0.000s publish 3 entries=20 relief=300000 salt=ff01",
            "1.500s clear 3 most=1000",
            "1.501s check 0 salt=0",
            "2.000s kill 4 torn=250000",
            "2.000s lose 4",
            "3.000s start 4",
            "3.000s leave 5",
            "3.000s return 5",
            "3.000s break 1 other=2",
            "3.000s split 1,2,7",
            "60.000s heal",
            "60.000s clock 3 seconds=-3600",
            "60.000s fill 3",
            "60.000s room 3",
            "60.000s admit 8",
            "60.000s expel 8",
            "60.000s evaluate 4 count=2 salt=9",
            "60.000s cut 3 back=2",
            "60.000s revoke 3 back=1",
            "60.000s thaw salt=7a",
            "60.000s rotate",
            "61.000s retire",
            "86400.000s misbehave 2 salt=7",
            "86400.000s calm",
        ];
        for line in lines {
            assert_eq!(line.parse::<Op>().unwrap().to_string(), line);
        }
        for bad in
            ["", "1s heal", "1.000s", "1.000s dance", "1.000s kill x torn=0", "1.000s kill 1", "1.000s split 1,,2"]
        {
            assert!(bad.parse::<Op>().is_err(), "{bad}");
        }
    }
}
