//! The newcomer's side of joining: one dial, one exchange, nothing else running.

use std::{sync::Arc, time::Duration};

use antibrush_protocol::{
    join::{Invitation, JoinAnswer, JoinRefusal},
    replica::Peer,
};
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId,
    request_response::{Event as E, Message},
    swarm::{SwarmEvent, dial_opts::DialOpts},
};

use super::{
    behaviour::{BehaviourEvent, JOIN_TIMEOUT},
    codec::JoinEnvelope,
    identity::peer_id,
    task::{NetworkError, build_swarm},
};
use crate::{
    clock,
    lang::{Zh, reason_zh},
};

/// Reasons of our own in [`JoinError::Unreachable`].
const NO_ANSWER: &str = "no answer in time";
const CLOSED: &str = "the node closed the connection: no invitation is open there";

/// The most bytes of charters that a newcomer takes: thousands of versions of an alliance of hundreds.
const CHARTERS_IN_ALL: usize = 256 * 1024 * 1024;

/// How often a newcomer asks whether enough stewards have signed.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// What a newcomer waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Stewards must sign.
    Signatures {
        /// How many have, as far as the steward's node knows.
        have: u8,
        /// How many must.
        need: u8,
    },
    /// The steward's node does not answer at present.
    Steward(String),
}

/// Why joining failed.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The network could not be set up.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The invitation names no usable node.
    #[error("the invitation names no address that can be dialled; ask the steward for a new one")]
    NoAddress,
    /// The steward's node does not answer.
    #[error(
        "the steward's node cannot be reached ({0}); check that it runs and that its port is open, then join again"
    )]
    Unreachable(String),
    /// It does not come to an end.
    #[error("the steward's node sent more charters than any alliance has; ask the steward whether its node is well")]
    TooMuch,
    /// It answered no.
    #[error("the steward's node refused: {}; {}", .0.en(), next_step(*.0).0)]
    Refused(JoinRefusal),
}

impl Zh for JoinError {
    fn zh(&self) -> String {
        match self {
            JoinError::Network(error) => error.zh(),
            JoinError::NoAddress => "邀请码中没有可以连接的地址：请向秘书处重新索取".to_owned(),
            JoinError::Unreachable(reason) => {
                let reason = match reason.as_str() {
                    NO_ANSWER => "未在规定时间内响应".to_owned(),
                    CLOSED => "节点关闭了连接，那里没有待用的邀请码".to_owned(),
                    reason => reason_zh(reason),
                };
                format!("无法连接秘书处节点（{reason}）：请确认该节点正在运行且端口开放，然后重新加入")
            }
            JoinError::TooMuch => "秘书处节点发来的章程多得不合理：请向秘书处核实其节点是否正常".to_owned(),
            JoinError::Refused(refusal) => {
                format!("秘书处节点拒绝了加入请求（{}）：{}", refusal.zh(), next_step(*refusal).1)
            }
        }
    }
}

/// What a newcomer that was refused does next, in English and Chinese.
fn next_step(refusal: JoinRefusal) -> (&'static str, &'static str) {
    match refusal {
        JoinRefusal::TryAgain => {
            ("tell the steward, then join again with the same invitation", "请告知秘书处，之后用同一邀请码重试")
        }
        _ => ("ask the steward for a new invitation", "请向秘书处索取新的邀请码"),
    }
}

