//! Chunks of our own batch in the making: each is verified and made durable as soon as it is complete, while the rest is
//! still planned, so that publishing has little left to wait for.
//!
//! Nothing counts before a signed header names it. What is staged for a batch that never comes is an orphan, which
//! [`Store::sweep`] removes later.

use std::sync::Arc;

use antibrush_protocol::{
    feed::{ChunkDescriptor, chunk},
    replica::BatchId,
};
use tokio::{runtime::Handle, task::JoinHandle};

use crate::storage::Store;

/// The staged chunks of one batch.
pub struct Staging {
    store: Arc<Store>,
    batch: BatchId,
    tasks: Vec<JoinHandle<()>>,
    is_settled: bool,
}

impl Staging {
    /// Nothing is staged yet.
    pub fn new(store: Arc<Store>, batch: BatchId) -> Staging {
        Staging { store, batch, tasks: Vec::new(), is_settled: false }
    }

    /// Stages what is complete and not staged yet. `closed` are all complete chunks of the batch, from the first on.
    pub fn stage(&mut self, closed: &[(ChunkDescriptor, Arc<[u8]>)]) {
        for (index, (descriptor, bytes)) in closed.iter().enumerate().skip(self.tasks.len()) {
            let (store, batch, descriptor, bytes) = (self.store.clone(), self.batch, *descriptor, bytes.clone());
            self.tasks.push(Handle::current().spawn_blocking(move || {
                // A disk that refuses now is asked again, and answers for it, when the batch is published.
                if let Ok(place) = chunk::place(&bytes) {
                    let _ = store.put_chunk(batch, index as u32, place, &descriptor, &bytes);
                }
            }));
        }
    }

    /// Waits until everything staged is on the disk; the batch is published next.
    pub async fn settle(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            // It ended in some way: publishing finds out in which.
            let _ = task.await;
        }
        self.is_settled = true;
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_settled {
            self.store.forget_assembled(self.batch);
        }
    }
}
