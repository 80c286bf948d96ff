//! The heartbeat: keeps the meshes in their bounds and tells peers outside them what there is.

use antibrush_protocol::{
    gossip::{MESH_OUTBOUND_MIN, MESH_PEERS, MESH_PEERS_HIGH, MESH_PEERS_LOW},
    replica::Topic,
};

use super::{
    Action, MessageId, Router, Rpc,
    parameters::{
        GOSSIP_FACTOR, GOSSIP_LAZY, GOSSIP_THRESHOLD, IDS_PER_BEAT, OPPORTUNISTIC_GRAFT_BEATS,
        OPPORTUNISTIC_GRAFT_PEERS, OPPORTUNISTIC_GRAFT_THRESHOLD, RETAIN_SCORES,
    },
    rpc::TOPICS,
};

/// What a heartbeat changes in a mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Graft,
    Prune,
}

/// The changes of one heartbeat, by the places of peers, and the scores on which they rest.
#[derive(Debug, Default)]
struct Plan {
    scores: Vec<f64>,
    changes: Vec<(usize, Topic, Change)>,
}

impl Router {
    /// The heartbeat that is due. Those before it that were left out are made up for.
    pub fn heartbeat(&mut self, now_ms: u64, out: &mut Vec<Action>) {
        let beat = self.beat(now_ms);
        let elapsed = beat.saturating_sub(self.beats);
        if elapsed == 0 {
            return;
        }
        self.beats = beat;
        self.stirred = false;
        self.seen.forget(now_ms);
        self.peers.forget(now_ms);
        let refreshed_ms = self.refreshed_ms(now_ms);
        for peer in self.peers.iter_mut() {
            if peer.connected {
                peer.decay(elapsed);
            }
            peer.ihaves = 0;
            peer.asked = 0;
            self.stirred |= peer.forget_refusals(now_ms);
        }
        self.punish_broken_promises(now_ms);
        let scores = self.peers.iter().map(|peer| peer.score(refreshed_ms)).collect();
        let mut plan = Plan { scores, changes: Vec::new() };
        for topic in TOPICS {
            self.tend(topic, &mut plan, now_ms);
        }
        for topic in TOPICS {
            self.tell(topic, &plan, out);
        }
        for &(at, topic, change) in &plan.changes {
            match change {
                Change::Graft => out.push(Action::Send { to: self.peers[at].index, rpc: Rpc::Graft { topic } }),
                Change::Prune => self.prune(at, topic, now_ms, out),
            }
        }
        self.history.forget(beat);
        self.stirred |= !plan.changes.is_empty() || self.is_unsettled(&plan);
    }

    /// Penalises who promised a message and did not send it in time (P7).
    fn punish_broken_promises(&mut self, now_ms: u64) {
        let peers = &mut self.peers;
        self.promises.retain(|_, promisers| {
            promisers.retain(|(promiser, until_ms)| {
                if *until_ms >= now_ms {
                    return true;
                }
                if let Ok(at) = peers.position(*promiser) {
                    peers[at].behaviour += 1.0;
                }
                false
            });
            !promisers.is_empty()
        });
    }

    /// Brings one mesh into its bounds. The meshes change at once, the RPCs follow when all is planned.
    fn tend(&mut self, topic: Topic, plan: &mut Plan, now_ms: u64) {
        let mut mesh: Vec<usize> = (0..self.peers.len()).filter(|at| self.peers[*at].in_mesh(topic)).collect();
        mesh.retain(|&at| {
            let stays = plan.scores[at] >= 0.0;
            if !stays {
                self.drop_from_mesh(at, topic, plan);
            }
            stays
        });
        if mesh.len() < MESH_PEERS_LOW {
            let grafted = self.graft_some(topic, MESH_PEERS - mesh.len(), plan, now_ms, |_, score| score >= 0.0);
            mesh.extend(grafted);
        }
        if mesh.len() >= MESH_PEERS_HIGH {
            self.thin(topic, &mut mesh, plan);
        }
        if mesh.len() >= MESH_PEERS_LOW {
            let outbound = mesh.iter().filter(|at| self.peers[**at].outbound).count();
            if outbound < MESH_OUTBOUND_MIN {
                let missing = MESH_OUTBOUND_MIN - outbound;
                let grafted = self.graft_some(topic, missing, plan, now_ms, |outbound, score| outbound && score >= 0.0);
                mesh.extend(grafted);
            }
        }
        if self.beats.is_multiple_of(OPPORTUNISTIC_GRAFT_BEATS)
            && let Some(median) = median(&mesh, &plan.scores)
            && median < OPPORTUNISTIC_GRAFT_THRESHOLD
        {
            self.graft_some(topic, OPPORTUNISTIC_GRAFT_PEERS, plan, now_ms, |_, score| score > median);
        }
    }

