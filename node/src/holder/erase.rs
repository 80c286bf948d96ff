//! Erases the secrets that the charter and the board no longer need, and says so.

use std::time::{Duration, SystemTime};

use antibrush_protocol::{
    base::Timestamp,
    board::{Board, Deletion, Post},
    charter::{CharterChain, TokenKey},
};

use super::{
    Holder,
    shares::{HeldShare, ShareError, Shares},
    standing,
};
use crate::core::View;

/// For how long after the deadline a seed is kept: a holder that was away hears only later that all had confirmed in time, and
/// has no other way to its shares. Less than the board keeps the ceremony.
const SEED_KEPT_SECONDS: u64 = 6 * 86_400;

/// For how long a seed is kept whose ceremony the board does not know. The board may have been lost with the other documents
/// and comes back from the members; a ceremony lasts 7 days at most.
const UNKNOWN_SEED_KEPT: Duration = Duration::from_secs(8 * 86_400);

/// Erases the seeds of ceremonies that are over.
pub(super) fn seeds(
    shares: &Shares,
    chain: &CharterChain,
    board: &Board,
    now: Timestamp,
    files_now: SystemTime,
) -> Result<(), ShareError> {
    for id in shares.seeds()? {
        let over = match board.call(&id).map(|call| call.payload()) {
            // Once the charter has the keys, the seed goes as soon as the shares are here.
            Some(call) => now >= call.deadline.plus(SEED_KEPT_SECONDS) && !standing::is_replaced(chain, call),
            None => shares.seed_age(&id, files_now)? >= UNKNOWN_SEED_KEPT,
        };
        if over {
            shares.drop_seed(&id)?;
        }
    }
    Ok(())
}

/// Erases the shares that the charter has replaced: those of an earlier version, once the present one is here, and those of a
/// key that never came into the charter and whose place another one has.
pub(super) fn old_shares(shares: &Shares, chain: &CharterChain) -> Result<(), ShareError> {
    let held = shares.list()?.held;
    let is_here = |id: &[u8; 32], public: &[u8; 32]| held.iter().any(|h| h.key_id == *id && h.public == *public);
    for old in &held {
        let of = |key: &&TokenKey| (key.class, key.epoch) == (old.class, old.epoch);
        let Some(key) = chain.current().token_keys.iter().find(of) else { continue };
        let id = key.id();
        let replaced = if id == old.key_id {
            let present = key.public_share(old.holder_index);
            present.is_some_and(|present| *present != old.public && is_here(&id, present)) && was_in_charter(chain, old)
        } else {
            true
        };
        if replaced {
            shares.drop_share(&old.key_id, &old.public)?;
        }
    }
    Ok(())
}

/// Whether a charter had this share: one that none had may be of a refresh that is not in the charter yet.
fn was_in_charter(chain: &CharterChain, share: &HeldShare) -> bool {
    chain.from(1).iter().flat_map(|version| &version.charter().token_keys).any(|key| {
        (key.class, key.epoch) == (share.class, share.epoch)
            && key.public_share(share.holder_index) == Some(&share.public)
    })
}

/// Erases shares of retired keys, and the seeds from which they could be made again, and states it, once.
pub(super) fn retired(holder: &Holder, view: &View, now: Timestamp) -> Vec<Post> {
    let mut posts = Vec::new();
    let Some(member) = view.member() else { return posts };
    let me = member.number;
    let retired = view.charter().token_keys.iter().filter(|key| !key.is_active() && key.share_of(me).is_some());
    for key in retired {
        let id = key.id();
        let unknown = match seeds_of(holder.shares(), &view.board, key) {
            Ok(unknown) => unknown,
            Err(error) => {
                tracing::error!(%error, "the seed of a retired key could not be erased");
                continue;
            }
        };
        match holder.shares().retire(&id) {
            Ok(0) => {}
            Ok(_) => {
                tracing::info!(class = key.class.code(), epoch = key.epoch, "the share of a retired key was erased")
            }
            Err(error) => {
                tracing::error!(%error, "the share of a retired key could not be erased");
                continue;
            }
        }
        let said = view.board.deletions().any(|deletion| deletion.holder == me && deletion.key == id);
        // While there is a seed of which nobody can tell what it is for, it would not be sure to be true.
        if let Some(feed) = holder.keys().feed_of(member).ok().filter(|_| !said && !unknown) {
            let deletion = Deletion { alliance: view.chain.alliance(), holder: me, key: id, issued: now };
            posts.push(Post::sign(&deletion, feed, Post::Deletion));
        }
    }
    posts
}

/// Erases the seeds of all ceremonies for a key. Returns whether there is one whose ceremony the board does not know.
fn seeds_of(shares: &Shares, board: &Board, key: &TokenKey) -> Result<bool, ShareError> {
    let mut unknown = false;
    for id in shares.seeds()? {
        match board.call(&id) {
            Some(call) if standing::is_for_same(call.payload(), key.epoch, &[key.class]) => {
                shares.drop_seed(&id)?;
            }
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(unknown)
}

#[cfg(test)]
mod tests;
