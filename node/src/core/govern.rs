//! How the charter changes when more than one steward must agree: proposals are files, signatures are files, and only the
//! quorums put one in force. Any node may make, show and publish a proposal; a steward key signs it, connected or not.

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    charter::{
        Change, ChangeError, CharterSignature, ProposalError, Quorum, SignedCharter, SignedSuccession, Standing,
        Stands, diff, require_steward,
    },
    encoding::Wire,
    signed::Signer,
    writer::{Constituency, Place, constituency},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::sync::oneshot;

use super::{
    AdmitError, Admitter, Invited, View,
    driver::Message,
    words::{self, Names},
};
use crate::{
    clock,
    keys::KeyError,
    lang::{Both, Zh},
    storage::{StorageError, Store},
};

/// The first lines of the two files, so that a person who opens one knows what it is.
const PROPOSAL: &str = "antibrush charter proposal v1";
const SIGNATURE: &str = "antibrush charter signature v1";
/// That of a newcomer's file.
pub(super) const SUCCESSION: &str = "antibrush key succession v1";
pub(super) const APPLICATION: &str = "antibrush join request v1";

/// Why a proposal was not made, signed or published.
#[derive(Debug, thiserror::Error)]
pub enum GovernError {
    /// As for other changes of the charter.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// The change can not be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The proposal or a signature is refused.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// This node has no such head.
    #[error(
        "no head of that feed here has this id or ends with so many entries, or it is void already; antibrush feed show names the newest one"
    )]
    NoSuchHead,
    /// The feed goes on.
    #[error("this feed is not frozen and goes on, so there is nothing to decide; to make entries void, revoke its key")]
    NotFrozen,
    /// No member has that name.
    #[error("no member has this short name; antibrush alliance members shows them")]
    NoSuchMember,
    /// Not a proposal file.
    #[error("this is no whole charter proposal; its first line is “{PROPOSAL}”: ask for the file again")]
    NotAProposal,
    /// Not a signature file.
    #[error("this is no whole charter signature; its first line is “{SIGNATURE}”: ask for the file again")]
    NotASignature,
    /// Not a join request's file.
    #[error(
        "this is no whole join request; its first line is “{APPLICATION}”: ask the newcomer for the file again (antibrush join-request)"
    )]
    NotAnApplication,
    /// Not a succession's file.
    #[error(
        "this is no whole key succession; its first line is “{SUCCESSION}”: ask the member for the file again (antibrush alliance rotate-key)"
    )]
    NotASuccession,
    /// This node has no steward key.
    #[error(
        "this node has no steward key; make one (antibrush alliance steward-key) and have it added (antibrush alliance propose steward add)"
    )]
    NoKey,
    /// The key was made while the node ran.
    #[error("the steward key was made while this node ran; restart the node, then sign")]
    NotLoaded,
    /// Too few have signed.
    #[error("{}", .0.en)]
    NotYet(Both),
}

impl Zh for GovernError {
    fn zh(&self) -> String {
        match self {
            GovernError::Admit(error) => error.zh(),
            GovernError::Change(error) => error.zh(),
            GovernError::Proposal(error) => error.zh(),
            GovernError::NoSuchHead => {
                "本节点的该名单源没有此编号或此条数的批次头，或其已作废：用 antibrush feed show 查看最新的批次头"
                    .to_owned()
            }
            GovernError::NotFrozen => "该名单源没有冻结，仍在继续：无可裁定；要使条目作废，请吊销其密钥".to_owned(),
            GovernError::NoSuchMember => "没有这个简称的成员：用 antibrush alliance members 查看".to_owned(),
            GovernError::NotAProposal => "这不是完整的章程提案文件：请重新索取该文件".to_owned(),
            GovernError::NotASignature => "这不是完整的章程签名文件：请重新索取该文件".to_owned(),
            GovernError::NotASuccession => {
                format!(
                    "这不是完整的密钥更换文件，其首行应为“{SUCCESSION}”：请该成员重新提供（antibrush alliance rotate-key）"
                )
            }
            GovernError::NotAnApplication => {
                "这不是完整的加入申请文件：请向申请方重新索取（antibrush join-request）".to_owned()
            }
            GovernError::NoKey => {
                "本节点没有秘书处密钥：请先用 antibrush alliance steward-key 生成，再提案将其加入章程".to_owned()
            }
            GovernError::NotLoaded => "秘书处密钥是在本节点运行期间生成的：请重启节点后再签名".to_owned(),
            GovernError::NotYet(text) => text.zh.clone(),
        }
    }
}

