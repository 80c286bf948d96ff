//! What a charter proposal may change, applied to a copy of the charter in force. Pure: who may decide it is asked of the
//! quorums, and whether the result holds of [`super::CharterChain`].

use std::collections::BTreeSet;

use super::{
    Charter, Cut, FeedKey, Holding, Member, MemberRole, MemberState, Node, SignedSuccession, Stands, Steward, TokenKey,
    is_slug, member::FEED_KEYS, succession,
};
use crate::{
    base::{MemberNumber, Timestamp},
    limits,
    signed::{self, PublicKey},
    subject::{Class, Subject},
    witness,
};

/// The longest term of a charter: five years, the longest term of any entry.
pub const LONGEST_TERM_SECONDS: u64 = 5 * 365 * 86_400;

/// One change of a charter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A newcomer becomes a member; it gets the next number.
    Admit(Box<Member>),
    /// A node more for a member. It comes last: the first one goes on signing in the member's name.
    AddNode(MemberNumber, Node),
    /// A node of a member goes.
    RemoveNode(MemberNumber, PublicKey),
    /// A node of a member listens elsewhere; nowhere if it only dials out.
    Addresses(MemberNumber, PublicKey, Vec<String>),
    /// The member is suspended; its steward keys go.
    Suspend(MemberNumber),
    /// The member is active again. It is the way back for an expelled one, too: its number and credit code stay its own, so
    /// it can not be admitted a second time.
    Reinstate(MemberNumber),
    /// The member is expelled; its steward keys go.
    Expel(MemberNumber),
    /// The member gets another role.
    Role(MemberNumber, MemberRole),
    /// Numbers of the policy; those that are absent stay.
    Policy(PolicyChange),
    /// A steward key more.
    AddSteward(Steward),
    /// The steward keys of a member go, or the one named.
    RemoveSteward(MemberNumber, Option<PublicKey>),
    /// How many stewards under different control must sign.
    Threshold(u8),
    /// The charter holds until then.
    Renew(Timestamp),
    /// Who holds shares of the next keys, and how much a holder evaluates.
    Holding(Holding),
    /// Token keys that a ceremony made, or renewed the shares of.
    TokenKeys(Vec<TokenKey>),
    /// A token key makes no tokens any more.
    Retire(Class, u16),
    /// A feed key was lost or stolen: it signs nothing any more, and what was signed after `stands` is void.
    Revoke {
        /// Whose.
        member: MemberNumber,
        /// Which; the newest that is not revoked if absent.
        key: Option<PublicKey>,
        /// The last good head.
        stands: Stands,
        /// The key with which the feed goes on; without one it stands still.
        successor: Option<PublicKey>,
    },
    /// A key of a member hands over to its successor.
    Rotate(Box<SignedSuccession>),
    /// A feed stands up to a head and goes on after it: of two histories the stewards chose one.
    Cut(MemberNumber, Stands),
}

/// The policy numbers that change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// How many members must list the same conduct.
    pub corroboration: Option<u8>,
    /// The default term of a listing, in days.
    pub term_days: Option<u16>,
    /// The term of a mobile number, in days.
    pub mobile_term_days: Option<u16>,
    /// Whether answers name the listing members.
    pub names_publishers: Option<bool>,
    /// Under how many different controls a head must be witnessed before its entries take effect.
    pub witnesses: Option<u8>,
    /// Whether payment accounts may be listed.
    pub payment_accounts: Option<bool>,
    /// Whether measure M09 may be recorded.
    pub financial_measures: Option<bool>,
}

