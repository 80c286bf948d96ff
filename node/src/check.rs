//! Answers: what the alliance says of a subject, from memory.
//!
//! Nothing here leaves the process and nothing is asked of anybody. `listed` needs a listing in force on an enforceable
//! list; a candidate is never listed; and where a feed has not been heard from, the absence of a listing is `stale`, never
//! `not_listed`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use antibrush_protocol::{
    base::{Day, MemberNumber, Timestamp},
    charter::{Charter, MemberState},
    codes::{Conduct, Direction, List, Role, Severity},
    replica::FeedStatus,
    subject::{Class, SubjectError},
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    lang::Zh,
    storage::table::{Reader, Row, prefix_of},
    tokens::{Derivations, HolderProblem, Unavailable},
};

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No listing in force, and every feed has been heard from.
    NotListed,
    /// At least one listing in force on an enforceable list.
    Listed,
    /// Only unverified reports (CAND): never enforceable.
    Candidate,
    /// No listing known here, but some feed has not been heard from.
    Stale,
    /// The identifier is none of its class.
    Invalid,
    /// Too few key holders answer to look the identifier up; nothing is known of it, least of all that it is not listed.
    Unavailable,
}

/// One listing in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listed {
    /// Who listed it; absent where the charter keeps that to itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// The list.
    #[schema(value_type = String, example = "CXH")]
    pub list: List,
    /// Whether it is a statutory list, never to be shown as the alliance's own.
    pub statutory: bool,
    /// The conduct.
    #[schema(value_type = String, example = "C01")]
    pub conduct: Conduct,
    /// How grave.
    #[schema(value_type = String, example = "ordinary")]
    pub severity: Severity,
    /// The part taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
    /// Which way credit was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub direction: Option<Direction>,
    /// The day of listing.
    #[schema(example = "2026-11-22")]
    pub listed: String,
    /// The last day on which it holds.
    #[schema(example = "2027-11-21")]
    pub expires: String,
    /// Whether the publisher's feed has been heard from.
    pub fresh: bool,
    /// What the publisher sealed for those who hold the identifier; only if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// The member, the index of its List entry and the epoch of its token.
    #[serde(skip)]
    pub entry: (MemberNumber, u64, u16),
}

/// The answer for one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Answer {
    /// In one word.
    pub answer: Verdict,
    /// The listings in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listings: Vec<Listed>,
    /// How many members under different control list the same conduct; 0 if nobody.
    #[serde(skip_serializing_if = "is_zero")]
    pub members: usize,
    /// Whether that reaches the charter's number for corroboration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub corroborated: bool,
    /// A victim mark: nothing may be enforced.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub victim: bool,
    /// Why the identifier is invalid or nothing can be said, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<Cow<'static, str>>,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reason_zh: Option<Cow<'static, str>>,
    /// The key holders that did not answer, where `answer` is `unavailable`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<MissingHolder>,
    /// When the quota renews that is used up, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renews: Option<u64>,
}

/// A key holder that did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingHolder {
    /// Its short name.
    pub holder: String,
    /// Why: `not_connected`, `no_answer`, `busy`, `quota_exhausted`, `bad_answer`, …
    pub problem: &'static str,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Answer {
    /// The identifier is refused.
    pub fn invalid(error: SubjectError) -> Answer {
        let (reason, reason_zh) = (Some(error.reason_en().into()), Some(error.reason_zh().into()));
        Answer { reason, reason_zh, ..Answer::bare(Verdict::Invalid) }
    }

    /// Too few key holders answer: nothing can be said of the subject.
    pub fn unavailable(unavailable: &Unavailable) -> Answer {
        let missing =
            |(slug, problem): &(String, HolderProblem)| MissingHolder { holder: slug.clone(), problem: problem.code() };
        Answer {
            reason: Some(unavailable.to_string().into()),
            reason_zh: Some(unavailable.zh().into()),
            holders: unavailable.missing.iter().map(missing).collect(),
            renews: unavailable.renews().map(|at| at.0),
            ..Answer::bare(Verdict::Unavailable)
        }
    }

    fn bare(answer: Verdict) -> Answer {
        Answer {
            answer,
            listings: Vec::new(),
            members: 0,
            corroborated: false,
            victim: false,
            reason: None,
            reason_zh: None,
            holders: Vec::new(),
            renews: None,
        }
    }
}

/// How fresh one feed is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Freshness {
    /// Whose feed.
    pub publisher: String,
    /// The last batch; absent if nothing was ever synced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When its head was signed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<u64>,
    /// Whether the head still speaks for the feed.
    pub fresh: bool,
}

/// What the checks of one moment share: the members and the freshness of their feeds.
pub struct Context {
    publishers: BTreeMap<MemberNumber, Publisher>,
    names: bool,
    corroboration: usize,
    today: Day,
    stale: bool,
    feeds: Vec<Freshness>,
    feeds_json: Box<RawValue>,
}

struct Publisher {
    slug: String,
    controller: String,
    fresh: bool,
}

