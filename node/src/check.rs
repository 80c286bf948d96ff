//! Answers: what the alliance says of a subject, from memory.
//!
//! Nothing here leaves the process and nothing is asked of anybody. `listed` needs a listing in force on an enforceable
//! list; a candidate is never listed; and where a feed has not been heard from, the absence of a listing is `stale`, never
//! `not_listed`.

use std::{borrow::Cow, collections::BTreeMap};

use antibrush_protocol::{
    base::{Day, MemberNumber, Timestamp},
    charter::{CharterChain, MemberState},
    codes::{Conduct, Direction, List, Role, Severity, State},
    entry::{
        calendar::Calendar,
        lifecycle::{Cutoffs, Held, Life, Remark, Roster, Status, Subject},
    },
    replica::FeedStatus,
    subject::{Class, SubjectError},
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    lang::Zh,
    recommend::Recommendation,
    storage::{
        Remarks, standing_of,
        table::{Prefix, Reader, Row, prefix_of},
    },
    tokens::{Derivations, HolderProblem, Unavailable},
};

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No listing in force, and every feed has been heard from.
    NotListed,
    /// At least one listing in force, on a list that answers so, that nobody disputes.
    Listed,
    /// Every such listing is disputed: not enforceable until its publisher has ruled.
    Disputed,
    /// Only unverified reports, on CAND or lapsed: never enforceable.
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
    /// Where it stands in its life.
    #[schema(value_type = String, example = "confirmed")]
    pub state: State,
    /// Whether a member may act on it: confirmed, undisputed, and the subject no victim.
    pub enforceable: bool,
    /// How many members under different control list the same conduct, the publisher among them.
    pub members: usize,
    /// Since when it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<String>,
    /// Since when a dispute of it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disputed: Option<String>,
    /// Whether a dispute went unanswered past its hard stop.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// Whether its publisher has ruled against it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub struck: bool,
    /// Whether the publisher's feed has been heard from.
    pub fresh: bool,
    /// What the publisher sealed for those who hold the identifier; only if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// The member, the index of its List entry and the epoch of its token.
    #[serde(skip)]
    pub entry: (MemberNumber, u64, u16),
    /// The class of its subject and the day of listing.
    #[serde(skip)]
    pub origin: (Class, Day),
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
    /// What the risk system is advised to do by this platform's own rules; absent without a listing or an override, and in shadow
    /// mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendation: Option<Recommendation>,
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
            recommendation: None,
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
    roster: Roster,
    cutoffs: Cutoffs,
    stale: bool,
    feeds: Vec<Freshness>,
    feeds_json: Box<RawValue>,
}

struct Publisher {
    slug: String,
    fresh: bool,
}