/// Why a change can not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It is so already.
    #[error("the charter in force says so already; there is nothing to change")]
    AlreadySo,
    /// No such member.
    #[error("the charter has no member {0}; look at antibrush alliance members")]
    NoSuchMember(MemberNumber),
    /// Somebody is there already.
    #[error(
        "member {0} has this short name, this credit code or one of these keys already; a further node of a member is added with --node-of"
    )]
    Exists(MemberNumber),
    /// The form of a newcomer.
    #[error(
        "the applicant's short name or a credit code is malformed, or a key is weak; it makes its join request again"
    )]
    Applicant,
    /// The alliance is full.
    #[error("a charter holds at most {} members", limits::MEMBERS)]
    TooManyMembers,
    /// A node has all keys of its member but the node key.
    #[error(
        "the applicant has not the feed key and the seal key of member {0}; a further node is made with copies of them (antibrush init --feed-key FILE --seal-key FILE)"
    )]
    OtherKeys(MemberNumber),
    /// The node list is full.
    #[error(
        "member {0} has as many nodes as a charter holds of one member; remove one first (antibrush alliance propose node remove)"
    )]
    TooManyNodes(MemberNumber),
    /// No such node.
    #[error("member {0} has no node with this PeerId; antibrush alliance members --json shows them")]
    NoSuchNode(MemberNumber),
    /// Not addresses that a charter may hold.
    #[error(
        "a node has at most {} addresses of at most {} bytes, each a multiaddress that names a host and not the peer, as /ip4/192.0.2.7/tcp/7001",
        limits::ADDRESSES,
        limits::ADDRESS_BYTES
    )]
    Addresses,
    /// The last node.
    #[error("this is the only node of member {0}; add another one first, or suspend the member")]
    LastNode(MemberNumber),
    /// A steward is an active member.
    #[error("member {0} is not active; reinstate it before it becomes a steward")]
    NotActive(MemberNumber),
    /// A steward key is weak or in use.
    #[error(
        "this key is weak or in the charter already; take what antibrush alliance steward-key prints on the steward's node"
    )]
    StewardKey,
    /// No such steward.
    #[error("member {0} holds no such steward key; look at antibrush alliance members")]
    NoSuchSteward(MemberNumber),
    /// The list is full.
    #[error("a charter holds at most {} steward keys; remove one first", limits::CHARTER_SIGNATURES)]
    TooManyStewards,
    /// The threshold could not be reached any more.
    #[error(
        "the stewards left would be under {entities} different controllers and {threshold} must sign; lower the threshold or add a steward first"
    )]
    Unreachable {
        /// How many must sign.
        threshold: u8,
        /// How many could.
        entities: usize,
    },
    /// More witnesses than there could be: a feed's entries would never take effect.
    #[error(
        "the policy would ask for {witnesses} witnesses, and only members under {most} different controls besides the publisher's could be; lower witnesses first (antibrush alliance propose policy --witnesses {most})"
    )]
    TooFewWitnesses {
        /// How many the policy asks for.
        witnesses: u8,
        /// The largest number that every feed could reach.
        most: usize,
    },
    /// The threshold is zero.
    #[error("at least one steward must sign; choose a threshold of 1 or more")]
    NoThreshold,
    /// The member is to hold shares of the next keys.
    #[error("member {0} is named as a key holder; name other holders first (antibrush keys holders)")]
    Holder(MemberNumber),
    /// The role signs and the member has no feed key.
    #[error("member {0} has no feed key, which the new role needs; let it join anew in that role")]
    RoleNeedsKey(MemberNumber),
    /// An observer has no feed.
    #[error("member {0} has a feed, and an observer must have none; suspend it instead")]
    RoleHasFeed(MemberNumber),
    /// A policy number is out of range.
    #[error(
        "a policy number is out of range: corroboration 1 to 16, term 1 to 1825 days, term of mobile numbers 1 to 180 days, witnesses 0 to 16"
    )]
    Policy,
    /// Not a key of that member, or revoked already.
    #[error("member {0} has no such feed key, or it is revoked already; look at antibrush alliance members")]
    NoSuchFeedKey(MemberNumber),
    /// A feed key is weak or in use.
    #[error("this feed key is weak or in the charter already; take the one that the member's node made")]
    FeedKey,
    /// The list of decisions is full.
    #[error(
        "a member's feed is cut at most {} times; expel the member and admit it under another number",
        super::cut::CUTS
    )]
    TooManyCuts,
    /// The signatures of a succession do not hold, or it is another alliance's.
    #[error(
        "the succession of member {0} is not signed by both keys, or is another alliance's; the member makes the file again (antibrush alliance rotate-key)"
    )]
    Succession(MemberNumber),
    /// A succession names a key that is not in use, or one that is not is revoked in favour of another.
    #[error(
        "the key that another one is to follow is not the one in use at member {0}; have the member make its file again (antibrush alliance rotate-key), or revoke the former key without a successor"
    )]
    NotThePresentKey(MemberNumber),
    /// The lists of keys are full.
    #[error("member {0} has changed its keys as often as a charter holds; admit it anew under another number")]
    TooManyKeys(MemberNumber),
    /// A key that is to succeed is weak or in use.
    #[error("the new key of member {0} is weak or in the charter already; the member makes another one")]
    SuccessorKey(MemberNumber),
    /// The member publishes nothing.
    #[error("member {0} publishes no feed, so there is nothing to decide about one")]
    NoFeed(MemberNumber),
    /// The term is in the past or too long.
    #[error("a charter must hold beyond today and for at most five years; choose another term")]
    Term,
}

