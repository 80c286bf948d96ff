//! The one place that names metrics. None of them holds an identifier, a token or a member's checks by subject.

use std::sync::atomic::AtomicU64;

use antibrush_protocol::replica::Offence;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    check::Verdict,
    recommend::{Action, Mode},
    tokens::HolderProblem,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// A member's short name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPublisher {
    publisher: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Recommended {
    mode: &'static str,
    recommendation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rule {
    rule: &'static str,
}

/// All counters of a node.
pub struct Metrics {
    registry: Registry,
    checks: Family<Kind, Counter>,
    check_seconds: Histogram,
    entries: Counter,
    batches: Counter,
    chunk_bytes: Counter,
    chunks_refused: Counter,
    storage_failures: Counter,
    offences: Family<Kind, Counter>,
    refused: Family<Rule, Counter>,
    evaluated: Counter,
    evaluated_for_others: Counter,
    quota_exhausted: Counter,
    holder_problems: Family<Kind, Counter>,
    /// Rows of the token table.
    pub table_rows: Gauge<i64>,
    /// Bytes of the token table in memory.
    pub table_bytes: Gauge<i64>,
    /// Connected members' nodes.
    pub peers: Gauge<i64>,
    /// Feeds that have not been heard from.
    pub stale_feeds: Gauge<i64>,
    /// Entries without effect.
    pub void_entries: Gauge<u64, AtomicU64>,
    /// Other versions of charters in force here.
    pub charter_forks: Gauge<i64>,
    /// Leaves whose contents this node has erased.
    pub erased: Gauge<u64, AtomicU64>,
    /// Members that have not yet said that they forgot as much.
    pub receipts_behind: Gauge<i64>,
    withheld: Family<OfPublisher, Gauge<i64>>,
    unwitnessed: Family<OfPublisher, Gauge<i64>>,
    bursts: Family<OfPublisher, Gauge<i64>>,
    overturned: Family<OfPublisher, Gauge<i64>>,
    known_new: Family<OfPublisher, Gauge<i64>>,
    known_bursts: Family<OfPublisher, Gauge<i64>>,
    hits: Family<OfPublisher, Counter>,
    recommendations: Family<Recommended, Counter>,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("antibrush");
        let buckets = [20e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 5e-3, 25e-3, 100e-3, 1.0];
        let metrics = Metrics {
            checks: Family::default(),
            check_seconds: Histogram::new(buckets),
            entries: Counter::default(),
            batches: Counter::default(),
            chunk_bytes: Counter::default(),
            chunks_refused: Counter::default(),
            storage_failures: Counter::default(),
            offences: Family::default(),
            refused: Family::default(),
            evaluated: Counter::default(),
            evaluated_for_others: Counter::default(),
            quota_exhausted: Counter::default(),
            holder_problems: Family::default(),
            table_rows: Gauge::default(),
            table_bytes: Gauge::default(),
            peers: Gauge::default(),
            stale_feeds: Gauge::default(),
            void_entries: Gauge::default(),
            charter_forks: Gauge::default(),
            erased: Gauge::default(),
            receipts_behind: Gauge::default(),
            withheld: Family::default(),
            unwitnessed: Family::default(),
            bursts: Family::default(),
            overturned: Family::default(),
            known_new: Family::default(),
            known_bursts: Family::default(),
            hits: Family::default(),
            recommendations: Family::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("checks", "Subjects checked, by answer", m.checks.clone());
        registry.register(
            "recommendations",
            "Recommendations made to the risk system, or only counted in shadow mode",
            m.recommendations.clone(),
        );
        registry.register_with_unit(
            "check_request",
            "Time to answer a check request",
            Unit::Seconds,
            m.check_seconds.clone(),
        );
        registry.register("entries_committed", "Entries that became durable and queryable", m.entries.clone());
        registry.register("batches_committed", "Batches that became durable and queryable", m.batches.clone());
        registry.register_with_unit(
            "chunks_stored",
            "Body chunks verified and stored",
            Unit::Bytes,
            m.chunk_bytes.clone(),
        );
        registry.register(
            "chunks_refused",
            "Body chunks that were not what their header names",
            m.chunks_refused.clone(),
        );
        registry.register("storage_failures", "Commits that the disk refused", m.storage_failures.clone());
        registry.register("peer_offences", "Messages that no honest node sends, by kind", m.offences.clone());
        registry.register(
            "refused",
            "Objects of peers that were dropped, by the rule of docs/PROTOCOL.md that they break",
            m.refused.clone(),
        );
        registry.register(
            "identifiers_evaluated",
            "Identifiers that key holders evaluated for this node",
            m.evaluated.clone(),
        );
        registry.register(
            "elements_evaluated",
            "Elements that this node evaluated as a key holder",
            m.evaluated_for_others.clone(),
        );
        registry.register("quota_exhausted", "Requests beyond a member's quota of the day", m.quota_exhausted.clone());
        registry.register("holder_problems", "Key holders that did not answer, by reason", m.holder_problems.clone());
        registry.register("table_rows", "Rows of the token table", m.table_rows.clone());
        registry.register_with_unit("table_memory", "Memory of the token table", Unit::Bytes, m.table_bytes.clone());
        registry.register("peers_connected", "Connected nodes of members", m.peers.clone());
        registry.register("feeds_stale", "Feeds that have not been heard from", m.stale_feeds.clone());
        registry.register("entries_void", "Entries without effect since the start", m.void_entries.clone());
        registry.register(
            "check_hits",
            "Listings of this publisher in the answers to this platform's checks",
            m.hits.clone(),
        );
        registry.register(
            "publisher_burst",
            "Listings of the last seven days of the classes in which this publisher lists far more than it used to",
            m.bursts.clone(),
        );
        registry.register(
            "publisher_known_new",
            "Listings of this publisher of the last 30 days that this platform's own checks of the last 30 days hit",
            m.known_new.clone(),
        );
        registry.register(
            "publisher_known_burst",
            "Listings of the last seven days that own checks hit, of the classes in which these come in a burst",
            m.known_bursts.clone(),
        );
        registry.register(
            "publisher_overturned",
            "Rulings by which this publisher gave up a disputed listing",
            m.overturned.clone(),
        );
        registry.register(
            "charter_forks",
            "Second versions, signed by the stewards, of charters in force here",
            m.charter_forks.clone(),
        );
        registry.register("leaves_erased", "Leaves whose contents this node has erased", m.erased.clone());
        registry.register(
            "purge_receipts_behind",
            "Members that have not yet stated that they forgot what this node has erased",
            m.receipts_behind.clone(),
        );
        registry.register_with_unit(
            "feed_withheld",
            "Since when nothing came of the body of a batch that this publisher announced",
            Unit::Seconds,
            m.withheld.clone(),
        );
        registry.register(
            "feed_unwitnessed_entries",
            "Entries of this publisher that wait for witnesses before they take effect",
            m.unwitnessed.clone(),
        );
        for offence in Offence::ALL {
            drop(metrics.offences.get_or_create(&Kind { kind: offence.name() }));
        }
        Metrics { registry, ..metrics }
    }

    /// Counts an answer.
    pub fn checked(&self, verdict: Verdict, times: u64) {
        let kind = match verdict {
            Verdict::NotListed => "not_listed",
            Verdict::Listed => "listed",
            Verdict::Disputed => "disputed",
            Verdict::Candidate => "candidate",
            Verdict::Stale => "stale",
            Verdict::Invalid => "invalid",
            Verdict::Unavailable => "unavailable",
        };
        self.checks.get_or_create(&Kind { kind }).inc_by(times);
    }

    /// A check's answer has so many listings of this publisher.
    pub fn hit(&self, publisher: &str) {
        self.hits.get_or_create(&OfPublisher { publisher: publisher.to_owned() }).inc();
    }

    /// Something was recommended, or counted in shadow mode.
    pub fn recommended(&self, mode: Mode, action: Action) {
        let of = Recommended { mode: mode.code(), recommendation: action.code() };
        self.recommendations.get_or_create(&of).inc();
    }

    /// How long a check request took.
    pub fn check_took(&self, time: std::time::Duration) {
        self.check_seconds.observe(time.as_secs_f64());
    }

    /// A batch is in force.
    pub fn committed(&self, entries: u64) {
        self.batches.inc();
        self.entries.inc_by(entries);
    }

    /// A chunk was stored or refused.
    pub fn stored(&self, good: bool, bytes: usize) {
        if good {
            self.chunk_bytes.inc_by(bytes as u64);
        } else {
            self.chunks_refused.inc();
        }
    }

    /// A commit failed, if it did.
    pub fn storage_failed(&self, failed: bool) {
        self.storage_failures.inc_by(u64::from(failed));
    }

    /// Key holders evaluated identifiers for this node.
    pub fn evaluated(&self, identifiers: u64) {
        self.evaluated.inc_by(identifiers);
    }

    /// This node evaluated elements as a key holder.
    pub fn evaluated_for_others(&self, elements: u64) {
        self.evaluated_for_others.inc_by(elements);
    }

    /// A member asked beyond its quota.
    pub fn quota_exhausted(&self) {
        self.quota_exhausted.inc();
    }

    /// A key holder did not answer.
    pub fn holder_problem(&self, problem: &HolderProblem) {
        self.holder_problems.get_or_create(&Kind { kind: problem.code() }).inc();
    }

    /// A peer offended.
    pub fn offence(&self, offence: Offence) {
        self.offences.get_or_create(&Kind { kind: offence.name() }).inc();
    }

    /// An object of a peer was dropped.
    pub fn refused(&self, rule: &'static str) {
        self.refused.get_or_create(&Rule { rule }).inc();
    }

    /// Which publishers withhold a body, for how many seconds, and of whom how many entries wait for witnesses.
    pub fn set_waiting<'a>(
        &self,
        withheld: impl Iterator<Item = (&'a str, u64)>,
        unwitnessed: impl Iterator<Item = (&'a str, u64)>,
    ) {
        set_all(&self.withheld, withheld);
        set_all(&self.unwitnessed, unwitnessed);
    }

    /// In how many listings of the last week each publisher bursts, and how many disputed ones it gave up.
    pub fn set_quality<'a>(
        &self,
        bursts: impl Iterator<Item = (&'a str, u64)>,
        overturned: impl Iterator<Item = (&'a str, u64)>,
    ) {
        set_all(&self.bursts, bursts);
        set_all(&self.overturned, overturned);
    }

    /// How many new listings of each publisher own checks hit, and how many of them come in a burst.
    pub fn set_known<'a>(
        &self,
        new: impl Iterator<Item = (&'a str, u64)>,
        bursts: impl Iterator<Item = (&'a str, u64)>,
    ) {
        set_all(&self.known_new, new);
        set_all(&self.known_bursts, bursts);
    }

    /// The text of OpenMetrics.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a String has no failing case.
        encode(&mut text, &self.registry).expect("text takes every metric");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Who is not named any more is not shown any more.
fn set_all<'a>(family: &Family<OfPublisher, Gauge<i64>>, rows: impl Iterator<Item = (&'a str, u64)>) {
    family.clear();
    for (publisher, value) in rows {
        let publisher = OfPublisher { publisher: publisher.to_owned() };
        family.get_or_create(&publisher).set(i64::try_from(value).unwrap_or(i64::MAX));
    }
}
