//! Founding an alliance, and the steward's side of joining.

use std::sync::Arc;

use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    charter::{
        Charter, CharterError, FeedKey, Level, Member, MemberRole, MemberState, Node as NodeEntry, Policy, SealedSeed,
        SignedCharter, Steward, TokenKey,
    },
    join::{Invitation, JoinAnswer, JoinRefusal, JoinRequest, Newcomer},
    replica::Peer,
    signed::{Signed, Signer},
    subject::Class,
    suite::{
        Suite,
        keyed::{SealContext, SealError, Seed},
    },
};
use arc_swap::ArcSwap;
use libp2p::Multiaddr;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{driver::Message, newcomer::newcomer, view::View};
use crate::{
    clock,
    keys::Keys,
    network::Door,
    profile::Profile,
    random,
    storage::{InvitationRecord, StorageError, Store},
};

/// The first epoch of suite-1 seeds.
const FIRST_EPOCH: u16 = 1;

/// How long a charter holds unless a successor comes: five years, the longest term of any entry.
const CHARTER_TERM_SECONDS: u64 = 5 * 365 * 86_400;

/// What founding an alliance needs to know.
#[derive(Clone, Debug)]
pub struct Founding {
    /// The name in Chinese.
    pub name_zh: String,
    /// The name in English.
    pub name_en: String,
    /// How far it reaches.
    pub level: Level,
    /// Where.
    pub region: Option<u32>,
    /// The numbers that it sets for itself.
    pub policy: Policy,
    /// The classes that get a token key.
    pub classes: Vec<Class>,
}

/// Why an alliance was not founded or a member not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The charter does not hold.
    #[error("the charter would not hold: {0}")]
    Charter(#[from] CharterError),
    /// A seal key is unusable.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A key is missing.
    #[error(transparent)]
    Key(#[from] crate::keys::KeyError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The node is no steward's.
    #[error("this node holds no steward key of the alliance; run the command on a steward's node")]
    NotASteward,
    /// The short name is taken or malformed. It is not repeated: what was typed there by mistake may be an identifier.
    #[error("this short name is taken or malformed; choose 2 to 32 characters of a-z, 0-9 and hyphen")]
    Slug,
    /// More stewards must sign.
    #[error(
        "this charter needs {0} stewards to sign each change; make a proposal (antibrush alliance propose, for a newcomer antibrush alliance propose admit FILE, for token keys --out FILE), gather their signatures (antibrush alliance sign) and publish it (antibrush alliance publish)"
    )]
    NeedsQuorum(u8),
    /// The node stops.
    #[error("the node is stopping; try again when it runs")]
    Stopping,
}

/// Makes the first charter, with the founder as only steward and member.
pub fn found(
    founding: &Founding,
    profile: &Profile,
    keys: &Keys,
    addresses: &[Multiaddr],
    now: Timestamp,
) -> Result<SignedCharter, AdmitError> {
    let number = MemberNumber(1);
    let (founding_nonce, seed) = (random::bytes(), Seed(random::bytes()));
    let mut member = new_member(number, &newcomer(profile, keys, addresses)?, profile.role, now);
    member.sealed_seeds = vec![seal(&seed, &member.seal_key, &founding_nonce, number)?];
    let mut classes = founding.classes.clone();
    classes.sort_unstable();
    classes.dedup();
    let token_key = |class: Class| TokenKey {
        class,
        epoch: FIRST_EPOCH,
        suite: Suite::Keyed,
        threshold: 1,
        holders: 1,
        public_keys: vec![seed.commitment(&founding_nonce, class, FIRST_EPOCH)],
        members: Vec::new(),
        retired: None,
    };
    let charter = Charter {
        number: 1,
        previous: None,
        alliance: None,
        founding_nonce,
        name_zh: founding.name_zh.clone(),
        name_en: founding.name_en.clone(),
        level: founding.level,
        region: founding.region,
        stewards: vec![Steward { member: number, key: keys.steward()?.public() }],
        threshold: 1,
        members: vec![member],
        token_keys: classes.into_iter().map(token_key).collect(),
        holding: None,
        policy: founding.policy.clone(),
        issued: now,
        expires: now.plus(CHARTER_TERM_SECONDS),
    };
    let mut signed = SignedCharter::unsigned(&charter);
    signed.sign(keys.steward()?);
    antibrush_protocol::charter::CharterChain::found(signed.clone(), None)?;
    Ok(signed)
}

/// An invitation, ready to be handed over.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The line of text.
    pub text: String,
    /// For whom.
    pub slug: String,
    /// As what.
    pub role: MemberRole,
    /// Until when.
    pub expires: Timestamp,
}

