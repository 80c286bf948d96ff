//! The one exchange of the join protocol.

use std::sync::Arc;

use super::newcomer::{Fields, Newcomer};
use crate::{
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    signed::Payload,
};

/// What the newcomer presents, signed by its feed key. The noise session proves the node key beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// The secret of the invitation.
    pub secret: [u8; 16],
    /// Who it is; it was invited under this short name.
    pub newcomer: Newcomer,
    /// The first charter that it wants: 1, then what follows the last one it got.
    pub from: u64,
}

impl std::fmt::Debug for JoinRequest {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinRequest").field("slug", &self.newcomer.slug).finish_non_exhaustive()
    }
}

crate::codes::codes! {
    /// Why a newcomer is not let in.
    JoinRefusal {
        UnknownInvitation = 1, "unknown-invitation", "邀请码不存在", "the steward's node knows no such invitation";
        Used = 2, "used", "邀请码已使用", "the invitation was used already";
        Expired = 3, "expired", "邀请码已过期", "the invitation has expired";
        OtherName = 4, "other-name", "邀请码不属于该成员", "the invitation was made for another member";
        Conflict = 5, "conflict", "代码或密钥已存在", "a member with this credit code, name or key exists already";
        NotASteward = 6, "not-a-steward", "该节点不是秘书处节点", "that node is not a steward's";
        Malformed = 7, "malformed", "请求格式错误", "the request is malformed";
        NeedsQuorum = 8, "needs-quorum", "需要更多秘书处签名", "more stewards must sign the admission";
        TryAgain = 9, "try-again", "秘书处节点暂时无法接纳：请其检查时钟与磁盘", "the steward's node cannot admit anybody now; its clock or disk needs a look";
    }
}

/// What the steward's node answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinAnswer {
    /// Let in.
    Admitted {
        /// The number of the charter in force, which has the newcomer as a member.
        newest: u64,
        /// Charters from the one asked for on, each signed, as many as fit into an answer; at least one.
        charters: Vec<Arc<[u8]>>,
    },
    /// Not let in.
    Refused(JoinRefusal),
    /// The charter that admits it is proposed and not signed by enough stewards yet: to be asked again.
    Pending {
        /// Stewards under different control that signed, as far as the answering node knows.
        have: u8,
        /// How many must.
        need: u8,
    },
}

impl Payload for JoinRequest {
    const CONTENT_TYPE: &'static str = "application/antibrush-join-request+cbor";
}

impl Wire for JoinRequest {
    const MAX_BYTES: usize = 8192;

    fn write(&self, w: &mut Writer) {
        w.map(3 + Newcomer::FIELDS).uint(0u8).uint(1u8);
        w.uint(1u8).bytes(&self.secret);
        self.newcomer.write(w);
        w.uint(10u8).uint(self.from);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut secret, mut newcomer, mut from) = (None, None, Fields::default(), None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => secret = Some(r.fixed()?),
                10 => from = Some(r.uint()?),
                other => newcomer.read(other, r)?,
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(JoinRequest { secret: secret.require("secret")?, newcomer: newcomer.whole()?, from: from.require("from")? })
    }
}

impl Wire for JoinAnswer {
    const MAX_BYTES: usize = limits::ANSWER_BYTES;

    fn write(&self, w: &mut Writer) {
        match self {
            JoinAnswer::Admitted { newest, charters } => {
                w.array(3).uint(0u8).uint(*newest).array(charters.len());
                for charter in charters {
                    w.bytes(charter);
                }
            }
            JoinAnswer::Refused(reason) => {
                w.array(2).uint(1u8).uint(reason.number());
            }
            JoinAnswer::Pending { have, need } => {
                w.array(3).uint(2u8).uint(*have).uint(*need);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(3)?;
        match (r.uint()?, len) {
            (0, 3) => {
                let newest = r.uint()?;
                let charters = r.items(limits::CHARTERS_PER_ANSWER, |r| Ok(r.bytes(limits::CHARTER_BYTES)?.into()))?;
                Ok(JoinAnswer::Admitted { newest, charters })
            }
            (1, 2) => Ok(JoinAnswer::Refused(r.code("refusal", JoinRefusal::from_number)?)),
            (2, 3) => Ok(JoinAnswer::Pending { have: r.small("have")?, need: r.small("need")? }),
            (0..=2, _) => Err(DecodeError::Malformed),
            (other, _) => Err(DecodeError::UnknownKey(other)),
        }
    }
}