/// Which head of a feed shall be the last one that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpTo {
    /// The last one after so many entries.
    Size(u64),
    /// The one with this id.
    Head(Hash),
    /// The one that this node keeps.
    Kept,
}

impl UpTo {
    /// Looks the head up. One that an earlier decision made void cannot stand again.
    pub fn find(self, publisher: MemberNumber, view: &View, store: &Store) -> Result<Stands, GovernError> {
        let stored = |error: StorageError| GovernError::from(AdmitError::from(error));
        let stands = match self {
            UpTo::Size(size) => store.stands_at_size(publisher, size).map_err(stored)?,
            UpTo::Kept => {
                let head = store.head(publisher).map_err(stored)?;
                Some(head.map_or(Stands::NOTHING, |head| Stands {
                    batches: head.seq + 1,
                    size: head.size,
                    head: Some(head.id),
                    issued: head.issued,
                }))
            }
            UpTo::Head(id) => {
                let header = store.header_by_id(publisher, &id).map_err(stored)?;
                let header = header.and_then(|header| view.chain.verify_header(header, clock::wall()).ok());
                header.map(|header| Stands::at(header.payload(), header.id()))
            }
        };
        stands.ok_or(GovernError::NoSuchHead)
    }
}

/// The cut that decides a feed which stands still: it is frozen, or the one node that wrote it was removed (WRITER-5).
pub fn thaw(publisher: MemberNumber, up_to: UpTo, view: &View, store: &Store) -> Result<Change, GovernError> {
    let standing = view.feeds.iter().find(|feed| feed.publisher == publisher).map(|feed| feed.standing);
    if standing == Some(antibrush_protocol::replica::Standing::Open) && !has_lost_its_writer(publisher, view, store)? {
        return Err(GovernError::NotFrozen);
    }
    Ok(Change::Cut(publisher, up_to.find(publisher, view, store)?))
}

fn has_lost_its_writer(publisher: MemberNumber, view: &View, store: &Store) -> Result<bool, GovernError> {
    let stored = |error: StorageError| GovernError::from(AdmitError::from(error));
    let head = store.head(publisher).map_err(stored)?;
    let last = head.map_or(Ok(None), |head| store.header(publisher, head.seq)).map_err(stored)?;
    let named = last.as_ref().map(|last| &last.payload().charter);
    let place = Place::after(head.as_ref());
    Ok(constituency(&view.chain, publisher, place, named) == Some(Constituency::Gone))
}

/// A proposal and how it stands.
pub struct Reviewed {
    /// The proposal with the signatures that it has.
    pub proposal: SignedCharter,
    /// How far its quorums are.
    pub standing: Standing,
    /// What it changes, in words.
    pub differences: Vec<Both>,
    /// The members that signed.
    pub signed: Vec<MemberNumber>,
    /// An invitation for the node that it brings in.
    pub invitation: Option<Invited>,
}

impl Reviewed {
    fn of(view: &View, proposal: SignedCharter) -> Result<Reviewed, ProposalError> {
        let standing = Standing::of(&proposal, &view.chain, clock::wall())?;
        let (old, new) = (view.charter(), proposal.charter());
        let names = Names { old, new };
        let differences = diff::between(old, new).iter().map(|difference| words::of(difference, &names)).collect();
        let mut signed: Vec<_> =
            proposal.signers().iter().filter_map(|key| old.steward(key).or_else(|| new.steward(key))).collect();
        signed.sort_unstable();
        signed.dedup();
        Ok(Reviewed { standing, differences, signed, proposal, invitation: None })
    }

