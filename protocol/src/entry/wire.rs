//! The encoding of entries: one map, keys 0–23, no key for an absent field.

use super::{
    About, Amendment, Clearing, Commitment, Dispute, DisputeAct, Entry, Kind, Listing, MeasureTaken, Notice,
    PublicName, Ruling,
};
use crate::{
    base::{Day, Hash, MemberNumber, Token},
    codes::{
        CommitmentStep, Conduct, DeclineReason, Direction, DisputeReason, DisputeStep, List, Measure, NoticeStep,
        Outcome, Reason, Response, Role, RulingReason, Severity,
    },
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    subject::{Class, Subject},
};

const KIND: u8 = 0;
const CLASS: u8 = 1;
const EPOCH: u8 = 2;
const TOKEN: u8 = 3;
const LIST: u8 = 4;
const CONDUCT: u8 = 5;
const SEVERITY: u8 = 6;
const ROLE: u8 = 7;
const DIRECTION: u8 = 8;
const REGION: u8 = 9;
const DAY: u8 = 10;
const EXPIRES: u8 = 11;
const BASIS: u8 = 12;
const EVIDENCE: u8 = 13;
const TARGET: u8 = 14;
const REASON: u8 = 15;
const SEALED: u8 = 16;
const NAME: u8 = 17;
const PUBLISHER: u8 = 18;
const DOCUMENT: u8 = 19;
const STEP: u8 = 20;
const DISPUTER: u8 = 21;
const DISPUTE: u8 = 22;
const MEASURE: u8 = 23;

impl Wire for Entry {
    const MAX_BYTES: usize = limits::ENTRY_BYTES;

    fn write(&self, w: &mut Writer) {
        let fields = Fields::from(self);
        w.map(fields.count());
        w.uint(KIND).uint(self.kind().number());
        w.uint(CLASS).uint(self.class().number());
        w.uint(EPOCH).uint(self.epoch());
        w.uint(TOKEN).bytes(&self.token().0);
        w.uint(LIST).uint(self.list().number());
        let code = |w: &mut Writer, key: u8, number: Option<u8>| {
            if let Some(number) = number {
                w.uint(key).uint(number);
            }
        };
        code(w, CONDUCT, fields.conduct.map(Conduct::number));
        code(w, SEVERITY, fields.severity.map(Severity::number));
        code(w, ROLE, fields.role.map(Role::number));
        code(w, DIRECTION, fields.direction.map(Direction::number));
        if let Some(region) = fields.region {
            w.uint(REGION).uint(region);
        }
        w.uint(DAY).uint(self.day().0);
        if let Some(expires) = fields.expires {
            w.uint(EXPIRES).uint(expires.0);
        }
        if let Some(basis) = fields.basis {
            w.uint(BASIS).text(basis);
        }
        if let Some(evidence) = fields.evidence {
            w.uint(EVIDENCE).bytes(evidence);
        }
        if let Some(target) = fields.target {
            w.uint(TARGET).uint(target);
        }
        code(w, REASON, fields.reason);
        if let Some(sealed) = fields.sealed {
            w.uint(SEALED).bytes(sealed);
        }
        if let Some(name) = fields.name {
            w.uint(NAME).array(2).text(name.uscc()).text(name.name());
        }
        if let Some(publisher) = fields.publisher {
            w.uint(PUBLISHER).uint(publisher.0);
        }
        if let Some(document) = fields.document {
            w.uint(DOCUMENT).text(document);
        }
        code(w, STEP, fields.step);
        if let Some(disputer) = fields.disputer {
            w.uint(DISPUTER).uint(disputer.0);
        }
        if let Some(dispute) = fields.dispute {
            w.uint(DISPUTE).uint(dispute);
        }
        code(w, MEASURE, fields.measure.map(Measure::number));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut f = Read::default();
        r.fields(|key, r| f.field(key, r))?;
        let entry = f.into_entry()?;
        // ENTRY-2: what is refused at the making is refused at the arrival.
        entry.check().map_err(|_| DecodeError::OutOfRange("entry"))?;
        Ok(entry)
    }
}