impl Context {
    /// Gathers it. Our own feed is always fresh: this node writes it.
    pub fn new(
        chain: &CharterChain,
        me: Option<MemberNumber>,
        feeds: &[FeedStatus],
        calendar: &Calendar,
        now: Timestamp,
    ) -> Context {
        let charter = chain.current();
        let mut publishers = BTreeMap::new();
        let (mut freshness, mut stale) = (Vec::new(), false);
        for member in &charter.members {
            let status = feeds.iter().find(|feed| feed.publisher == member.number);
            let fresh = Some(member.number) == me || status.is_some_and(|feed| feed.is_fresh(now));
            let publisher = Publisher { slug: member.slug.clone(), fresh };
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
            roster: Roster::new(chain.from(1).iter().map(|version| &**version.charter())),
            cutoffs: Cutoffs::new(calendar, now.day()),
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

    /// Whether a member's feed has been heard from.
    pub fn is_fresh(&self, publisher: MemberNumber) -> bool {
        self.publishers.get(&publisher).is_some_and(|publisher| publisher.fresh)
    }

    /// Whether some feed has not been heard from.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Who is who for the lives of listings.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The days that decide what is over.
    pub fn cutoffs(&self) -> &Cutoffs {
        &self.cutoffs
    }

    /// The answer for the tokens of one subject. `found` and `more` keep their memory between calls.
    pub fn answer(
        &self,
        class: Class,
        derivations: &Derivations,
        (table, remarks): (&Reader, &Remarks),
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
        found.retain(|row| {
            let holds = (row.listed..row.expires).contains(&self.cutoffs.today);
            row.class == class.number() && holds && self.is_in_force(row.publisher)
        });
        if found.is_empty() {
            return Answer::bare(if self.stale { Verdict::Stale } else { Verdict::NotListed });
        }
        let mut said = Vec::new();
        if !remarks.is_empty() {
            derivations.iter().for_each(|(_, derived)| remarks.of(&prefix_of(&derived.token()), &mut said));
        }
        self.describe(found, &said)
    }

    fn describe(&self, rows: &[Row], said: &[Remark]) -> Answer {
        let held: Vec<Held> = rows.iter().filter_map(held).collect();
        let statuses = Subject::new(&held, said, &self.roster).statuses(&self.cutoffs);
        let listings: Vec<Listed> =
            held.iter().zip(&statuses).filter_map(|(held, status)| self.listed(held, status)).collect();
        let answers = |listing: &&Listed| listing.list.is_enforceable() && !listing.struck;
        let (candidates, standing): (Vec<&Listed>, Vec<&Listed>) =
            listings.iter().filter(answers).partition(|listing| listing.state == State::Lapsed);
        let candidate = !candidates.is_empty() || listings.iter().any(|listing| listing.list == List::Cand);
        let undisputed = standing.iter().any(|listing| listing.disputed.is_none());
        let members = standing.iter().chain(&candidates).map(|listing| listing.members).max().unwrap_or(0);
        Answer {
            answer: match (standing.is_empty(), candidate) {
                (false, _) if undisputed => Verdict::Listed,
                (false, _) => Verdict::Disputed,
                (true, true) => Verdict::Candidate,
                (true, false) if self.stale => Verdict::Stale,
                (true, false) => Verdict::NotListed,
            },
            members,
            corroborated: members >= self.corroboration,
            victim: statuses.iter().any(|status| status.victim),
            listings,
            ..Answer::bare(Verdict::Listed)
        }
    }

    fn listed(&self, held: &Held, status: &Status) -> Option<Listed> {
        let (publisher, standing) = (self.publishers.get(&held.publisher)?, &held.standing);
        Some(Listed {
            publisher: self.names.then(|| publisher.slug.clone()),
            list: held.list,
            statutory: held.list.is_statutory(),
            conduct: standing.conduct,
            severity: standing.severity,
            role: standing.role,
            direction: standing.direction,
            listed: standing.listed.to_string(),
            expires: last_day(standing.expires).to_string(),
            state: status.state,
            enforceable: status.enforceable,
            members: status.members,
            confirmed: status.confirmed.map(|day| day.to_string()),
            disputed: status.disputed.map(|day| day.to_string()),
            suspended: status.suspended,
            struck: status.struck,
            fresh: publisher.fresh,
            details: None,
            entry: (held.publisher, standing.leaf, standing.epoch),
            origin: (standing.class, standing.listed),
        })
    }

    /// Entries of expelled members have no say.
    fn is_in_force(&self, publisher: MemberNumber) -> bool {
        self.publishers.contains_key(&publisher)
    }
}

/// A row as the lives of listings want it; `None` if its codes are not ours, which only damage can bring about.
pub fn held(row: &Row) -> Option<Held> {
    let (publisher, list) = (row.publisher, List::from_number(row.list)?);
    Some(Held { publisher, list, standing: standing_of(row)?, ended: None })
}

/// Shows every listing in force with its status and what was said of it, those of one token together, in one pass over the table.
pub fn for_each_listing(
    table: &Reader,
    remarks: &Remarks,
    roster: &Roster,
    cutoffs: &Cutoffs,
    mut each: impl FnMut(&Held, &Status, Option<&Life>),
) {
    let (mut of, mut listings): (Prefix, Vec<Held>) = Default::default();
    let (mut said, mut statuses): (Vec<Remark>, Vec<Status>) = Default::default();
    let mut subject = |prefix: &Prefix, listings: &[Held]| {
        said.clear();
        remarks.of(prefix, &mut said);
        let lives = Subject::new(listings, &said, roster);
        lives.statuses_into(cutoffs, &mut statuses);
        for (at, (held, status)) in listings.iter().zip(&statuses).enumerate() {
            each(held, status, lives.life(at));
        }
    };
    // Rows come by prefix.
    table.for_each(None, |row| {
        if row.prefix != of {
            subject(&of, &listings);
            of = row.prefix;
            listings.clear();
        }
        listings.extend(held(row).filter(|held| held.is_in_force(cutoffs.today)));
    });
    subject(&of, &listings);
}

/// People count the last day on which a listing holds; entries carry the first on which it does not.
pub fn last_day(expires: Day) -> Day {
    Day(expires.0.saturating_sub(1))
}

/// The inverse of [`last_day`].
pub fn first_day_after(last: Day) -> Day {
    last.plus(1)
}