    /// How many count in the quorum that is not met yet.
    pub(super) fn have(&self) -> usize {
        if self.standing.old.is_met() { self.standing.new.have } else { self.standing.old.have }
    }

    /// The text of the proposal's file.
    pub fn file(&self) -> String {
        armour(PROPOSAL, &self.proposal.encode())
    }

    /// The short name of a member in the proposed charter.
    pub fn slug(&self, number: MemberNumber) -> String {
        self.proposal.charter().member(number).map_or_else(|| number.to_string(), |member| member.slug.clone())
    }

    /// What is missing, in words.
    fn missing(&self) -> Both {
        let slugs = |numbers: &[MemberNumber]| numbers.iter().map(|n| self.slug(*n)).collect::<Vec<_>>();
        let part = |quorum: &Quorum, en: &str, zh: &str| {
            let (have, need, open, sisters) = (quorum.have, quorum.need, slugs(&quorum.open), slugs(&quorum.sisters));
            let mut text = Both::new(
                format!("{en}: {have} of {need} controlling entities have signed"),
                format!("{zh}须有 {need} 个互不受同一主体控制的签名，现有 {have} 个"),
            );
            if !quorum.is_met() {
                text.en += &format!(", missing {} of {}", usize::from(need) - have, open.join(", "));
                text.zh += &format!("，尚缺 {} 个（可由 {} 签署）", usize::from(need) - have, open.join("、"));
            }
            if !sisters.is_empty() {
                text.en += &format!(" ({} under the same control counts once)", sisters.join(", "));
                text.zh += &format!("（{} 与已签名者受同一主体控制，只计一次）", sisters.join("、"));
            }
            text
        };
        let old = part(&self.standing.old, "charter in force", "现行章程");
        let new = part(&self.standing.new, "proposed charter", "提案章程");
        Both::new(
            format!("not in force yet; {}; {}: gather the signatures (antibrush alliance sign)", old.en, new.en),
            format!("尚未生效：{}；{}：请用 antibrush alliance sign 收集签名", old.zh, new.zh),
        )
    }
}

impl Admitter {
    /// Makes a proposal with these changes and signs it if this node's key is a steward's.
    pub async fn propose(&self, changes: &[Change]) -> Result<Reviewed, GovernError> {
        let view = self.view.load_full();
        let charter = self.changed(&view, changes)?;
        let mut proposal = SignedCharter::unsigned(&charter);
        if let Ok(key) = self.keys.steward()
            && require_steward(&key.public(), view.charter(), &charter).is_ok()
        {
            proposal.sign(key);
        }
        let reviewed = Reviewed::of(&view, proposal)?;
        let invitation = self.invite_proposed(&view, &reviewed).await?;
        Ok(Reviewed { invitation, ..reviewed })
    }

    /// Reads a proposal and says how it stands.
    pub async fn review(&self, file: &str) -> Result<Reviewed, GovernError> {
        let view = self.view.load_full();
        let reviewed = Reviewed::of(&view, read_proposal(file)?)?;
        self.note(&view, &reviewed).await;
        Ok(reviewed)
    }

    /// Signs a proposal with this node's steward key: the file of the signature, and how the proposal stands with it.
    pub async fn sign(&self, file: &str) -> Result<(String, Reviewed), GovernError> {
        let view = self.view.load_full();
        let mut proposal = read_proposal(file)?;
        // What does not hold gets no signature.
        Standing::of(&proposal, &view.chain, clock::wall())?;
        let key = self.keys.steward().map_err(|error| match error {
            KeyError::Missing { path, .. } if path.exists() => GovernError::NotLoaded,
            KeyError::Missing { .. } => GovernError::NoKey,
            error => AdmitError::Key(error).into(),
        })?;
        require_steward(&key.public(), view.charter(), proposal.charter())?;
        let signature = proposal.signature_by(key);
        let text = armour(SIGNATURE, &signature.encode());
        proposal.add(signature)?;
        let reviewed = Reviewed::of(&view, proposal)?;
        self.note(&view, &reviewed).await;
        Ok((text, reviewed))
    }