impl Context {
    /// Gathers it. Our own feed is always fresh: this node writes it.
    pub fn new(charter: &Charter, me: Option<MemberNumber>, feeds: &[FeedStatus], now: Timestamp) -> Context {
        let mut publishers = BTreeMap::new();
        let (mut freshness, mut stale) = (Vec::new(), false);
        for member in &charter.members {
            let status = feeds.iter().find(|feed| feed.publisher == member.number);
            let fresh = Some(member.number) == me || status.is_some_and(|feed| feed.is_fresh(now));
            let publisher = Publisher { slug: member.slug.clone(), controller: member.controller.clone(), fresh };
            if member.state != MemberState::Expelled {
                publishers.insert(member.number, publisher);
            }
            if member.is_publisher() {
                stale |= !fresh;
                let head = status.and_then(|feed| feed.head);
                freshness.push(Freshness {
                    publisher: member.slug.clone(),
                    seq: head.map(|head| head.seq),
                    issued: head.map(|head| head.issued.0),
                    fresh,
                });
            }
        }
        // CHARTER-22: nobody knows who belongs to the alliance now.
        stale |= now >= charter.expires;
        Context {
            publishers,
            names: charter.policy.names_publishers,
            corroboration: usize::from(charter.policy.corroboration),
            today: now.day(),
            stale,
            // Strings and numbers encode in every case.
            feeds_json: serde_json::value::to_raw_value(&freshness).expect("freshness encodes"),
            feeds: freshness,
        }
    }

    /// The table lacks committed batches: the absence of a listing says nothing.
    #[must_use]
    pub fn behind(self) -> Context {
        Context { stale: true, ..self }
    }

    /// The feeds that answers depend on.
    pub fn feeds(&self) -> &[Freshness] {
        &self.feeds
    }

    /// The same as a JSON array, written once for all answers of the moment.
    pub fn feeds_json(&self) -> &RawValue {
        &self.feeds_json
    }

    /// Whether some feed has not been heard from.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The answer for the tokens of one subject. `found` and `more` keep their memory between calls.
    pub fn answer(
        &self,
        class: Class,
        derivations: &Derivations,
        table: &Reader,
        (found, more): (&mut Vec<Row>, &mut Vec<Row>),
    ) -> Answer {
        found.clear();
        for (epoch, derived) in derivations.iter() {
            table.get(&prefix_of(&derived.token()), more);
            // A listing that its publisher has carried into the newer epoch already counts once.
            let carried =
                |row: &Row| found.iter().any(|newer| (newer.publisher, newer.list) == (row.publisher, row.list));
            more.retain(|row| row.epoch == epoch && !carried(row));
            found.append(more);
        }
        // The order in which the table has them under one token.
        found.sort_unstable_by_key(|row| (row.publisher, row.list));
        // A prefix of 16 bytes may be shared by a token that somebody made up; classes keep at least those apart that
        // could be mistaken for each other by a person.
        found.retain(|row| row.class == class.number() && self.today < row.expires && self.is_in_force(row.publisher));
        if found.is_empty() {
            return Answer::bare(if self.stale { Verdict::Stale } else { Verdict::NotListed });
        }
        self.describe(found)
    }

    fn describe(&self, rows: &[Row]) -> Answer {
        let listings: Vec<Listed> = rows.iter().filter_map(|row| self.listed(row)).collect();
        let enforceable = listings.iter().any(|listing| listing.list.is_enforceable());
        let candidate = listings.iter().any(|listing| listing.list == List::Cand);
        let members = self.most_members(rows);
        Answer {
            answer: match (enforceable, candidate) {
                (true, _) => Verdict::Listed,
                (false, true) => Verdict::Candidate,
                (false, false) if self.stale => Verdict::Stale,
                (false, false) => Verdict::NotListed,
            },
            members,
            corroborated: members >= self.corroboration,
            victim: listings.iter().any(|listing| listing.list == List::Vic),
            listings,
            ..Answer::bare(Verdict::Listed)
        }
    }

    /// The most members under different control that list one conduct on enforceable lists.
    fn most_members(&self, rows: &[Row]) -> usize {
        let mut controllers: BTreeMap<u8, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            let enforceable = List::from_number(row.list).is_some_and(List::is_enforceable);
            if let Some(publisher) = self.publishers.get(&row.publisher).filter(|_| enforceable) {
                controllers.entry(row.conduct).or_default().insert(&publisher.controller);
            }
        }
        controllers.values().map(BTreeSet::len).max().unwrap_or(0)
    }

    fn listed(&self, row: &Row) -> Option<Listed> {
        let publisher = self.publishers.get(&row.publisher)?;
        let list = List::from_number(row.list)?;
        Some(Listed {
            publisher: self.names.then(|| publisher.slug.clone()),
            list,
            statutory: list.is_statutory(),
            conduct: Conduct::from_number(row.conduct)?,
            severity: Severity::from_number(row.severity)?,
            role: Role::from_number(row.role),
            direction: Direction::from_number(row.direction),
            listed: row.listed.to_string(),
            expires: last_day(row.expires).to_string(),
            fresh: publisher.fresh,
            details: None,
            entry: (row.publisher, u64::from(row.leaf), row.epoch),
        })
    }

    /// Entries of expelled members have no say.
    fn is_in_force(&self, publisher: MemberNumber) -> bool {
        self.publishers.contains_key(&publisher)
    }
}

/// People count the last day on which a listing holds; entries carry the first on which it does not.
pub fn last_day(expires: Day) -> Day {
    Day(expires.0.saturating_sub(1))
}

/// The inverse of [`last_day`].
pub fn first_day_after(last: Day) -> Day {
    last.plus(1)
}