/// The optional fields of an entry, borrowed for writing.
#[derive(Default)]
struct Fields<'a> {
    conduct: Option<Conduct>,
    severity: Option<Severity>,
    role: Option<Role>,
    direction: Option<Direction>,
    region: Option<u32>,
    expires: Option<Day>,
    basis: Option<&'a str>,
    evidence: Option<&'a Hash>,
    target: Option<u64>,
    reason: Option<u8>,
    sealed: Option<&'a [u8]>,
    name: Option<&'a PublicName>,
    publisher: Option<MemberNumber>,
    document: Option<&'a str>,
    step: Option<u8>,
    disputer: Option<MemberNumber>,
    dispute: Option<u64>,
    measure: Option<Measure>,
}

impl Fields<'_> {
    /// Pairs in the map: the six that every entry has and those that are present.
    fn count(&self) -> usize {
        let present = [
            self.conduct.is_some(),
            self.severity.is_some(),
            self.role.is_some(),
            self.direction.is_some(),
            self.region.is_some(),
            self.expires.is_some(),
            self.basis.is_some(),
            self.evidence.is_some(),
            self.target.is_some(),
            self.reason.is_some(),
            self.sealed.is_some(),
            self.name.is_some(),
            self.publisher.is_some(),
            self.document.is_some(),
            self.step.is_some(),
            self.disputer.is_some(),
            self.dispute.is_some(),
            self.measure.is_some(),
        ];
        6 + present.iter().filter(|present| **present).count()
    }
}

impl Fields<'_> {
    fn about(about: &About) -> Self {
        Fields { target: Some(about.target), publisher: about.publisher, ..Fields::default() }
    }
}

impl<'a> From<&'a Entry> for Fields<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry {
            Entry::List(e) => Fields {
                conduct: Some(e.conduct),
                severity: Some(e.severity),
                role: e.role,
                direction: e.direction,
                region: e.region,
                expires: Some(e.expires),
                basis: Some(&e.basis),
                evidence: Some(&e.evidence),
                sealed: e.sealed.as_deref(),
                name: e.name.as_ref(),
                target: e.carries,
                document: e.document.as_deref(),
                ..Fields::default()
            },
            Entry::Amend(e) => Fields {
                conduct: e.conduct,
                severity: e.severity,
                role: e.role,
                direction: e.direction,
                region: e.region,
                expires: e.expires,
                basis: e.basis.as_deref(),
                evidence: e.evidence.as_ref(),
                target: Some(e.target),
                document: e.document.as_deref(),
                ..Fields::default()
            },
            Entry::Clear(e) => Fields { target: Some(e.target), reason: Some(e.reason.number()), ..Fields::default() },
            Entry::Notice(e) => Fields {
                expires: e.until,
                document: e.document.as_deref(),
                step: Some(e.step.number()),
                ..Fields::about(&e.about)
            },
            Entry::Commitment(e) => {
                Fields { evidence: Some(&e.evidence), step: Some(e.step.number()), ..Fields::about(&e.about) }
            }
            Entry::Dispute(Dispute { about, act: DisputeAct::Filed { reason, evidence } }) => Fields {
                evidence: Some(evidence),
                reason: Some(reason.number()),
                step: Some(DisputeStep::Filed.number()),
                ..Fields::about(about)
            },
            Entry::Dispute(Dispute { about, act: DisputeAct::Withdrawn { dispute } }) => {
                Fields { step: Some(DisputeStep::Withdrawn.number()), dispute: Some(*dispute), ..Fields::about(about) }
            }
            Entry::Ruling(e) => Fields {
                reason: Some(e.reason.number()),
                step: Some(e.outcome.number()),
                disputer: e.disputer,
                dispute: Some(e.dispute),
                ..Fields::about(&e.about)
            },
            Entry::Measure(e) => Fields {
                reason: e.reason.map(DeclineReason::number),
                document: e.document.as_deref(),
                step: Some(e.response.number()),
                measure: Some(e.measure),
                ..Fields::about(&e.about)
            },
        }
    }
}