impl Change {
    /// Makes the change. `charter.issued` must be the new version's; after an error the charter is as good as lost.
    pub fn apply(&self, charter: &mut Charter) -> Result<(), ChangeError> {
        match self {
            Change::Holding(holding) => set(&mut charter.holding, Some(holding.clone())),
            Change::TokenKeys(keys) => put_token_keys(charter, keys),
            Change::Retire(class, epoch) => {
                let retired = Some(charter.issued);
                let key = charter.token_keys.iter_mut().find(|key| (key.class, key.epoch) == (*class, *epoch));
                key.filter(|key| key.is_active()).ok_or(ChangeError::AlreadySo)?.retired = retired;
                Ok(())
            }
            Change::Admit(newcomer) => admit(charter, newcomer),
            Change::AddNode(number, node) => add_node(charter, *number, node),
            Change::RemoveNode(number, key) => remove_node(charter, *number, key),
            Change::Addresses(number, key, addresses) => set_addresses(charter, *number, key, addresses),
            Change::Suspend(number) => leave(charter, *number, MemberState::Suspended),
            Change::Expel(number) => leave(charter, *number, MemberState::Expelled),
            Change::Reinstate(number) => set(&mut member(charter, *number)?.state, MemberState::Active),
            Change::Role(number, role) => change_role(charter, *number, *role),
            Change::Policy(change) => change_policy(charter, change),
            Change::AddSteward(steward) => add_steward(charter, steward),
            Change::RemoveSteward(number, key) => {
                let before = charter.stewards.len();
                let goes = |s: &Steward| s.member == *number && key.is_none_or(|key| s.key == key);
                charter.stewards.retain(|steward| !goes(steward));
                if charter.stewards.len() == before {
                    return Err(ChangeError::NoSuchSteward(*number));
                }
                reachable(charter)
            }
            Change::Threshold(0) => Err(ChangeError::NoThreshold),
            Change::Threshold(threshold) => {
                set(&mut charter.threshold, *threshold)?;
                reachable(charter)
            }
            Change::Renew(expires) => {
                let longest = charter.issued.plus(LONGEST_TERM_SECONDS);
                if *expires <= charter.issued || *expires > longest {
                    return Err(ChangeError::Term);
                }
                set(&mut charter.expires, *expires)
            }
            Change::Revoke { member, key, stands, successor } => {
                revoke(charter, *member, *key, stands, successor.as_ref())
            }
            Change::Rotate(signed) => rotate(charter, signed),
            Change::Cut(number, stands) => {
                if !member(charter, *number)?.role.publishes() {
                    return Err(ChangeError::NoFeed(*number));
                }
                cut(charter, *number, stands)
            }
        }
    }
}