    /// Gathers signatures and puts the proposal in force once both quorums have signed.
    pub async fn publish(&self, file: &str, signatures: &[String]) -> Result<Reviewed, GovernError> {
        let _one = self.one_at_a_time.lock().await;
        let view = self.view.load_full();
        let mut proposal = read_proposal(file)?;
        Standing::of(&proposal, &view.chain, clock::wall())?;
        for signature in signatures {
            let bytes = unarmour(SIGNATURE, signature).ok_or(GovernError::NotASignature)?;
            let signature = CharterSignature::decode(&bytes).map_err(|_| GovernError::NotASignature)?;
            let key = proposal.add(signature)?;
            require_steward(&key, view.charter(), proposal.charter())?;
        }
        let reviewed = Reviewed::of(&view, proposal)?;
        self.note(&view, &reviewed).await;
        if !reviewed.standing.is_met() {
            return Err(GovernError::NotYet(reviewed.missing()));
        }
        let (reply, outcome) = oneshot::channel();
        let charter = reviewed.proposal.clone();
        self.core.send(Message::Charter { charter, reply }).await.map_err(|_| AdmitError::Stopping)?;
        let outcome = outcome.await.map_err(|_| AdmitError::Stopping)?;
        outcome.map_err(AdmitError::Charter)?;
        Ok(reviewed)
    }
}

fn read_proposal(file: &str) -> Result<SignedCharter, GovernError> {
    let bytes = unarmour(PROPOSAL, file).ok_or(GovernError::NotAProposal)?;
    SignedCharter::decode(&bytes).map_err(|_| GovernError::NotAProposal)
}

/// The text of a succession's file.
pub fn write_succession(succession: &SignedSuccession) -> String {
    armour(SUCCESSION, &succession.encode())
}

/// A succession from its file; whether it holds is looked at where it is put into a charter.
pub fn read_succession(file: &str) -> Result<SignedSuccession, GovernError> {
    let bytes = unarmour(SUCCESSION, file).ok_or(GovernError::NotASuccession)?;
    SignedSuccession::decode(&bytes).map_err(|_| GovernError::NotASuccession)
}

pub(super) fn armour(kind: &str, bytes: &[u8]) -> String {
    format!("{kind}\n{}\n", STANDARD.encode(bytes))
}

/// The bytes of a file of this kind. Mail programs break lines and change their ends.
pub(super) fn unarmour(kind: &str, text: &str) -> Option<Vec<u8>> {
    let (first, body) = text.trim_start_matches('\u{feff}').split_once('\n')?;
    let body: String = body.split_whitespace().collect();
    if first.trim_end() == kind { STANDARD.decode(body).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_survives_the_mail_and_nothing_else_is_taken_for_it() {
        let text = armour(PROPOSAL, &[7; 100]);
        let mut mailed = text.replace('\n', "\r\n");
        mailed.insert_str(80, "\r\n");
        assert_eq!(unarmour(PROPOSAL, &text), Some(vec![7; 100]));
        assert_eq!(unarmour(PROPOSAL, &mailed), Some(vec![7; 100]));
        for broken in [&text[..text.len() - 3], "", PROPOSAL, &text.replace("v1", "v2"), &armour(SIGNATURE, &[7; 9])] {
            assert_eq!(unarmour(PROPOSAL, broken), None, "{broken}");
        }
        assert!(matches!(read_proposal(&text), Err(GovernError::NotAProposal)));
    }
}
