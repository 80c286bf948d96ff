//! A remark: what matters of an entry that speaks of a listing, of fixed size.

use crate::{
    base::{Day, MemberNumber},
    codes::{CommitmentStep, DeclineReason, DisputeReason, List, Measure, NoticeStep, Outcome, Response, RulingReason},
    entry::{DisputeAct, Entry},
    subject::Class,
};

/// The length of a packed remark: with the 16 bytes of a token's prefix before it, a record of 48.
pub const PACKED_BYTES: usize = 32;

/// One remark about a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remark {
    /// In whose feed the listing stands.
    pub publisher: MemberNumber,
    /// The list.
    pub list: List,
    /// The class of the listing.
    pub class: Class,
    /// The epoch of the token key.
    pub epoch: u16,
    /// The index of the List entry in that feed.
    pub target: u64,
    /// Who says it.
    pub author: MemberNumber,
    /// The index of the entry in the author's feed.
    pub index: u64,
    /// The day, in Beijing time, of `issued` in the header under which it was published. The day that the entry bears is its author's
    /// choice, and no term hangs on it.
    pub day: Day,
    /// What it says.
    pub act: Act,
}

/// What a remark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The subject is told to rectify (整改通知书).
    Rectify {
        /// The last day, where the notice sets it.
        until: Option<Day>,
    },
    /// Members or the subject are urged to act (督促).
    Urge,
    /// The term passed in vain (约谈, 通报).
    Escalate,
    /// The subject has committed itself (信用承诺书).
    Commit,
    /// The subject has rectified.
    Rectified,
    /// The listing is disputed.
    Dispute(DisputeReason),
    /// The author takes its dispute back.
    Withdraw {
        /// The index of the dispute in the author's feed.
        dispute: u64,
    },
    /// The publisher answers a dispute.
    Rule {
        /// Whose dispute.
        disputer: MemberNumber,
        /// Its index in that member's feed.
        dispute: u64,
        /// The answer.
        outcome: Outcome,
        /// On what it rests.
        reason: RulingReason,
    },
    /// The author did something about a measure.
    Measure {
        /// Which measure.
        measure: Measure,
        /// What it did.
        response: Response,
        /// Why it declined.
        reason: Option<DeclineReason>,
    },
}

impl Act {
    /// Which comes first among what different members say on one day: what another's answer needs comes before the answer.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Act::Dispute(_) => 0,
            Act::Rectify { .. } => 1,
            Act::Commit => 2,
            Act::Rectified => 3,
            Act::Urge | Act::Escalate => 4,
            Act::Withdraw { .. } | Act::Rule { .. } => 5,
            Act::Measure { .. } => 6,
        }
    }
}

impl Remark {
    /// What matters of the entry at `index` of the author's feed, published on that day; `None` for the entries that make, change and end a listing.
    pub fn new(entry: &Entry, author: MemberNumber, index: u64, published: Day) -> Option<Remark> {
        let about = entry.about()?;
        let act = match entry {
            Entry::List(_) | Entry::Amend(_) | Entry::Clear(_) => return None,
            Entry::Notice(notice) => match notice.step {
                NoticeStep::Rectify => Act::Rectify { until: notice.until },
                NoticeStep::Urge => Act::Urge,
                NoticeStep::Escalate => Act::Escalate,
            },
            Entry::Commitment(commitment) => match commitment.step {
                CommitmentStep::Committed => Act::Commit,
                CommitmentStep::Rectified => Act::Rectified,
            },
            Entry::Dispute(dispute) => match dispute.act {
                DisputeAct::Filed { reason, .. } => Act::Dispute(reason),
                DisputeAct::Withdrawn { dispute } => Act::Withdraw { dispute },
            },
            Entry::Ruling(ruling) => Act::Rule {
                disputer: ruling.disputer.unwrap_or(author),
                dispute: ruling.dispute,
                outcome: ruling.outcome,
                reason: ruling.reason,
            },
            Entry::Measure(taken) => {
                Act::Measure { measure: taken.measure, response: taken.response, reason: taken.reason }
            }
        };
        Some(Remark {
            publisher: about.publisher.unwrap_or(author),
            list: about.list,
            class: about.class,
            epoch: about.epoch,
            target: about.target,
            author,
            index,
            day: published,
            act,
        })
    }