/// Asks at the steward's node, page by page, and returns the charters that it hands out, not yet verified. `request` makes
/// the signed join request for the charters from a number on. While stewards must sign, it asks again until the invitation
/// expires; `waiting` hears of it.
pub async fn join(
    secret: &mut [u8; 32],
    invitation: &Invitation,
    request: impl Fn(u64) -> Vec<u8>,
    mut waiting: impl FnMut(Waiting),
) -> Result<Vec<Arc<[u8]>>, JoinError> {
    let addresses: Vec<Multiaddr> = invitation.addresses.iter().filter_map(|address| address.parse().ok()).collect();
    let node: Peer = invitation.node;
    let peer = peer_id(&node).filter(|_| !addresses.is_empty()).ok_or(JoinError::NoAddress)?;
    let mut swarm = build_swarm(secret, &invitation.alliance)?;
    let (mut charters, mut bytes): (Vec<Arc<[u8]>>, _) = (Vec::new(), 0);
    let mut is_pending = false;
    loop {
        let from = charters.len() as u64 + 1;
        let exchange = exchange(&mut swarm, peer, &addresses, JoinEnvelope(request(from)));
        match tokio::time::timeout(JOIN_TIMEOUT + Duration::from_secs(5), exchange).await {
            Ok(Ok(JoinAnswer::Admitted { newest, charters: page })) => {
                let is_last = page.is_empty() || from + page.len() as u64 > newest;
                // `newest` is the other side's word; what is held in memory unverified is bounded all the same.
                bytes += page.iter().map(|charter| charter.len()).sum::<usize>();
                if bytes > CHARTERS_IN_ALL {
                    return Err(JoinError::TooMuch);
                }
                charters.extend(page);
                if is_last {
                    return Ok(charters);
                }
            }
            Ok(Ok(JoinAnswer::Refused(reason))) => return Err(JoinError::Refused(reason)),
            Ok(Ok(JoinAnswer::Pending { have, need })) => {
                is_pending = true;
                waiting(Waiting::Signatures { have, need });
                pause(&mut swarm).await;
            }
            outcome => {
                let reason = outcome.ok().and_then(Result::err).unwrap_or_else(|| NO_ANSWER.to_owned());
                // Who was told to wait does so while the steward's node restarts; its door is shut when the invitation is over.
                if !is_pending {
                    return Err(JoinError::Unreachable(reason));
                }
                if clock::wall() >= invitation.expires {
                    return Err(JoinError::Refused(JoinRefusal::Expired));
                }
                waiting(Waiting::Steward(reason));
                pause(&mut swarm).await;
            }
        }
    }
}

/// Waits, and takes note of connections that end meanwhile.
async fn pause(swarm: &mut libp2p::Swarm<super::behaviour::Behaviour>) {
    let idle = async {
        loop {
            swarm.select_next_some().await;
        }
    };
    // It has no other end than the time.
    let _ = tokio::time::timeout(ASK_EVERY, idle).await;
}

async fn exchange(
    swarm: &mut libp2p::Swarm<super::behaviour::Behaviour>,
    peer: PeerId,
    addresses: &[Multiaddr],
    envelope: JoinEnvelope,
) -> Result<JoinAnswer, String> {
    let mut envelope = Some(envelope);
    if swarm.is_connected(&peer) {
        envelope.take().map(|envelope| swarm.behaviour_mut().join.send_request(&peer, envelope));
    } else {
        let dial = DialOpts::peer_id(peer).addresses(addresses.to_vec()).build();
        swarm.dial(dial).map_err(|error| error.to_string())?;
    }
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, .. } if peer_id == peer => {
                if let Some(envelope) = envelope.take() {
                    swarm.behaviour_mut().join.send_request(&peer, envelope);
                }
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(innermost(&error.to_string())),
            SwarmEvent::ConnectionClosed { num_established: 0, .. } => {
                return Err(CLOSED.to_owned());
            }
            SwarmEvent::Behaviour(BehaviourEvent::Join(E::Message {
                message: Message::Response { response, .. },
                ..
            })) => {
                return Ok(response);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Join(E::OutboundFailure { error, .. })) => {
                return Err(error.to_string());
            }
            _ => {}
        }
    }
}

/// The innermost reason of a dial: libp2p lists every address and layer, over several lines and in nested parentheses.
fn innermost(reason: &str) -> String {
    let last = reason.lines().last().unwrap_or(reason);
    let inner = last.rsplit(": ").next().unwrap_or(last).trim_end_matches(']');
    inner.find("))").map_or(inner, |at| &inner[..=at]).to_owned()
}