/// The fields as they arrive. A field that the kind does not have makes the re-encoding differ, so it is refused as not
/// canonical.
#[derive(Default)]
struct Read {
    kind: Option<Kind>,
    class: Option<Class>,
    epoch: Option<u16>,
    token: Option<Token>,
    list: Option<List>,
    conduct: Option<Conduct>,
    severity: Option<Severity>,
    role: Option<Role>,
    direction: Option<Direction>,
    region: Option<u32>,
    day: Option<Day>,
    expires: Option<Day>,
    basis: Option<String>,
    evidence: Option<Hash>,
    target: Option<u64>,
    reason: Option<u8>,
    sealed: Option<Vec<u8>>,
    name: Option<PublicName>,
    publisher: Option<MemberNumber>,
    document: Option<String>,
    step: Option<u8>,
    disputer: Option<MemberNumber>,
    dispute: Option<u64>,
    measure: Option<Measure>,
}

impl Read {
    fn field(&mut self, key: u64, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        match u8::try_from(key).unwrap_or(u8::MAX) {
            // ENTRY-1
            KIND => self.kind = Some(r.code("kind", Kind::from_number)?),
            CLASS => self.class = Some(r.code("class", Class::from_number)?),
            EPOCH => self.epoch = Some(r.small("epoch")?),
            TOKEN => self.token = Some(Token(r.fixed()?)),
            LIST => self.list = Some(r.code("list", List::from_number)?),
            CONDUCT => self.conduct = Some(r.code("conduct", Conduct::from_number)?),
            SEVERITY => self.severity = Some(r.code("severity", Severity::from_number)?),
            ROLE => self.role = Some(r.code("role", Role::from_number)?),
            DIRECTION => self.direction = Some(r.code("direction", Direction::from_number)?),
            REGION => self.region = Some(r.small("region")?),
            DAY => self.day = Some(read_day(r, "day")?),
            EXPIRES => self.expires = Some(read_day(r, "expires")?),
            BASIS => self.basis = Some(r.text(limits::BASIS_BYTES, "basis")?),
            EVIDENCE => self.evidence = Some(r.fixed()?),
            TARGET => self.target = Some(r.uint()?),
            REASON => self.reason = Some(r.small("reason")?),
            SEALED => self.sealed = Some(r.bytes(limits::SEALED_BYTES)?.to_vec()),
            NAME => self.name = Some(read_name(r)?),
            PUBLISHER => self.publisher = Some(MemberNumber(r.small("publisher")?)),
            DOCUMENT => self.document = Some(r.text(limits::DOCUMENT_BYTES, "document")?),
            STEP => self.step = Some(r.small("step")?),
            DISPUTER => self.disputer = Some(MemberNumber(r.small("disputer")?)),
            DISPUTE => self.dispute = Some(r.uint()?),
            MEASURE => self.measure = Some(r.code("measure", Measure::from_number)?),
            _ => return Err(DecodeError::UnknownKey(key)),
        }
        Ok(())
    }

