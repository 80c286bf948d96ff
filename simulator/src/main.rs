//! `antibrush-sim`: virtual nodes that drive the protocol crate in virtual time.
//!
//! Scenarios come with a later release. This one proves the premise: the state machine of the node runs here without
//! libp2p, files, threads or a clock. See simulator/README.md.

use std::{collections::BTreeMap, process::ExitCode};

use antibrush_protocol::{
    base::Timestamp,
    charter::{CharterChain, SignedCharter},
    replica::{Input, Now, Output, Replica, Restored},
};

/// The founding charter of the published vectors: a whole alliance with public keys that belong to nobody.
const CHARTER: &str = include_str!("../../tests/vectors/wire/charter_genesis_signed.txt");

/// An hour after that charter was signed.
const NOW: Now = Now { wall: Timestamp(1_795_104_000 + 3600), ms: 0 };

fn main() -> ExitCode {
    println!("antibrush-sim {}", env!("CARGO_PKG_VERSION"));
    println!("Scenarios come with a later release; this one only starts the node's state machine in virtual time.");
    println!("模拟场景将在后续版本提供；本版本仅在虚拟时间中启动节点的状态机。");
    let Some(outputs) = start_one_replica() else {
        eprintln!("error: the charter of the published vectors does not hold; restore tests/vectors/wire");
        return ExitCode::FAILURE;
    };
    println!("1 replica started: {} outputs. 已启动 1 个副本：{} 个输出。", outputs.len(), outputs.len());
    ExitCode::SUCCESS
}

/// Starts a replica that knows the charter and nothing else; `None` if the charter does not hold.
fn start_one_replica() -> Option<Vec<Output>> {
    let charter = SignedCharter::decode(&unhex(CHARTER)?).ok()?;
    let chain = CharterChain::found(charter, None).ok()?;
    // A node key that the charter does not name: a replica without a feed of its own.
    let restored = Restored { chain, node: [0; 32], heads: BTreeMap::new(), posts: Vec::new() };
    Some(Replica::new(restored).handle(Input::Started, NOW))
}

/// The bytes of an annotated vector: hex digits, with comments from `#` to the end of the line.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let code = text.lines().filter_map(|line| line.split('#').next());
    let digits: Vec<u32> = code.flat_map(|line| line.trim().chars()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | *pair.get(1)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use antibrush_protocol::replica::Timer;

    use super::*;

    #[test]
    fn a_started_replica_schedules_its_two_timers_and_asks_for_nothing() {
        let outputs = start_one_replica().unwrap();
        let scheduled = |output: &Output| match output {
            Output::Schedule { timer, at_ms } if *at_ms > NOW.ms => Some(*timer),
            _ => None,
        };
        let timers: Option<Vec<Timer>> = outputs.iter().map(scheduled).collect();
        assert_eq!(timers, Some(vec![Timer::AntiEntropy, Timer::Heartbeat]));
    }

    #[test]
    fn only_pairs_of_hex_digits_are_bytes() {
        assert_eq!(unhex("# nothing\n 0aF0 # two\n01"), Some(vec![0x0a, 0xf0, 0x01]));
        assert_eq!(unhex("0a0"), None);
        assert_eq!(unhex("0g"), None);
    }
}
