//! What the risk system is advised to do about a subject: `recommend.toml` in the data directory says it in rules, overrides say
//! it for single subjects, and in shadow mode it is only counted.
//!
//! An advice is an input and no decision: each platform decides by itself, and no alliance tells it to (反垄断法 on joint
//! boycotts). **Invariant:** no rule lifts three ceilings: a victim mark (`ignore`), a listing that nobody may act on (`review`), and a
//! natural person where nobody has said in words how a person reviews it (`review`, 个人信息保护法 art. 24). An override is the
//! platform's own decision and needs no listing; for victims and such persons it is at most `review`, too.

mod counts;
mod file;
mod overrides;
mod rules;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use antibrush_protocol::{base::Day, subject::Subject};
use arc_swap::ArcSwap;

pub use counts::{CountedAnswers, Counts, SAVE_EVERY};
pub use file::{DEFAULT, FILE, Fault, FileRefusal, Refused, SENTENCES, Wanted, parse};
pub use overrides::{Override, OverrideError, Overrides, PURPOSE, Wish};
pub use rules::{
    Action, Asked, Cap, Decided, Ground, Judged, Listing, Mode, Persons, Policy, Recommendation, Rule, Standing,
};

use crate::{clock, keys::LocalKey, lang::Zh};

/// Why recommendations cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RecommendError {
    /// The file is refused.
    #[error(transparent)]
    File(#[from] FileRefusal),
    /// The overrides cannot be read.
    #[error(transparent)]
    Overrides(#[from] OverrideError),
}

impl Zh for RecommendError {
    fn zh(&self) -> String {
        match self {
            RecommendError::File(error) => error.zh(),
            RecommendError::Overrides(error) => error.zh(),
        }
    }
}

/// A policy in force and where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct InForce {
    /// The policy.
    pub policy: Policy,
    /// Whether there is a file; else the default holds.
    pub has_file: bool,
}

/// Makes recommendations. Shared by all checks.
pub struct Recommender {
    directory: PathBuf,
    in_force: ArcSwap<InForce>,
    overrides: Overrides,
    counts: Mutex<Counts>,
    saving: Mutex<()>,
}

impl Recommender {
    /// Reads the file and the overrides of a data directory. `key` is derived for [`PURPOSE`].
    ///
    /// # Errors
    /// Whatever is wrong with them: a node does not start with rules that nobody meant.
    pub fn open(directory: &Path, key: LocalKey) -> Result<Recommender, RecommendError> {
        let (policy, has_file) = file::read(directory)?;
        let counts = Mutex::new(Counts::open(directory, &policy, clock::wall()));
        Ok(Recommender {
            directory: directory.to_path_buf(),
            in_force: ArcSwap::from_pointee(InForce { policy, has_file }),
            overrides: Overrides::open(directory, key)?,
            counts,
            saving: Mutex::default(),
        })
    }

    /// The policy in force.
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// The overrides.
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// Reads the file again. Counts begin anew if the rules changed, for they were those of others. Says whether they did.
    ///
    /// # Errors
    /// What is wrong with the file; what was in force stays so.
    pub fn reload(&self) -> Result<bool, FileRefusal> {
        let (policy, has_file) = file::read(&self.directory)?;
        let fresh = InForce { policy, has_file };
        let changed = **self.in_force.load() != fresh;
        if changed {
            // Together: counts are written down with the rules that they are of.
            let mut counts = self.lock();
            self.in_force.store(Arc::new(fresh));
            *counts = Counts::since(clock::wall());
        }
        Ok(changed)
    }

    /// Whether the file says something else than what is in force.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn is_behind(&self) -> Result<bool, FileRefusal> {
        let (policy, has_file) = file::read(&self.directory)?;
        Ok(**self.in_force.load() != InForce { policy, has_file })
    }

    /// What to do about a subject with these listings. Counted, and in shadow mode nothing else.
    pub fn advise(&self, subject: &Subject, listings: &[Listing<'_>], today: Day) -> Advice {
        let decided = self.overrides.find(subject, today);
        if decided.is_none() && listings.is_empty() {
            return Advice::default();
        }
        let in_force = self.in_force.load();
        let asked = Asked { class: subject.class(), personal: subject.is_personal() };
        let Some(advised) = in_force.policy.recommend(asked, listings, decided) else { return Advice::default() };
        self.lock().count(&advised, listings);
        let counted = Some((in_force.policy.mode, advised.action));
        let given = (in_force.policy.mode == Mode::Active).then_some(advised);
        Advice { given, counted }
    }

    /// What was recommended, or would have been, since the rules came into force here.
    pub fn counted(&self) -> (u64, Vec<CountedAnswers>) {
        let counts = self.lock();
        (counts.began(), counts.rows())
    }

    /// Writes the counts down, if there are new ones. What fails is tried again at the next time.
    pub fn save_counts(&self) {
        // What it guards is the file: the newer counts are written last.
        let _alone = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = {
            let mut counts = self.lock();
            counts.take_unsaved(&self.in_force.load().policy)
        };
        let Some(bytes) = bytes else { return };
        if let Err(error) = counts::write(&self.directory, &bytes) {
            self.lock().not_saved();
            tracing::warn!(%error, "what was recommended cannot be written down; a crash would take the counts");
        }
    }

    // Counters are whole after every change.
    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// What the answer carries; nothing in shadow mode.
    pub given: Option<Recommendation>,
    /// For the metrics.
    pub counted: Option<(Mode, Action)>,
}