    fn into_entry(self) -> Result<Entry, DecodeError> {
        Ok(match self.kind.require("kind")? {
            Kind::List => Entry::List(Listing {
                class: self.class.require("class")?,
                epoch: self.epoch.require("epoch")?,
                token: self.token.require("token")?,
                list: self.list.require("list")?,
                day: self.day.require("day")?,
                conduct: self.conduct.require("conduct")?,
                severity: self.severity.require("severity")?,
                role: self.role,
                direction: self.direction,
                region: self.region,
                expires: self.expires.require("expires")?,
                basis: self.basis.require("basis")?,
                evidence: self.evidence.require("evidence")?,
                name: self.name,
                sealed: self.sealed,
                carries: self.target,
                document: self.document,
            }),
            Kind::Amend => Entry::Amend(Amendment {
                class: self.class.require("class")?,
                epoch: self.epoch.require("epoch")?,
                token: self.token.require("token")?,
                list: self.list.require("list")?,
                day: self.day.require("day")?,
                target: self.target.require("target")?,
                conduct: self.conduct,
                severity: self.severity,
                role: self.role,
                direction: self.direction,
                region: self.region,
                expires: self.expires,
                basis: self.basis,
                evidence: self.evidence,
                document: self.document,
            }),
            Kind::Clear => Entry::Clear(Clearing {
                class: self.class.require("class")?,
                epoch: self.epoch.require("epoch")?,
                token: self.token.require("token")?,
                list: self.list.require("list")?,
                day: self.day.require("day")?,
                target: self.target.require("target")?,
                reason: code(self.reason, "reason", Reason::from_number)?,
            }),
            kind => self.into_remark(kind)?,
        })
    }

    fn into_remark(self, kind: Kind) -> Result<Entry, DecodeError> {
        let about = About {
            class: self.class.require("class")?,
            epoch: self.epoch.require("epoch")?,
            token: self.token.require("token")?,
            list: self.list.require("list")?,
            day: self.day.require("day")?,
            target: self.target.require("target")?,
            publisher: self.publisher,
        };
        Ok(match kind {
            Kind::Notice => Entry::Notice(Notice {
                about,
                step: code(self.step, "step", NoticeStep::from_number)?,
                until: self.expires,
                document: self.document,
            }),
            Kind::Commitment => Entry::Commitment(Commitment {
                about,
                step: code(self.step, "step", CommitmentStep::from_number)?,
                evidence: self.evidence.require("evidence")?,
            }),
            Kind::Dispute => Entry::Dispute(Dispute {
                about,
                act: match code(self.step, "step", DisputeStep::from_number)? {
                    DisputeStep::Filed => DisputeAct::Filed {
                        reason: code(self.reason, "reason", DisputeReason::from_number)?,
                        evidence: self.evidence.require("evidence")?,
                    },
                    DisputeStep::Withdrawn => DisputeAct::Withdrawn { dispute: self.dispute.require("dispute")? },
                },
            }),
            Kind::Ruling => Entry::Ruling(Ruling {
                about,
                outcome: code(self.step, "step", Outcome::from_number)?,
                reason: code(self.reason, "reason", RulingReason::from_number)?,
                disputer: self.disputer,
                dispute: self.dispute.require("dispute")?,
            }),
            Kind::Measure => Entry::Measure(MeasureTaken {
                about,
                measure: self.measure.require("measure")?,
                response: code(self.step, "step", Response::from_number)?,
                reason: self
                    .reason
                    .map(|number| code(Some(number), "reason", DeclineReason::from_number))
                    .transpose()?,
                document: self.document,
            }),
            // The caller has taken these.
            Kind::List | Kind::Amend | Kind::Clear => return Err(DecodeError::OutOfRange("kind")),
        })
    }
}

/// A required code of the table that the kind gives a field.
fn code<T>(number: Option<u8>, field: &'static str, from_number: fn(u8) -> Option<T>) -> Result<T, DecodeError> {
    from_number(number.require(field)?).ok_or(DecodeError::OutOfRange(field))
}

fn read_day(r: &mut Reader<'_>, field: &'static str) -> Result<Day, DecodeError> {
    Ok(Day(u32::from(r.small::<u16>(field)?)))
}

fn read_name(r: &mut Reader<'_>) -> Result<PublicName, DecodeError> {
    r.tuple(2)?;
    let uscc = r.text(18, "name")?;
    let name = r.text(limits::NAME_BYTES, "name")?;
    // ENTRY-5: the code in clear passes the same parser as an identifier from a file.
    let subject = Subject::parse(Class::Ent, &uscc).map_err(|_| DecodeError::OutOfRange("name"))?;
    PublicName::new(&subject, &name).map_err(|_| DecodeError::OutOfRange("name"))
}