    /// The remark in 32 bytes. The bytes ascend by publisher, list, class, target, author and index, so that behind a token's
    /// prefix what is said of one listing lies together.
    pub fn pack(&self) -> [u8; PACKED_BYTES] {
        let (kind, codes, member, reference) = match self.act {
            Act::Rectify { until } => (1, [0; 3], 0, until.map_or(0, |day| day.0)),
            Act::Urge => (2, [0; 3], 0, 0),
            Act::Escalate => (3, [0; 3], 0, 0),
            Act::Commit => (4, [0; 3], 0, 0),
            Act::Rectified => (5, [0; 3], 0, 0),
            Act::Dispute(reason) => (6, [reason.number(), 0, 0], 0, 0),
            Act::Withdraw { dispute } => (7, [0; 3], 0, leaf(dispute)),
            Act::Rule { disputer, dispute, outcome, reason } => {
                (8, [outcome.number(), reason.number(), 0], disputer.0, leaf(dispute))
            }
            Act::Measure { measure, response, reason } => {
                let reason = reason.map_or(0, DeclineReason::number);
                (9, [measure.number(), response.number(), reason], 0, 0)
            }
        };
        // The wire gives a day 16 bits.
        let day = u16::try_from(self.day.0).unwrap_or(u16::MAX);
        let mut bytes = [0; PACKED_BYTES];
        let parts: [&[u8]; 13] = [
            &self.publisher.0.to_be_bytes(),
            &[self.list.number()],
            &[self.class.number()],
            &leaf(self.target).to_be_bytes(),
            &self.author.0.to_be_bytes(),
            &leaf(self.index).to_be_bytes(),
            &self.epoch.to_be_bytes(),
            &day.to_be_bytes(),
            &[kind],
            &codes,
            &member.to_be_bytes(),
            &reference.to_be_bytes(),
            &[0; 4],
        ];
        let mut at = 0;
        for part in parts {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        bytes
    }

    /// The remark in these bytes; `None` if they are none, which only damage can bring about.
    pub fn unpack(bytes: &[u8; PACKED_BYTES]) -> Option<Remark> {
        let u16_at = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (reference, codes) = (u32_at(24), &bytes[19..22]);
        let act = match bytes[18] {
            1 => Act::Rectify { until: (reference != 0).then_some(Day(reference)) },
            2 => Act::Urge,
            3 => Act::Escalate,
            4 => Act::Commit,
            5 => Act::Rectified,
            6 => Act::Dispute(DisputeReason::from_number(codes[0])?),
            7 => Act::Withdraw { dispute: u64::from(reference) },
            8 => Act::Rule {
                disputer: MemberNumber(u16_at(22)),
                dispute: u64::from(reference),
                outcome: Outcome::from_number(codes[0])?,
                reason: RulingReason::from_number(codes[1])?,
            },
            9 => Act::Measure {
                measure: Measure::from_number(codes[0])?,
                response: Response::from_number(codes[1])?,
                reason: match codes[2] {
                    0 => None,
                    number => Some(DeclineReason::from_number(number)?),
                },
            },
            _ => return None,
        };
        let remark = Remark {
            publisher: MemberNumber(u16_at(0)),
            list: List::from_number(bytes[2])?,
            class: Class::from_number(bytes[3])?,
            target: u64::from(u32_at(4)),
            author: MemberNumber(u16_at(8)),
            index: u64::from(u32_at(10)),
            epoch: u16_at(14),
            day: Day(u32::from(u16_at(16))),
            act,
        };
        (remark.pack() == *bytes).then_some(remark)
    }
}

/// A leaf index in 32 bits: HEADER-2 bounds a feed to 2³² − 1 leaves, so the largest number names none.
fn leaf(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