/// Admits newcomers on a steward's node.
pub struct Admitter {
    /// This node's own key.
    pub(super) node: Peer,
    pub(super) keys: Arc<Keys>,
    pub(super) store: Arc<Store>,
    pub(super) view: Arc<ArcSwap<View>>,
    pub(super) core: mpsc::Sender<Message>,
    pub(super) addresses: Vec<Multiaddr>,
    /// One admission at a time: each makes the next charter version.
    pub(super) one_at_a_time: Mutex<()>,
}

impl Admitter {
    /// Makes an invitation for one newcomer.
    pub async fn invite(&self, slug: &str, role: MemberRole, valid_seconds: u64) -> Result<Invited, AdmitError> {
        let _one = self.one_at_a_time.lock().await;
        let view = self.view.load_full();
        self.require_steward(&view)?;
        if !antibrush_protocol::charter::is_slug(slug) || view.charter().member_by_slug(slug).is_some() {
            return Err(AdmitError::Slug);
        }
        let secret: [u8; 16] = random::bytes();
        let expires = clock::wall().plus(valid_seconds);
        let record = InvitationRecord { slug: slug.to_owned(), role, expires, used_by: None, signed: None };
        self.put_invitation(&view, secret, record).await
    }

    /// Makes an invitation for the node of an applicant whom a charter admits, or will once enough stewards have signed it.
    pub(super) async fn invite_applicant(
        &self,
        view: &View,
        (slug, role): (&str, MemberRole),
        node: Peer,
        (signed, valid_seconds): (usize, u64),
    ) -> Result<Invited, AdmitError> {
        let record = InvitationRecord {
            slug: slug.to_owned(),
            role,
            expires: clock::wall().plus(valid_seconds),
            used_by: Some(node),
            signed: Some(u8::try_from(signed).unwrap_or(u8::MAX)),
        };
        self.put_invitation(view, random::bytes(), record).await
    }

    async fn put_invitation(
        &self,
        view: &View,
        secret: [u8; 16],
        record: InvitationRecord,
    ) -> Result<Invited, AdmitError> {
        let (store, kept) = (self.store.clone(), record.clone());
        blocking(move || store.put_invitation(&hash(&secret), &kept)).await??;
        self.set_door_alone().await?;
        let InvitationRecord { slug, role, expires, .. } = record;
        let invitation = Invitation {
            alliance: view.chain.alliance(),
            node: self.node,
            addresses: self.addresses.iter().map(ToString::to_string).collect(),
            secret,
            expires,
        };
        Ok(Invited { text: invitation.to_text(), slug, role, expires })
    }

    /// Remembers how many stewards have signed the charter that admits these nodes, so that they hear it when they ask.
    pub(super) async fn note_signatures(&self, nodes: Vec<Peer>, have: usize) -> Result<(), AdmitError> {
        let have = u8::try_from(have).unwrap_or(u8::MAX);
        let store = self.store.clone();
        let note = move || -> Result<(), StorageError> {
            for (secret, record) in store.invitations()? {
                let is_theirs = record.used_by.is_some_and(|node| nodes.contains(&node));
                if is_theirs && record.signed.is_some_and(|signed| signed < have) {
                    store.put_invitation(&secret, &InvitationRecord { signed: Some(have), ..record })?;
                }
            }
            Ok(())
        };
        Ok(blocking(note).await??)
    }

    /// Opens or closes the door as the invitations say now.
    pub async fn set_door(&self) -> Result<(), AdmitError> {
        // Between reading and telling nobody may invite: the door would close on a fresh invitation.
        let _one = self.one_at_a_time.lock().await;
        self.set_door_alone().await
    }

    async fn set_door_alone(&self) -> Result<(), AdmitError> {
        let (store, charter, now) = (self.store.clone(), self.view.load().charter().clone(), clock::wall());
        let door = blocking(move || door(&store, &charter, now)).await??;
        self.core.send(Message::Door(door)).await.map_err(|_| AdmitError::Stopping)
    }

    /// Judges a newcomer's request and, if it holds, makes the charter that admits it.
    pub async fn answer(&self, from: Peer, envelope: &[u8]) -> JoinAnswer {
        let _one = self.one_at_a_time.lock().await;
        match self.try_admit(from, envelope).await {
            Ok(answer) => answer,
            Err(reason) => {
                tracing::warn!(reason = reason.code(), "a newcomer was refused");
                JoinAnswer::Refused(reason)
            }
        }
    }