fn member(charter: &mut Charter, number: MemberNumber) -> Result<&mut Member, ChangeError> {
    let found = charter.members.iter_mut().find(|member| member.number == number);
    found.ok_or(ChangeError::NoSuchMember(number))
}

fn set<T: PartialEq>(place: &mut T, value: T) -> Result<(), ChangeError> {
    if *place == value {
        return Err(ChangeError::AlreadySo);
    }
    *place = value;
    Ok(())
}

fn put_token_keys(charter: &mut Charter, keys: &[TokenKey]) -> Result<(), ChangeError> {
    let before = charter.token_keys.clone();
    for key in keys {
        charter.token_keys.retain(|old| (old.class, old.epoch) != (key.class, key.epoch));
        charter.token_keys.push(key.clone());
    }
    charter.token_keys.sort_by_key(|key| (key.class, key.epoch));
    if charter.token_keys == before { Err(ChangeError::AlreadySo) } else { Ok(()) }
}

/// The member that has a key already, as a feed key, a node key or its steward's.
fn holder_of_key(charter: &Charter, key: &PublicKey) -> Option<MemberNumber> {
    let has = |member: &&Member| {
        member.feed_keys.iter().any(|feed| feed.key == *key)
            || member.nodes.iter().any(|node| node.key == *key)
            || member.former_nodes().any(|(former, _)| former == key)
    };
    charter.members.iter().find(has).map(|member| member.number).or_else(|| charter.steward(key))
}

/// CHARTER-2, with a sentence that says what to do.
fn admit(charter: &mut Charter, newcomer: &Member) -> Result<(), ChangeError> {
    let same = |member: &&Member| member.slug == newcomer.slug || member.uscc == newcomer.uscc;
    let keys = || newcomer.feed_keys.iter().map(|feed| &feed.key).chain(newcomer.nodes.iter().map(|node| &node.key));
    let known = charter.members.iter().find(same).map(|member| member.number);
    if let Some(known) = known.or_else(|| keys().find_map(|key| holder_of_key(charter, key))) {
        return Err(ChangeError::Exists(known));
    }
    let codes = [&newcomer.uscc, &newcomer.controller];
    let sound = codes.iter().all(|code| Subject::parse(Class::Ent, code).is_ok_and(|s| s.canonical() == **code));
    if !sound || !is_slug(&newcomer.slug) || !keys().all(signed::is_admissible) {
        return Err(ChangeError::Applicant);
    }
    let last = charter.members.iter().map(|member| member.number.0).max().unwrap_or(0);
    let number = last.checked_add(1).filter(|_| charter.members.len() < limits::MEMBERS);
    let number = MemberNumber(number.ok_or(ChangeError::TooManyMembers)?);
    charter.members.push(Member { number, ..newcomer.clone() });
    Ok(())
}

fn add_node(charter: &mut Charter, number: MemberNumber, node: &Node) -> Result<(), ChangeError> {
    if let Some(known) = holder_of_key(charter, &node.key) {
        return Err(if known == number { ChangeError::AlreadySo } else { ChangeError::Exists(known) });
    }
    if !signed::is_admissible(&node.key) {
        return Err(ChangeError::Applicant);
    }
    let member = member(charter, number)?;
    if member.nodes.len() >= limits::ADDRESSES {
        return Err(ChangeError::TooManyNodes(number));
    }
    member.nodes.push(node.clone());
    Ok(())
}

fn remove_node(charter: &mut Charter, number: MemberNumber, key: &PublicKey) -> Result<(), ChangeError> {
    let nodes = &mut member(charter, number)?.nodes;
    if !nodes.iter().any(|node| node.key == *key) {
        return Err(ChangeError::NoSuchNode(number));
    }
    if nodes.len() == 1 {
        return Err(ChangeError::LastNode(number));
    }
    nodes.retain(|node| node.key != *key);
    Ok(())
}

