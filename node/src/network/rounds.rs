//! Questions about who writes a member's feed, and their answers: kept apart from the core's events, for an elector may have a
//! whole batch to fetch before it answers.

use std::collections::HashMap;

use antibrush_protocol::{
    replica::{AnswerHandle, Peer},
    writer::{Ask, Refused, Reply},
};
use libp2p::request_response::{self, InboundRequestId, OutboundRequestId, ResponseChannel};
use tokio::sync::{mpsc, oneshot};

use super::{
    identity::{peer_id, peer_key},
    task::Task,
};

/// Questions that may wait; more are told to ask again.
pub(super) const QUESTIONS: usize = 64;

/// What another node asks about a writer.
#[derive(Debug)]
pub struct Question {
    /// Who asks.
    pub from: Peer,
    /// Names the question in the answer.
    pub handle: AnswerHandle,
    /// What.
    pub ask: Ask,
}

/// Questions under way.
pub(super) struct Rounds {
    pub questions: mpsc::Sender<Question>,
    asking: HashMap<OutboundRequestId, oneshot::Sender<Reply>>,
    asked: HashMap<AnswerHandle, (InboundRequestId, ResponseChannel<Reply>)>,
}

impl Rounds {
    pub fn new(questions: mpsc::Sender<Question>) -> Rounds {
        Rounds { questions, asking: HashMap::new(), asked: HashMap::new() }
    }
}

impl Task {
    /// Asks a connected node; of one that is not connected nothing comes back.
    pub(super) fn ask(&mut self, peer: &Peer, ask: Ask, reply: oneshot::Sender<Reply>) {
        if let Some(peer) = peer_id(peer).filter(|peer| self.swarm.is_connected(peer)) {
            self.tap.object("ask", &ask);
            let id = self.swarm.behaviour_mut().writer.send_request(&peer, ask);
            self.rounds.asking.insert(id, reply);
        }
    }

    pub(super) fn reply(&mut self, handle: AnswerHandle, reply: Reply) {
        if let Some((_, channel)) = self.rounds.asked.remove(&handle) {
            self.tap.object("reply", &reply);
            // Fails only if the asker is gone.
            let _ = self.swarm.behaviour_mut().writer.send_response(channel, reply);
        }
    }

    pub(super) fn on_writer(&mut self, event: request_response::Event<Ask, Reply>) {
        use request_response::{Event as E, Message};
        match event {
            E::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let Some(from) = peer_key(&peer).filter(|key| self.gate.is_member(key)) else { return };
                let handle = AnswerHandle(self.handle());
                self.rounds.asked.insert(handle, (request_id, channel));
                if self.rounds.questions.try_send(Question { from, handle, ask: request }).is_err() {
                    self.reply(handle, Reply::Refused(Refused::Lagging));
                }
            }
            E::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(reply) = self.rounds.asking.remove(&request_id) {
                    // Fails only if nobody waits any more.
                    let _ = reply.send(response);
                }
            }
            // Whoever waits is told by the end of the channel.
            E::OutboundFailure { request_id, .. } => drop(self.rounds.asking.remove(&request_id)),
            E::InboundFailure { request_id, peer, error, .. } => {
                self.rounds.asked.retain(|_, (id, _)| *id != request_id);
                self.blame_undecodable(&peer, &error);
            }
            E::ResponseSent { .. } => {}
        }
    }
}
