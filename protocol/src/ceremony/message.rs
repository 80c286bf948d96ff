//! What the holders say in a ceremony.

use std::fmt;

use crate::{
    base::{Hash, MemberNumber},
    ceremony::{Call, CeremonyError},
    charter::Charter,
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    signed::{Payload, Signed, Verified},
    subject::Class,
};

const VERSION: u64 = 1;

/// The longest package of round 1: 16 commitments and a proof.
const PACKAGE_BYTES: usize = (limits::HOLDERS + 2) * 32;

/// The longest sealed deal: the encapsulated key, a share for each class and the tag.
const SEALED_BYTES: usize = 32 + 32 * Class::ALL.len() + 16;

/// The three steps of a ceremony. A holder says one thing in each: in the last one it confirms or complains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Commitments.
    Commit,
    /// Sealed shares.
    Deal,
    /// The result, or a complaint.
    Answer,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Round {
    /// Round 1.
    Commit {
        /// A one-time X25519 key: the shares for this holder are sealed to it.
        receive_key: [u8; 32],
        /// For each class the commitments and, for a new key, the proof of knowledge.
        packages: Vec<Vec<u8>>,
    },
    /// Round 2.
    Deal {
        /// For each other holder, in order, its shares of all classes, sealed.
        sealed: Vec<Vec<u8>>,
    },
    /// Round 3, if all is well.
    Confirm {
        /// The digest of everything in rounds 1 and 2.
        transcript: Hash,
        /// For each class the group key, then share 1 to n.
        public_keys: Vec<Vec<[u8; 32]>>,
    },
    /// Round 3, if a deal does not open or does not fit.
    Complain {
        /// Who dealt it.
        against: MemberNumber,
        /// The id of the message: its sender may have signed another one, too.
        deal: Hash,
        /// The complainer's one-time secret, with which everybody can see for himself. The ceremony is void anyway.
        secret: [u8; 32],
    },
}

impl Round {
    /// The step that it belongs to.
    pub fn step(&self) -> Step {
        match self {
            Round::Commit { .. } => Step::Commit,
            Round::Deal { .. } => Step::Deal,
            Round::Confirm { .. } | Round::Complain { .. } => Step::Answer,
        }
    }

    fn number(&self) -> u8 {
        match self {
            Round::Commit { .. } => 1,
            Round::Deal { .. } => 2,
            Round::Confirm { .. } => 3,
            Round::Complain { .. } => 4,
        }
    }
}

impl fmt::Debug for Round {
    /// Names the round and shows nothing of it: a complaint holds a secret until it is posted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Round::Commit { .. } => "Commit(..)",
            Round::Deal { .. } => "Deal(..)",
            Round::Confirm { .. } => "Confirm(..)",
            Round::Complain { .. } => "Complain(..)",
        })
    }
}

/// One message of a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The id of the call.
    pub ceremony: Hash,
    /// Who.
    pub holder: MemberNumber,
    /// What.
    pub round: Round,
}

impl Message {
    /// Whether everything is there as often as the call asks for.
    fn fits(&self, call: &Call) -> Result<(), CeremonyError> {
        let (holders, classes) = (call.holders.len(), call.classes.len());
        let counts = match &self.round {
            Round::Commit { packages, .. } => packages.len() == classes,
            Round::Deal { sealed } => sealed.len() + 1 == holders,
            Round::Confirm { public_keys, .. } => {
                public_keys.len() == classes && public_keys.iter().all(|keys| keys.len() == holders + 1)
            }
            Round::Complain { against, .. } => {
                // CEREMONY-8
                let other = *against != self.holder && call.holders.contains(against);
                return if other { Ok(()) } else { Err(CeremonyError::NotAHolder(*against)) };
            }
        };
        // CEREMONY-10
        if counts { Ok(()) } else { Err(CeremonyError::Count) }
    }
}

