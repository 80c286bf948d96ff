//! One replica driven by hand.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    alliance::{Batch, EPOCH, node_key},
    world::assert_bounds,
};
use crate::{
    base::{MemberNumber, Timestamp},
    charter::CharterChain,
    replica::{
        BatchId, Event, GossipHandle, Input, Now, Offence, Output, Replica, RequestFailure, RequestId, Restored, Store,
        Timer, Topic, Verdict,
    },
    sync::{Heads, PeerHead, Request, Response},
};

pub struct Script {
    pub replica: Replica,
    /// The wall clock at virtual time 0.
    pub epoch: u64,
    pub ms: u64,
    /// Whether the test answers requests to compare boards; otherwise every board is empty.
    pub compares_boards: bool,
    /// Whether posts of our own are durable at once; otherwise the test answers.
    pub keeps_posts: bool,
    /// Everything said since it was last taken.
    pub said: Vec<Output>,
}

impl Script {
    /// The node of member 1, started, with these members' nodes connected.
    pub fn new(chain: &CharterChain, peers: &[u16]) -> Script {
        Script::with_posts(chain, peers, Vec::new(), EPOCH)
    }

    /// The same with posts from its disk, at another time of the wall clock.
    pub fn with_posts(chain: &CharterChain, peers: &[u16], posts: Vec<Vec<u8>>, epoch: u64) -> Script {
        let restored = Restored { chain: chain.clone(), node: node_key(1), heads: BTreeMap::new(), posts };
        let mut script = Script {
            replica: Replica::new(restored),
            epoch,
            ms: 0,
            compares_boards: false,
            keeps_posts: true,
            said: Vec::new(),
        };
        script.give(Input::Started);
        for peer in peers {
            script.give(Input::PeerConnected(node_key(*peer)));
        }
        script
    }

    pub fn now(&self) -> Now {
        Now { wall: Timestamp(self.epoch + self.ms / 1000), ms: self.ms }
    }

    pub fn give(&mut self, input: Input) -> &mut Script {
        let mut said = self.replica.handle(input, self.now());
        assert_bounds(&self.replica);
        let mut boards = Vec::new();
        if !self.compares_boards {
            said.retain(|output| match output {
                Output::Request { id, request: Request::Board { .. }, .. } => {
                    boards.push(*id);
                    false
                }
                _ => true,
            });
        }
        let own = |output: &Output| match output {
            Output::Store(Store::OwnPost { id, .. }) => Some(*id),
            _ => None,
        };
        let own: Vec<_> = said.iter().filter_map(own).filter(|_| self.keeps_posts).collect();
        self.said.extend(said);
        for id in own {
            self.give(Input::PostStored { id, stored: true });
        }
        for id in boards {
            self.answer(id, Response::Board(Vec::new()));
        }
        self
    }

    /// Lets time pass and the retry timer fire.
    pub fn wait(&mut self, ms: u64) -> &mut Script {
        self.ms += ms;
        self.give(Input::Timer(Timer::Retry))
    }

    /// Takes the requests to a member's node.
    pub fn requests_to(&mut self, member: u16) -> Vec<(RequestId, Request)> {
        let (mut requests, mut rest) = (Vec::new(), Vec::new());
        for output in std::mem::take(&mut self.said) {
            match output {
                Output::Request { id, peer, request } if peer == node_key(member) => requests.push((id, request)),
                other => rest.push(other),
            }
        }
        self.said = rest;
        requests
    }

    /// Takes the one request to a member's node.
    pub fn request_to(&mut self, member: u16) -> (RequestId, Request) {
        let mut requests = self.requests_to(member);
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    pub fn answer(&mut self, id: RequestId, response: Response) -> &mut Script {
        self.give(Input::Response { id, outcome: Ok(response) })
    }

    pub fn fail(&mut self, id: RequestId, failure: RequestFailure) -> &mut Script {
        self.give(Input::Response { id, outcome: Err(failure) })
    }

    /// A member's node answers the question for its heads.
    pub fn has(&mut self, member: u16, feeds: &[(u16, u64)]) -> &mut Script {
        let (id, request) = self.request_to(member);
        assert!(matches!(request, Request::Heads(_)), "{request:?}");
        let heads = self.heads(feeds);
        self.answer(id, Response::Heads(heads))
    }

    pub fn heads(&self, feeds: &[(u16, u64)]) -> Heads {
        let feeds = feeds.iter().map(|(publisher, seq)| PeerHead {
            publisher: MemberNumber(*publisher),
            seq: *seq,
            id: [1; 32],
        });
        Heads {
            charter: self.replica.charter().number,
            charter_id: self.replica.chain().current_id(),
            feeds: feeds.collect(),
            clock: self.now().wall,
        }
    }

    pub fn gossip(&mut self, member: u16, topic: Topic, bytes: &[u8]) -> Option<Verdict> {
        let handle = GossipHandle(self.ms);
        self.give(Input::Gossip { from: node_key(member), handle, topic, bytes: bytes.to_vec() });
        self.said.iter().rev().find_map(|output| match output {
            Output::Verdict { handle: found, verdict } if *found == handle => Some(*verdict),
            _ => None,
        })
    }

    /// Takes the complaints.
    pub fn offences(&mut self) -> Vec<(u16, Offence)> {
        let member = |peer: &_| (1..100).find(|member| node_key(*member) == *peer).unwrap();
        let complaint = |output: &Output| match output {
            Output::Penalise { peer, offence } => Some((member(peer), *offence)),
            _ => None,
        };
        let found = self.said.iter().filter_map(complaint).collect();
        self.said.retain(|output| !matches!(output, Output::Penalise { .. }));
        found
    }

    /// The rules that objects of peers broke since the last look.
    pub fn refused(&mut self) -> Vec<&'static str> {
        let rule = |output: &Output| if let Output::Refused { rule } = output { Some(*rule) } else { None };
        let found = self.said.iter().filter_map(rule).collect();
        self.said.retain(|output| !matches!(output, Output::Refused { .. }));
        found
    }

    pub fn events(&self) -> Vec<Event> {
        let event = |output: &Output| match output {
            Output::Report(event) => Some(event.clone()),
            _ => None,
        };
        self.said.iter().filter_map(event).collect()
    }

    /// Takes the work for the store.
    pub fn stores(&mut self) -> Vec<Store> {
        let (mut stores, mut rest) = (Vec::new(), Vec::new());
        for output in std::mem::take(&mut self.said) {
            match output {
                Output::Store(store) => stores.push(store),
                other => rest.push(other),
            }
        }
        self.said = rest;
        stores
    }

    /// Answers every probe with "nothing is here".
    pub fn probe(&mut self) -> &mut Script {
        for store in self.stores() {
            if let Store::Probe { header } = store {
                let h = header.payload();
                let batch = BatchId { publisher: h.publisher, seq: h.seq };
                self.give(Input::Probed { batch, present: vec![false; h.chunks.len()] });
            }
        }
        self
    }
}

pub fn envelopes(batches: &[Batch]) -> Vec<Arc<[u8]>> {
    batches.iter().map(|batch| batch.header.envelope().clone()).collect()
}