    async fn try_admit(&self, from: Peer, envelope: &[u8]) -> Result<JoinAnswer, JoinRefusal> {
        let request = Signed::<JoinRequest>::decode(envelope).map_err(|_| JoinRefusal::Malformed)?;
        let wish = request.payload();
        // The signature proves the feed key, the noise session the node key.
        if request.key() != wish.newcomer.feed_key || wish.newcomer.node_key != from {
            return Err(JoinRefusal::Malformed);
        }
        let view = self.view.load_full();
        // CHARTER-14: nobody would take a charter of tomorrow before its time, the newcomer included.
        if view.wrong_clock(clock::now()).is_some() {
            return Err(JoinRefusal::TryAgain);
        }
        let (store, key) = (self.store.clone(), hash(&wish.secret));
        let record = blocking(move || store.invitation(&key)).await.ok().and_then(Result::ok).flatten();
        let record = record.ok_or(JoinRefusal::UnknownInvitation)?;
        let already = view.charter().member_of_node(&from).is_some();
        match record.used_by {
            // The answer got lost, or did not hold all charters: the same newcomer asks again.
            Some(used) if used == from && already => return self.charters(wish.from).await,
            Some(used) if used != from && record.signed.is_some() => return Err(JoinRefusal::OtherName),
            Some(used) if used != from => return Err(JoinRefusal::Used),
            _ => {}
        }
        if clock::wall() >= record.expires {
            return Err(JoinRefusal::Expired);
        }
        if let Some(have) = record.signed {
            return Ok(JoinAnswer::Pending { have, need: view.charter().threshold });
        }
        self.require_steward(&view).map_err(|error| match error {
            AdmitError::NeedsQuorum(_) => JoinRefusal::NeedsQuorum,
            _ => JoinRefusal::NotASteward,
        })?;
        if record.slug != wish.newcomer.slug {
            return Err(JoinRefusal::OtherName);
        }
        let charter = self.next_charter(&view, &wish.newcomer, record.role).map_err(|_| JoinRefusal::Conflict)?;
        // Used before it takes effect: a crash in between costs the newcomer a repeated question, never a second member.
        let used = InvitationRecord { used_by: Some(from), ..record };
        let store = self.store.clone();
        let kept = blocking(move || store.put_invitation(&key, &used)).await;
        if !matches!(kept, Ok(Ok(()))) {
            return Err(JoinRefusal::TryAgain);
        }
        let (reply, outcome) = oneshot::channel();
        self.core.send(Message::Charter { charter, reply }).await.map_err(|_| JoinRefusal::TryAgain)?;
        match outcome.await {
            Ok(Ok(())) => {}
            _ => return Err(JoinRefusal::Conflict),
        }
        self.set_door_alone().await.map_err(|_| JoinRefusal::TryAgain)?;
        self.charters(wish.from).await
    }

    /// The number of the newest charter, and those from a number on that fit into one answer.
    async fn charters(&self, from: u64) -> Result<JoinAnswer, JoinRefusal> {
        let newest = self.view.load().charter().number;
        let store = self.store.clone();
        let read = blocking(move || store.charter_page(from)).await;
        let charters = read.ok().and_then(Result::ok).filter(|charters| !charters.is_empty());
        Ok(JoinAnswer::Admitted { newest, charters: charters.ok_or(JoinRefusal::Malformed)? })
    }

    /// Makes and signs the next version of the charter with one change, and waits until it is in force here.
    pub async fn amend(&self, change: impl FnOnce(&mut Charter)) -> Result<u64, AdmitError> {
        let change = |charter: &mut Charter| {
            change(charter);
            true
        };
        // Never `None`: this change is always made.
        self.amend_if(change).await?.ok_or(AdmitError::Stopping)
    }

    /// The same for a change that may find the charter in force to be another one than it was meant for: it says whether it
    /// changed anything, and `None` means that there is no new version.
    pub async fn amend_if(&self, change: impl FnOnce(&mut Charter) -> bool) -> Result<Option<u64>, AdmitError> {
        let _one = self.one_at_a_time.lock().await;
        let view = self.view.load_full();
        self.require_steward(&view)?;
        if view.wrong_clock(clock::now()).is_some() {
            return Err(AdmitError::Charter(CharterError::FromTheFuture));
        }
        let mut changed = false;
        let amended = self.amended(&view, |charter| changed = change(charter));
        if !changed {
            return Ok(None);
        }
        let charter = amended?;
        let number = charter.charter().number;
        let (reply, outcome) = oneshot::channel();
        self.core.send(Message::Charter { charter, reply }).await.map_err(|_| AdmitError::Stopping)?;
        outcome.await.map_err(|_| AdmitError::Stopping)??;
        Ok(Some(number))
    }

    /// The next version of the charter, signed by this steward.
    fn amended(&self, view: &View, change: impl FnOnce(&mut Charter)) -> Result<SignedCharter, AdmitError> {
        let mut charter = self.successor(view);
        change(&mut charter);
        let mut signed = SignedCharter::unsigned(&charter);
        signed.sign(self.keys.steward()?);
        view.chain.clone().extend(signed.clone())?;
        Ok(signed)
    }

