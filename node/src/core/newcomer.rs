//! Newcomers by file: an application travels to a steward by mail, and the charter admits it, whether one signature suffices
//! or several are gathered. A further node of a member comes the same way.

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    charter::{Change, ChangeError, Charter, Member, SignedCharter},
    join::{Application, Newcomer},
    replica::Peer,
    signed::{self, Signed, Signer},
};
use libp2p::Multiaddr;
use tokio::sync::oneshot;

use super::{
    AdmitError, Admitter, GovernError, Invited, Reviewed, View,
    admit::{new_member, node_entry},
    driver::Message,
    govern::{APPLICATION, armour, unarmour},
};
use crate::{
    clock,
    keys::{KeyError, Keys},
    profile::Profile,
};

/// How long an invitation lives that goes with a proposal: signatures travel by mail.
const PROPOSED_SECONDS: u64 = 30 * 86_400;

/// Who this node is, for those who let it in.
pub fn newcomer(profile: &Profile, keys: &Keys, addresses: &[Multiaddr]) -> Result<Newcomer, KeyError> {
    Ok(Newcomer {
        slug: profile.slug.clone(),
        legal_name: profile.legal_name.clone(),
        uscc: profile.uscc.clone(),
        controller: profile.controller.clone(),
        feed_key: keys.feed()?.public(),
        node_key: keys.node()?.public(),
        seal_key: keys.seal()?.public(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
    })
}

/// Makes the text of an application's file, signed by the feed key.
pub fn apply_for(profile: &Profile, keys: &Keys, addresses: &[Multiaddr]) -> Result<String, AdmitError> {
    let application = Application { role: profile.role, newcomer: newcomer(profile, keys, addresses)? };
    Ok(armour(APPLICATION, signed::sign(&application, keys.feed()?).envelope()))
}

/// The change that lets an applicant in: as a member, or as a further node of the member named.
pub fn admission(view: &View, file: &str, node_of: Option<&str>) -> Result<Change, GovernError> {
    let application = read(file)?;
    let (Application { role, newcomer }, now) = (application.payload(), clock::wall());
    let Some(slug) = node_of else {
        // The charter gives the number.
        return Ok(Change::Admit(Box::new(new_member(MemberNumber(0), newcomer, *role, now))));
    };
    let member = view.charter().member_by_slug(slug).ok_or(GovernError::NoSuchMember)?;
    // Whoever has the feed key signed the application with it; the seal key opens what is sealed to the member.
    if member.seal_key != newcomer.seal_key || !has_feed_key(member, &newcomer.feed_key, now) {
        return Err(ChangeError::OtherKeys(member.number).into());
    }
    Ok(Change::AddNode(member.number, node_entry(newcomer)))
}

fn has_feed_key(member: &Member, key: &[u8; 32], now: Timestamp) -> bool {
    member.feed_keys.is_empty() || member.signs_with(key, now)
}

fn read(file: &str) -> Result<Signed<Application>, GovernError> {
    let bytes = unarmour(APPLICATION, file).ok_or(GovernError::NotAnApplication)?;
    let application = Signed::<Application>::decode(&bytes).map_err(|_| GovernError::NotAnApplication)?;
    if application.key() == application.payload().newcomer.feed_key {
        Ok(application)
    } else {
        Err(GovernError::NotAnApplication)
    }
}

impl Admitter {
    /// Lets an applicant in at once, where one steward's signature suffices, and makes an invitation for its node alone. The number of the
    /// charter that has it. An applicant that is in already gets another invitation.
    pub async fn admit(
        &self,
        file: &str,
        node_of: Option<&str>,
        valid_seconds: u64,
    ) -> Result<(Invited, u64), GovernError> {
        let _one = self.one_at_a_time.lock().await;
        let view = self.view.load_full();
        let application = read(file)?;
        let a = application.payload();
        self.require_key(&view)?;
        if view.charter().member_of_node(&a.newcomer.node_key).is_none() {
            self.require_steward(&view)?;
            let change = admission(&view, file, node_of)?;
            if view.wrong_clock(clock::now()).is_some() {
                return Err(AdmitError::Charter(antibrush_protocol::charter::CharterError::FromTheFuture).into());
            }
            let mut charter = SignedCharter::unsigned(&self.changed(&view, &[change])?);
            charter.sign(self.keys.steward().map_err(AdmitError::from)?);
            view.chain.clone().extend(charter.clone()).map_err(AdmitError::from)?;
            let (reply, outcome) = oneshot::channel();
            self.core.send(Message::Charter { charter, reply }).await.map_err(|_| AdmitError::Stopping)?;
            outcome.await.map_err(|_| AdmitError::Stopping)?.map_err(AdmitError::from)?;
        }
        let view = self.view.load_full();
        let member = view.charter().member_of_node(&a.newcomer.node_key).ok_or(AdmitError::Stopping)?;
        let whom = (member.slug.as_str(), member.role);
        let invited = self.invite_applicant(&view, whom, a.newcomer.node_key, (1, valid_seconds)).await?;
        Ok((invited, view.charter().number))
    }

    /// The next charter with these changes, not signed yet.
    pub(super) fn changed(&self, view: &View, changes: &[Change]) -> Result<Charter, GovernError> {
        let mut charter = self.successor(view);
        for change in changes {
            change.apply(&mut charter)?;
            let needs_seeds = match change {
                Change::Role(number, _) => charter.members.iter().position(|member| member.number == *number),
                Change::Admit(_) => charter.members.len().checked_sub(1),
                _ => None,
            };
            if let Some(member) = needs_seeds.map(|at| &mut charter.members[at])
                && member.role.may_derive()
                && member.sealed_seeds.is_empty()
            {
                member.sealed_seeds = self.reseal(view, &member.seal_key, member.number)?;
            }
        }
        Ok(charter)
    }

    /// An invitation for the node that a proposal brings in, if a steward's node made it: it joins once the charter has it.
    pub(super) async fn invite_proposed(
        &self,
        view: &View,
        reviewed: &Reviewed,
    ) -> Result<Option<Invited>, GovernError> {
        let Some((member, node)) = newcomers(view.charter(), reviewed.proposal.charter()).next() else {
            return Ok(None);
        };
        if self.require_key(view).is_err() {
            return Ok(None);
        }
        let _one = self.one_at_a_time.lock().await;
        let whom = (member.slug.as_str(), member.role);
        Ok(Some(self.invite_applicant(view, whom, node, (reviewed.have(), PROPOSED_SECONDS)).await?))
    }

    /// Remembers what this node has seen signed of a proposal that brings nodes in.
    pub(super) async fn note(&self, view: &View, reviewed: &Reviewed) {
        let nodes: Vec<Peer> = newcomers(view.charter(), reviewed.proposal.charter()).map(|(_, node)| node).collect();
        if nodes.is_empty() {
            return;
        }
        if let Err(error) = self.note_signatures(nodes, reviewed.have()).await {
            tracing::warn!(%error, "how many have signed could not be kept for the newcomer");
        }
    }
}

/// The nodes that one charter has and the one before has not, with their members.
fn newcomers<'c>(old: &'c Charter, new: &'c Charter) -> impl Iterator<Item = (&'c Member, Peer)> {
    let nodes = new.members.iter().flat_map(|member| member.nodes.iter().map(move |node| (member, node.key)));
    nodes.filter(|(member, key)| old.member(member.number).is_none_or(|old| old.node(key).is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_application_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let roles = [crate::keys::KeyRole::Feed, crate::keys::KeyRole::Node, crate::keys::KeyRole::Seal];
        let protection = crate::keys::Protection::InClearDangerously;
        let keys = crate::keys::KeyStore::create(directory.path(), &roles, &protection).unwrap();
        let role = antibrush_protocol::charter::MemberRole::Observer;
        let profile = Profile::new("jd", "示例", "91350100M000100Y43", None, role).unwrap();
        let text = apply_for(&profile, &keys, &[]).unwrap();
        let application = read(&text.replace('\n', "\r\n")).unwrap();
        assert_eq!((application.payload().newcomer.slug.as_str(), application.payload().role), ("jd", role));
        let mut foreign = application.payload().clone();
        foreign.newcomer.feed_key = [9; 32];
        let foreign = armour(APPLICATION, signed::sign(&foreign, keys.feed().unwrap()).envelope());
        for broken in [&text[..text.len() - 9], &text.replace("v1", "v2"), "", &foreign] {
            assert!(matches!(read(broken), Err(GovernError::NotAnApplication)), "{broken}");
        }
    }
}
