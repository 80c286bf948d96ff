//! Erases the secrets that the charter and the board no longer need, and says so.

use antibrush_protocol::{
    base::Timestamp,
    board::{Deletion, Post},
};

use super::Holder;
use crate::core::View;

/// Erases shares of retired keys and states it, once.
pub(super) fn retired(holder: &Holder, view: &View, now: Timestamp) -> Vec<Post> {
    let mut posts = Vec::new();
    let Some(me) = view.me else { return posts };
    let retired = view.charter().token_keys.iter().filter(|key| !key.is_active() && key.share_of(me).is_some());
    for key in retired {
        let id = key.id();
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
        if let Some(feed) = holder.keys().feed().ok().filter(|_| !said) {
            let deletion = Deletion { alliance: view.chain.alliance(), holder: me, key: id, issued: now };
            posts.push(Post::sign(&deletion, feed, Post::Deletion));
        }
    }
    posts
}
