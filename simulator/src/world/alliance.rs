//! One alliance of a world: its keys, its members and its charters.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    charter::{
        Charter, CharterChain, CharterError, FeedKey, Holding, Level, Member, MemberRole, MemberState, Node, Policy,
        SignedCharter, Steward, TokenKey,
    },
    replica::Peer,
    signed::{PublicKey, Signer},
    subject::{Class, Subject},
};
use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};

/// The wall clock at virtual time 0: Monday, 2 November 2026, 10:00 in Beijing.
pub const EPOCH: Timestamp = Timestamp(1_793_584_800);

/// A signing key. It is a function of public numbers: nothing in a simulation is secret.
pub struct Key(SigningKey);

impl Key {
    /// The key of this kind and number.
    pub fn new(alliance: u32, kind: &str, number: u32) -> Key {
        let mut hash = Sha256::new();
        hash.update(b"antibrush/simulator/");
        hash.update(kind);
        hash.update(alliance.to_be_bytes());
        hash.update(number.to_be_bytes());
        Key(SigningKey::from_bytes(&hash.finalize().into()))
    }
}

impl Signer for Key {
    fn public(&self) -> PublicKey {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The secrets of all members, and how charters are made.
pub struct Alliance {
    number: u32,
    /// Of each member the first and those that came after revoked ones.
    feed_keys: Vec<Vec<Key>>,
    node_keys: Vec<Peer>,
    stewards: BTreeMap<u32, Key>,
    /// The last of the first platforms: the node before it is its sister company.
    last: u32,
    observers: std::ops::Range<u32>,
    /// The token key that the first members share, and how.
    pub shared: Option<(TokenKey, Holding)>,
}

impl Alliance {
    /// An alliance of so many members, whoever joins later included; those in `observers` are observers.
    ///
    /// Member 1 is the only steward of a small alliance. In one of six platforms and more two of four must sign: the first two members and
    /// the last two platforms, which are under one control and so have one voice together.
    pub fn new(number: u32, members: u32, observers: std::ops::Range<u32>) -> Alliance {
        let feed_keys = (0..members).map(|member| vec![Key::new(number, "feed", member)]).collect();
        let node_keys = (0..members).map(|member| Key::new(number, "node", member).public()).collect();
        let last = observers.start.saturating_sub(1);
        let seats = if last >= 5 { vec![0, 1, last - 1, last] } else { vec![0] };
        let stewards = seats.into_iter().map(|node| (node, Key::new(number, "steward", node))).collect();
        Alliance { number, feed_keys, node_keys, stewards, last, observers, shared: None }
    }

    /// The feed key of a node's member under a charter: the newest that it has and has not revoked.
    pub fn feed_key(&self, node: u32, charter: &Charter) -> &Key {
        let keys = &self.feed_keys[node as usize];
        let known = charter.member(number_of(node)).map(|member| member.feed_keys.as_slice()).unwrap_or_default();
        let signs = |key: &&Key| known.iter().any(|known| known.key == key.public() && known.revoked.is_none());
        keys.iter().rev().find(signs).unwrap_or(&keys[0])
    }

    /// Makes the next feed key of a node's member.
    pub fn succeed(&mut self, node: u32) -> PublicKey {
        let keys = &mut self.feed_keys[node as usize];
        let key = Key::new(self.number, &format!("feed {}", keys.len()), node);
        let public = key.public();
        keys.push(key);
        public
    }

    /// The key of a node.
    pub fn node_key(&self, node: u32) -> Peer {
        self.node_keys[node as usize]
    }

    /// The nodes whose members are stewards from the beginning.
    pub fn steward_seats(&self) -> Vec<u32> {
        self.stewards.keys().copied().collect()
    }

    /// The key of a steward's seat.
    pub fn steward_key(&self, node: u32) -> &Key {
        &self.stewards[&node]
    }

    /// Who controls a node's member: of each four companies two are sisters, and so are the last two of the first platforms.
    fn controller(&self, node: u32) -> String {
        let holders = self.shared.as_ref().map(|(_, holding)| holding.members.as_slice()).unwrap_or_default();
        match node {
            // CHARTER-15: holders are under different control.
            holder if holders.contains(&number_of(holder)) => credit_code(holder),
            last if last == self.last && last >= 5 => self.controller(last - 1),
            node if node % 4 == 3 => credit_code(node - 1),
            node => credit_code(node),
        }
    }

    /// The node with this key.
    pub fn node_of(&self, key: &Peer) -> Option<u32> {
        self.node_keys.iter().position(|known| known == key).and_then(|at| u32::try_from(at).ok())
    }

    /// Whether this node's member is an observer.
    pub fn is_observer(&self, node: u32) -> bool {
        self.observers.contains(&node)
    }

    /// The first charter, with the members of the first `members` nodes.
    pub fn found(&self, members: u32) -> Result<CharterChain, CharterError> {
        let charter = Charter {
            number: 1,
            previous: None,
            alliance: None,
            founding_nonce: Sha256::digest(self.number.to_be_bytes()).into(),
            name_zh: format!("模拟联盟{}", self.number + 1),
            name_en: format!("Simulated Alliance {}", self.number + 1),
            level: Level::National,
            region: None,
            stewards: self
                .stewards
                .iter()
                .map(|(node, key)| Steward { member: number_of(*node), key: key.public() })
                .collect(),
            threshold: if self.stewards.len() > 1 { 2 } else { 1 },
            members: (0..members).map(|node| self.member(node)).collect(),
            token_keys: self.shared.iter().map(|(key, _)| key.clone()).collect(),
            holding: self.shared.as_ref().map(|(_, holding)| holding.clone()),
            policy: Policy::default(),
            issued: Timestamp(EPOCH.0 - 86_400),
            expires: Timestamp(EPOCH.0 + 3 * 366 * 86_400),
        };
        CharterChain::found(self.signed(&charter), None)
    }

    /// The next charter after a change.
    pub fn next(&self, chain: &CharterChain, now: Timestamp, change: impl FnOnce(&mut Charter)) -> SignedCharter {
        let mut charter = Charter::clone(chain.current());
        charter.number += 1;
        charter.previous = Some(chain.current_id());
        charter.alliance = Some(chain.alliance());
        charter.issued = charter.issued.max(now);
        change(&mut charter);
        self.signed(&charter)
    }

    /// The next charter, which admits the member of a node.
    pub fn admitting(&self, chain: &CharterChain, node: u32, now: Timestamp) -> SignedCharter {
        self.next(chain, now, |charter| {
            charter.members.push(self.member(node));
            charter.members.sort_by_key(|member| member.number);
        })
    }

    fn role(&self, node: u32) -> MemberRole {
        let last_holder = self.shared.as_ref().and_then(|(_, holding)| holding.members.last());
        match node {
            _ if self.is_observer(node) => MemberRole::Observer,
            // CHARTER-15: not all of the holders are platforms.
            _ if last_holder == Some(&number_of(node)) => MemberRole::KeyHolder,
            _ => MemberRole::Platform,
        }
    }

    fn signed(&self, charter: &Charter) -> SignedCharter {
        let mut signed = SignedCharter::unsigned(charter);
        for key in self.stewards.values().take(2) {
            signed.sign(key);
        }
        signed
    }

    fn member(&self, node: u32) -> Member {
        let uscc = credit_code(node);
        Member {
            number: number_of(node),
            slug: format!("member-{}", node + 1),
            legal_name: format!("成员{}", node + 1),
            controller: self.controller(node),
            uscc,
            role: self.role(node),
            state: MemberState::Active,
            feed_keys: vec![FeedKey::new(self.feed_keys[node as usize][0].public(), Timestamp(0))],
            nodes: vec![Node { key: self.node_key(node), addresses: Vec::new() }],
            seal_key: [node as u8; 32],
            sealed_seeds: Vec::new(),
            cuts: Vec::new(),
            successions: Vec::new(),
        }
    }
}

/// The member's number of a node.
pub fn number_of(node: u32) -> MemberNumber {
    // A charter holds 1,000 members at the most.
    MemberNumber(u16::try_from(node + 1).unwrap_or(u16::MAX))
}

/// The node of a member's number.
pub fn node_of_member(member: MemberNumber) -> u32 {
    u32::from(member.0).saturating_sub(1)
}

/// A credit code that holds: of the 31 check characters of GB 32100-2015 exactly one does.
pub fn credit_code(number: u32) -> String {
    const CHECK_CHARACTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let with = |check: char| format!("91110108MA{number:07}{check}");
    let holds = |code: &String| Subject::parse(Class::Ent, code).is_ok_and(|subject| subject.canonical() == code);
    // With none of them the charter is refused by its own rules.
    CHECK_CHARACTERS.chars().map(with).find(holds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charter_of_a_thousand_members_holds_and_grows() {
        let alliance = Alliance::new(3, 1000, 17..18);
        let mut chain = alliance.found(999).unwrap();
        assert_eq!(chain.current().publishers().count(), 998);
        assert_eq!(chain.extend(alliance.admitting(&chain, 999, EPOCH)), Ok(true));
        assert_eq!(chain.current().members.len(), 1000);
    }
}