fn set_addresses(
    charter: &mut Charter,
    number: MemberNumber,
    key: &PublicKey,
    addresses: &[String],
) -> Result<(), ChangeError> {
    let fits = |address: &String| address.len() <= limits::ADDRESS_BYTES;
    if addresses.len() > limits::ADDRESSES || !addresses.iter().all(fits) {
        return Err(ChangeError::Addresses);
    }
    let node = member(charter, number)?.nodes.iter_mut().find(|node| node.key == *key);
    set(&mut node.ok_or(ChangeError::NoSuchNode(number))?.addresses, addresses.to_vec())
}

/// A member that is not active is no steward (CHARTER-3) and no coming key holder (CHARTER-15).
fn leave(charter: &mut Charter, number: MemberNumber, state: MemberState) -> Result<(), ChangeError> {
    set(&mut member(charter, number)?.state, state)?;
    if is_holder(charter, number) {
        return Err(ChangeError::Holder(number));
    }
    charter.stewards.retain(|steward| steward.member != number);
    reachable(charter)?;
    witnessable(charter)
}

fn change_role(charter: &mut Charter, number: MemberNumber, role: MemberRole) -> Result<(), ChangeError> {
    let holds = is_holder(charter, number);
    let member = member(charter, number)?;
    set(&mut member.role, role)?;
    if role.signs() && member.feed_keys.is_empty() {
        return Err(ChangeError::RoleNeedsKey(number));
    }
    if role == MemberRole::Observer && !member.feed_keys.is_empty() {
        return Err(ChangeError::RoleHasFeed(number));
    }
    if holds && !role.may_hold_shares() {
        return Err(ChangeError::Holder(number));
    }
    if !role.may_derive() {
        member.sealed_seeds.clear();
    }
    witnessable(charter)
}

fn change_policy(charter: &mut Charter, change: &PolicyChange) -> Result<(), ChangeError> {
    let mut policy = charter.policy.clone();
    policy.corroboration = change.corroboration.unwrap_or(policy.corroboration);
    policy.term_days = change.term_days.unwrap_or(policy.term_days);
    policy.mobile_term_days = change.mobile_term_days.unwrap_or(policy.mobile_term_days);
    policy.names_publishers = change.names_publishers.unwrap_or(policy.names_publishers);
    policy.witnesses = change.witnesses.unwrap_or(policy.witnesses);
    policy.payment_accounts = change.payment_accounts.unwrap_or(policy.payment_accounts);
    policy.financial_measures = change.financial_measures.unwrap_or(policy.financial_measures);
    if !policy.is_sane() {
        return Err(ChangeError::Policy);
    }
    set(&mut charter.policy, policy)?;
    witnessable(charter)
}

fn add_steward(charter: &mut Charter, steward: &Steward) -> Result<(), ChangeError> {
    if !member(charter, steward.member)?.is_active() {
        return Err(ChangeError::NotActive(steward.member));
    }
    if charter.stewards.len() >= limits::CHARTER_SIGNATURES {
        return Err(ChangeError::TooManyStewards);
    }
    if !is_free(charter, &steward.key) {
        return Err(ChangeError::StewardKey);
    }
    charter.stewards.push(steward.clone());
    charter.stewards.sort();
    Ok(())
}

/// How long before the charter a new feed key may sign: the member's clock may be behind the steward's.
const GRACE_SECONDS: u64 = 86_400;