    /// The next version without a change yet.
    pub(super) fn successor(&self, view: &View) -> Charter {
        let mut charter: Charter = (**view.charter()).clone();
        charter.alliance = Some(view.chain.alliance());
        charter.previous = Some(view.chain.current_id());
        charter.number += 1;
        // A clock that is a little behind must not date a version before its predecessor.
        charter.issued = clock::wall().max(charter.issued);
        charter
    }

    /// Whether this node holds a steward's key.
    pub(super) fn require_key(&self, view: &View) -> Result<(), AdmitError> {
        let key = self.keys.steward().map_err(|_| AdmitError::NotASteward)?.public();
        view.charter().steward(&key).map(|_| ()).ok_or(AdmitError::NotASteward)
    }

    pub(super) fn require_steward(&self, view: &View) -> Result<(), AdmitError> {
        self.require_key(view)?;
        match view.charter().threshold {
            1 => Ok(()),
            more => Err(AdmitError::NeedsQuorum(more)),
        }
    }

    /// The next version, with the newcomer in it, signed by this steward.
    fn next_charter(&self, view: &View, newcomer: &Newcomer, role: MemberRole) -> Result<SignedCharter, AdmitError> {
        let number = MemberNumber(view.charter().members.iter().map(|member| member.number.0).max().unwrap_or(0) + 1);
        let mut member = new_member(number, newcomer, role, clock::wall());
        if role.may_derive() {
            member.sealed_seeds = self.reseal(view, &newcomer.seal_key, number)?;
        }
        self.amended(view, |charter| charter.members.push(member))
    }

    /// Opens our own sealed seeds and seals them to the newcomer.
    pub(super) fn reseal(
        &self,
        view: &View,
        seal_key: &[u8; 32],
        number: MemberNumber,
    ) -> Result<Vec<SealedSeed>, AdmitError> {
        let (charter, me) = (view.charter(), view.member().ok_or(AdmitError::NotASteward)?);
        let reseal = |own: &SealedSeed| {
            let context =
                SealContext { founding_nonce: &charter.founding_nonce, epoch: own.epoch, member: me.number.0 };
            let seed = Seed::open(&own.sealed, self.keys.seal()?.secret(), &context)?;
            let context = SealContext { member: number.0, ..context };
            Ok(SealedSeed { epoch: own.epoch, sealed: seed.seal(seal_key, &context, random::bytes())? })
        };
        me.sealed_seeds.iter().map(reseal).collect()
    }
}

/// The state of the door: open while an invitation lives that made nobody a member yet.
fn door(store: &Store, charter: &Charter, now: Timestamp) -> Result<Door, StorageError> {
    let is_open = |record: &InvitationRecord| {
        now < record.expires && record.used_by.is_none_or(|node| charter.member_of_node(&node).is_none())
    };
    let open = store.invitations()?.iter().any(|(_, record)| is_open(record));
    Ok(if open { Door::OpenForJoining } else { Door::Closed })
}

fn seal(
    seed: &Seed,
    seal_key: &[u8; 32],
    founding_nonce: &[u8; 32],
    member: MemberNumber,
) -> Result<SealedSeed, AdmitError> {
    let context = SealContext { founding_nonce, epoch: FIRST_EPOCH, member: member.0 };
    Ok(SealedSeed { epoch: FIRST_EPOCH, sealed: seed.seal(seal_key, &context, random::bytes())? })
}

pub(super) fn new_member(number: MemberNumber, newcomer: &Newcomer, role: MemberRole, now: Timestamp) -> Member {
    let feed_keys = if role.signs() {
        // A day of grace: the member's clock may be behind the steward's.
        vec![FeedKey::new(newcomer.feed_key, Timestamp(now.0.saturating_sub(86_400)))]
    } else {
        Vec::new()
    };
    Member {
        number,
        slug: newcomer.slug.clone(),
        legal_name: newcomer.legal_name.clone(),
        uscc: newcomer.uscc.clone(),
        controller: newcomer.controller.clone(),
        role,
        state: MemberState::Active,
        feed_keys,
        nodes: vec![node_entry(newcomer)],
        seal_key: newcomer.seal_key,
        sealed_seeds: Vec::new(),
        cuts: Vec::new(),
        successions: Vec::new(),
    }
}

/// The newcomer's node, with those of its addresses that can be dialled.
pub(super) fn node_entry(newcomer: &Newcomer) -> NodeEntry {
    let addresses = newcomer.addresses.iter().filter_map(|text| text.parse::<Multiaddr>().ok());
    NodeEntry { key: newcomer.node_key, addresses: addresses.map(|address| address.to_string()).collect() }
}

fn hash(secret: &[u8; 16]) -> Hash {
    Sha256::digest(secret).into()
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AdmitError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| AdmitError::Stopping)
}