    /// Takes random peers out of a mesh that is too large, but neither the best nor the last that we dialled.
    fn thin(&mut self, topic: Topic, mesh: &mut Vec<usize>, plan: &mut Plan) {
        let excess = mesh.len() - MESH_PEERS;
        let mut order = mesh.clone();
        self.random.shuffle(&mut order);
        order.sort_by(|a, b| plan.scores[*a].total_cmp(&plan.scores[*b]));
        let best = order.len().saturating_sub(RETAIN_SCORES);
        self.random.shuffle(&mut order[..best]);
        let mut outbound = order.iter().filter(|at| self.peers[**at].outbound).count();
        let mut removed = Vec::with_capacity(excess);
        for at in order {
            if removed.len() == excess {
                break;
            }
            if self.peers[at].outbound {
                if outbound <= MESH_OUTBOUND_MIN {
                    continue;
                }
                outbound -= 1;
            }
            self.drop_from_mesh(at, topic, plan);
            removed.push(at);
        }
        mesh.retain(|at| !removed.contains(at));
    }

    fn drop_from_mesh(&mut self, at: usize, topic: Topic, plan: &mut Plan) {
        self.peers[at].topic_mut(topic).grafted_ms = None;
        plan.changes.push((at, topic, Change::Prune));
    }

    /// Grafts random peers outside the mesh that `fits` takes by whether we dialled them and by their score.
    fn graft_some(
        &mut self,
        topic: Topic,
        count: usize,
        plan: &mut Plan,
        now_ms: u64,
        fits: impl Fn(bool, f64) -> bool,
    ) -> Vec<usize> {
        let is_candidate = |at: &usize| {
            let peer = &self.peers[*at];
            // Those that this heartbeat takes out wait for their backoff, which stands only when they are told.
            let is_leaving = plan.changes.contains(&(*at, topic, Change::Prune));
            peer.reads(topic)
                && !peer.in_mesh(topic)
                && !is_leaving
                && peer.topic(topic).may_graft(now_ms)
                && fits(peer.outbound, plan.scores[*at])
        };
        let mut chosen: Vec<usize> = (0..self.peers.len()).filter(is_candidate).collect();
        self.random.choose(&mut chosen, count);
        for &at in &chosen {
            self.peers[at].topic_mut(topic).grafted_ms = Some(now_ms);
            plan.changes.push((at, topic, Change::Graft));
        }
        chosen
    }

    /// IHAVE: tells some peers outside the mesh which messages there are.
    fn tell(&mut self, topic: Topic, plan: &Plan, out: &mut Vec<Action>) {
        let told = self.history.told(self.beats).filter(|(of, _)| *of == topic);
        let mut ids: Vec<MessageId> = told.map(|(_, id)| id).collect();
        if ids.is_empty() {
            return;
        }
        let is_told = |at: &usize| {
            let peer = &self.peers[*at];
            peer.reads(topic) && !peer.in_mesh(topic) && plan.scores[*at] >= GOSSIP_THRESHOLD
        };
        let mut to: Vec<usize> = (0..self.peers.len()).filter(is_told).collect();
        let count = GOSSIP_LAZY.max((GOSSIP_FACTOR * to.len() as f64) as usize);
        self.random.choose(&mut to, count);
        let all = if ids.len() <= IDS_PER_BEAT { Some(ids.as_slice().into()) } else { None };
        for at in to {
            // Too many for one: each peer hears of others.
            let ids = all.clone().unwrap_or_else(|| {
                self.random.shuffle(&mut ids);
                ids[..IDS_PER_BEAT].into()
            });
            out.push(Action::Send { to: self.peers[at].index, rpc: Rpc::IHave { topic, ids } });
        }
    }

    /// Whether the next heartbeat has work that this one left: counts that decay, or a mesh that is out of its bounds and has
    /// peers that could come in, now or when their backoff is over.
    fn is_unsettled(&self, plan: &Plan) -> bool {
        let mut peers = self.peers.iter();
        if peers.any(|peer| peer.connected && peer.is_recovering()) {
            return true;
        }
        TOPICS.iter().any(|&topic| {
            let mesh: Vec<usize> = (0..self.peers.len()).filter(|at| self.peers[*at].in_mesh(topic)).collect();
            let outside = || self.peers.iter().filter(|peer| peer.reads(topic) && !peer.in_mesh(topic));
            let is_small = mesh.len() < MESH_PEERS_LOW && outside().next().is_some();
            let outbound = mesh.iter().filter(|at| self.peers[**at].outbound).count();
            let is_inbound =
                mesh.len() >= MESH_PEERS_LOW && outbound < MESH_OUTBOUND_MIN && outside().any(|peer| peer.outbound);
            let is_poor = median(&mesh, &plan.scores).is_some_and(|median| median < OPPORTUNISTIC_GRAFT_THRESHOLD);
            is_small || is_inbound || is_poor
        })
    }
}

/// The median score of a mesh of more than one peer.
fn median(mesh: &[usize], scores: &[f64]) -> Option<f64> {
    if mesh.len() < 2 {
        return None;
    }
    let mut sorted: Vec<f64> = mesh.iter().map(|at| scores[*at]).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    Some(if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + sorted[middle]) * 0.5 } else { sorted[middle] })
}
