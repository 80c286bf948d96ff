//! What members stated of what they have forgotten, beside what this node erased itself.

use antibrush_protocol::{board::PurgeReceipt, charter::Member};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    core::View,
    storage::{Forgotten, Store},
};

/// A member's last purge receipt.
#[derive(Serialize, ToSchema)]
pub struct ReceiptView {
    /// Whose.
    member: String,
    /// By which day what was due is erased there, as it states; absent if it has stated nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    /// When it was signed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<u64>,
    /// Leaves whose contents it states to be erased.
    erased: u64,
    /// The leaves that it looked at.
    size: u64,
    /// Whether this node has erased more than that: the member has not yet said that it forgot.
    behind: bool,
}

/// What every active member stated of all feeds, by number.
pub(super) fn receipts(view: &View, store: &Store) -> Vec<ReceiptView> {
    let found = erased_here(store);
    members(view).map(|member| ReceiptView::of(member, view.board.receipt(member.number), &found)).collect()
}

/// The same of one feed.
pub(super) fn receipts_of(view: &View, store: &Store, publisher: &Member) -> Vec<ReceiptView> {
    let mut found = erased_here(store);
    found.retain(|of, _| *of == publisher.number);
    let of_feed = |receipt: &PurgeReceipt| {
        let feeds = receipt.of(publisher.number).into_iter().copied().collect();
        PurgeReceipt { feeds, ..receipt.clone() }
    };
    let view_of = |member: &Member| {
        let receipt = view.board.receipt(member.number).map(of_feed);
        ReceiptView::of(member, receipt.as_ref(), &found)
    };
    members(view).map(view_of).collect()
}

/// How many leaves this node has erased, and how many members have not said so much.
pub(super) fn counts(view: &View, store: &Store) -> (u64, usize) {
    let erased = erased_here(store).values().map(|feed| feed.all).sum();
    (erased, receipts(view, store).iter().filter(|receipt| receipt.behind).count())
}

/// Nothing before the first run of forgetting.
fn erased_here(store: &Store) -> Forgotten {
    store.forgotten().map(|(_, found)| found).unwrap_or_default()
}

fn members(view: &View) -> impl Iterator<Item = &Member> {
    view.charter().members.iter().filter(|member| member.is_active() && member.role.signs())
}

impl ReceiptView {
    fn of(member: &Member, receipt: Option<&PurgeReceipt>, found: &Forgotten) -> ReceiptView {
        let stated = |publisher| receipt.and_then(|receipt| receipt.of(publisher)).map_or(0, |feed| feed.erased);
        ReceiptView {
            member: member.slug.clone(),
            day: receipt.map(|receipt| receipt.day.to_string()),
            issued: receipt.map(|receipt| receipt.issued.0),
            erased: receipt.map_or(0, PurgeReceipt::erased),
            size: receipt.map_or(0, |receipt| receipt.feeds.iter().map(|feed| feed.size).sum()),
            behind: found.iter().any(|(publisher, feed)| stated(*publisher) < feed.all),
        }
    }
}