/// Checks a message against its call. `charter` is the one in force: a holder may have changed its feed key since the call.
pub fn verify_message(
    signed: Signed<Message>,
    call: &Verified<Call>,
    charter: &Charter,
) -> Result<Verified<Message>, CeremonyError> {
    let (message, id, call) = (signed.payload(), call.id(), call.payload());
    // CEREMONY-8: of this ceremony, by one of its holders.
    if message.ceremony != id {
        return Err(CeremonyError::OtherCeremony);
    }
    let member = charter.member(message.holder).filter(|member| member.is_active());
    let Some(member) = member.filter(|member| call.holders.contains(&member.number)) else {
        return Err(CeremonyError::NotAHolder(message.holder));
    };
    // CEREMONY-9: the message has no time of its own; the key must have been the holder's at some time of the ceremony.
    let key = member.feed_keys.iter().find(|key| key.key == signed.key());
    if !key.is_some_and(|key| key.from < call.deadline && key.until.is_none_or(|until| until > call.issued)) {
        return Err(CeremonyError::WrongKey);
    }
    message.fits(call)?;
    Ok(signed.into_verified())
}

impl Payload for Message {
    const CONTENT_TYPE: &'static str = "application/antibrush-ceremony-message+cbor";
}

impl Wire for Message {
    /// The longest, a confirmation for 16 holders and 11 classes, has 6.5 KiB.
    const MAX_BYTES: usize = 8 * 1024;

    fn write(&self, w: &mut Writer) {
        let fields = match &self.round {
            Round::Deal { .. } => 1,
            Round::Commit { .. } | Round::Confirm { .. } => 2,
            Round::Complain { .. } => 3,
        };
        w.map(4 + fields);
        w.uint(0u8).uint(VERSION);
        w.uint(1u8).bytes(&self.ceremony);
        w.uint(2u8).uint(self.holder.0);
        w.uint(3u8).uint(self.round.number());
        let all = |w: &mut Writer, items: &[Vec<u8>]| {
            w.array(items.len());
            for item in items {
                w.bytes(item);
            }
        };
        match &self.round {
            Round::Commit { receive_key, packages } => {
                w.uint(4u8).bytes(receive_key);
                all(w.uint(5u8), packages);
            }
            Round::Deal { sealed } => all(w.uint(6u8), sealed),
            Round::Confirm { transcript, public_keys } => {
                w.uint(7u8).bytes(transcript);
                w.uint(8u8).array(public_keys.len());
                for keys in public_keys {
                    w.array(keys.len());
                    for key in keys {
                        w.bytes(key);
                    }
                }
            }
            Round::Complain { against, deal, secret } => {
                w.uint(9u8).uint(against.0);
                w.uint(10u8).bytes(deal);
                w.uint(11u8).bytes(secret);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let classes = Class::ALL.len();
        let (mut version, mut ceremony, mut holder, mut round) = (None, None, None, None);
        let (mut receive_key, mut packages, mut sealed, mut transcript) = (None, None, None, None);
        let (mut public_keys, mut against, mut deal, mut secret) = (None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(VERSION)?),
                1 => ceremony = Some(r.fixed()?),
                2 => holder = Some(MemberNumber(r.small("holder")?)),
                3 => round = Some(r.small::<u8>("round")?),
                4 => receive_key = Some(r.fixed()?),
                5 => packages = Some(r.items(classes, |r| Ok(r.bytes(PACKAGE_BYTES)?.to_vec()))?),
                6 => sealed = Some(r.items(limits::HOLDERS - 1, |r| Ok(r.bytes(SEALED_BYTES)?.to_vec()))?),
                7 => transcript = Some(r.fixed()?),
                8 => public_keys = Some(r.items(classes, |r| r.items(limits::HOLDERS + 1, Reader::fixed))?),
                9 => against = Some(MemberNumber(r.small("against")?)),
                10 => deal = Some(r.fixed()?),
                11 => secret = Some(r.fixed()?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        // What belongs to another round is not written again, and so refused as not canonical.
        let round = match round.require("round")? {
            1 => Round::Commit {
                receive_key: receive_key.require("receive key")?,
                packages: packages.require("packages")?,
            },
            2 => Round::Deal { sealed: sealed.require("sealed")? },
            3 => Round::Confirm {
                transcript: transcript.require("transcript")?,
                public_keys: public_keys.require("public keys")?,
            },
            4 => Round::Complain {
                against: against.require("against")?,
                deal: deal.require("deal")?,
                secret: secret.require("secret")?,
            },
            _ => return Err(DecodeError::OutOfRange("round")),
        };
        Ok(Message { ceremony: ceremony.require("ceremony")?, holder: holder.require("holder")?, round })
    }
}