fn revoke(
    charter: &mut Charter,
    number: MemberNumber,
    key: Option<PublicKey>,
    stands: &Stands,
    successor: Option<&PublicKey>,
) -> Result<(), ChangeError> {
    if successor.is_some_and(|key| !is_free(charter, key)) {
        return Err(ChangeError::FeedKey);
    }
    let (by, issued) = (charter.number, charter.issued);
    let found = member(charter, number)?;
    let present = found.present_feed_key().map(|present| present.key);
    if successor.is_some() && found.feed_keys.len() >= FEED_KEYS {
        return Err(ChangeError::TooManyKeys(number));
    }
    let next = successor.map(|key| FeedKey::new(*key, Timestamp(issued.0.saturating_sub(GRACE_SECONDS))));
    let Some(which) = key.or(present) else {
        // All of them are revoked, with their cut: only the one with which the feed goes on was missing.
        found.feed_keys.push(next.ok_or(ChangeError::NoSuchFeedKey(number))?);
        return Ok(());
    };
    // CHARTER-20: beside a key that goes on signing nobody brings in another one.
    if next.is_some() && Some(which) != present {
        return Err(ChangeError::NotThePresentKey(number));
    }
    let mut open = found.feed_keys.iter_mut().filter(|known| known.revoked.is_none());
    let revoked = open.find(|known| known.key == which).ok_or(ChangeError::NoSuchFeedKey(number))?;
    // CHARTER-21: an end that is set stays. One that is set now leaves the last good head inside, whose clock may be ahead of ours.
    let until = revoked.until.unwrap_or_else(|| issued.max(stands.issued.plus(1)));
    (revoked.until, revoked.revoked) = (Some(until), Some(by));
    found.feed_keys.extend(next);
    if found.role.publishes() { cut(charter, number, stands) } else { Ok(()) }
}

/// CHARTER-20
fn rotate(charter: &mut Charter, signed: &SignedSuccession) -> Result<(), ChangeError> {
    let number = signed.succession.member;
    let (version, issued, alliance) = (charter.number, charter.issued, charter.alliance);
    let is_free = is_free(charter, &signed.succession.new);
    let member = member(charter, number)?;
    if Some(signed.succession.alliance) != alliance || !signed.holds() {
        return Err(ChangeError::Succession(number));
    }
    if member.successions.iter().any(|known| known.old == signed.succession.old && known.new == signed.succession.new) {
        return Err(ChangeError::AlreadySo);
    }
    if !is_free {
        return Err(ChangeError::SuccessorKey(number));
    }
    if member.successions.len() >= succession::SUCCESSIONS || member.feed_keys.len() >= FEED_KEYS {
        return Err(ChangeError::TooManyKeys(number));
    }
    if succession::record(member, signed, version, issued) {
        Ok(())
    } else {
        Err(ChangeError::NotThePresentKey(number))
    }
}

fn cut(charter: &mut Charter, number: MemberNumber, stands: &Stands) -> Result<(), ChangeError> {
    let made = Cut { charter: charter.number, batches: stands.batches, size: stands.size, head: stands.head };
    let cuts = &mut member(charter, number)?.cuts;
    if cuts.last().is_some_and(|last| last.charter == made.charter) {
        return Err(ChangeError::AlreadySo);
    }
    if cuts.len() >= super::cut::CUTS {
        return Err(ChangeError::TooManyCuts);
    }
    cuts.push(made);
    Ok(())
}

/// Whether a key is admissible and nobody's yet (CHARTER-2, CHARTER-3).
fn is_free(charter: &Charter, key: &PublicKey) -> bool {
    holder_of_key(charter, key).is_none() && signed::is_admissible(key)
}

fn is_holder(charter: &Charter, number: MemberNumber) -> bool {
    charter.holding.as_ref().is_some_and(|holding| holding.members.contains(&number))
}

/// CHARTER-3, before a file is made that nobody could ever put in force.
fn reachable(charter: &Charter) -> Result<(), ChangeError> {
    let controllers = charter.stewards.iter().filter_map(|steward| charter.member(steward.member));
    let entities = controllers.map(|member| member.controller.as_str()).collect::<BTreeSet<_>>().len();
    let threshold = charter.threshold;
    if usize::from(threshold) <= entities { Ok(()) } else { Err(ChangeError::Unreachable { threshold, entities }) }
}

/// WITNESS-9, before entries wait for witnesses that there are not. A revocation is not asked: a stolen key must go at once.
fn witnessable(charter: &Charter) -> Result<(), ChangeError> {
    let (witnesses, most) = (charter.policy.witnesses, witness::most(charter));
    if usize::from(witnesses) <= most { Ok(()) } else { Err(ChangeError::TooFewWitnesses { witnesses, most }) }
}
