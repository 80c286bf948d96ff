//! The own figures of effects on disk: `effects.cbor`, numbers alone, and `effects-hits.sealed`, which listings were first hit when.
//!
//! **Trust:** whoever can write to the numbers can make them up, and nothing else. The other file tells by its length how many listings
//! were hit; it opens under this node's seal key alone. A file that is damaged, or of another key, is set aside and begun anew.

use std::path::Path;

use antibrush_protocol::{
    base::{Day, MemberNumber},
    encoding::{DecodeError, Reader, Wire, Writer},
};

use super::{
    Key,
    own::{Checks, Counts, Figures, FirstHits, MONTHS, MOST_FIRST_HITS, MOST_ROWS},
};
use crate::{
    keys::LocalKey,
    lang::Zh,
    storage::{
        Histogram,
        files::{self, FileError},
    },
};

const COUNTS: &str = "effects.cbor";
const FIRST_HITS: &str = "effects-hits.sealed";
const CONTEXT: &[u8] = b"antibrush/v1/effects-hits";
const VERSION: u64 = 1;

/// Members that a charter may have had, expelled ones among them.
const MOST_MEMBERS: usize = 65_536;

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SavedError(#[from] FileError);

impl Zh for SavedError {
    fn zh(&self) -> String {
        self.0.zh()
    }
}

impl Wire for Counts {
    // Rows of some 60 bytes with a few dozen different days each at most; the others are small.
    const MAX_BYTES: usize = 64 << 20;

    fn write(&self, w: &mut Writer) {
        w.array(5).uint(VERSION).array(self.checks.len());
        for ((year, month), checks) in &self.checks {
            w.array(4).uint(*year).uint(*month).uint(checks.queries).uint(checks.hits);
        }
        w.array(self.rows.len());
        for (key, figures) in &self.rows {
            w.array(5).bytes(&key.pack()).uint(figures.hits).uint(figures.overdue).uint(figures.subjects_overdue);
            figures.to_measure.write(w);
        }
        w.array(self.through.len());
        for (member, day) in &self.through {
            w.array(2).uint(member.0).uint(day.0);
        }
        w.uint(self.measured);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(5)?;
        r.version(VERSION)?;
        let checks = r.items(2 * MONTHS as usize, |r| {
            r.tuple(4)?;
            let month = (r.small("year")?, r.small("month")?);
            Ok((month, Checks { queries: r.uint()?, hits: r.uint()? }))
        })?;
        let rows = r.items(2 * MOST_ROWS, |r| {
            r.tuple(5)?;
            let key =
                Key::unpack(&r.fixed::<{ crate::storage::KEY_BYTES }>()?).ok_or(DecodeError::OutOfRange("key"))?;
            let (hits, overdue, subjects_overdue) = (r.uint()?, r.uint()?, r.uint()?);
            Ok((key, Figures { hits, overdue, subjects_overdue, to_measure: Histogram::read(r)? }))
        })?;
        let through = r.items(MOST_MEMBERS, |r| {
            r.tuple(2)?;
            Ok((MemberNumber(r.small("member")?), Day(r.small("day")?)))
        })?;
        let measured = r.uint()?;
        let (checks, rows) = (checks.into_iter().collect(), rows.into_iter().collect());
        Ok(Counts { checks, rows, through: through.into_iter().collect(), measured })
    }
}

/// First hits as they are sealed.
struct Timed(FirstHits);

impl Wire for Timed {
    const MAX_BYTES: usize = MOST_FIRST_HITS * 16 + 16;

    fn write(&self, w: &mut Writer) {
        write_first_hits_to(w, &self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        r.version(VERSION)?;
        let hits = r.items(MOST_FIRST_HITS, |r| {
            r.tuple(3)?;
            Ok(((MemberNumber(r.small("publisher")?), r.uint()?), Day(r.small("day")?)))
        })?;
        Ok(Timed(hits.into_iter().collect()))
    }
}

fn write_first_hits_to(w: &mut Writer, hits: &FirstHits) {
    w.array(2).uint(VERSION).array(hits.len());
    for ((publisher, leaf), day) in hits {
        w.array(3).uint(publisher.0).uint(*leaf).uint(day.0);
    }
}

/// The numbers of a data directory.
pub(super) fn counts(directory: &Path) -> Result<Counts, SavedError> {
    let read = read(&directory.join(COUNTS), Counts::MAX_BYTES, |bytes| Counts::decode(bytes).ok())?;
    Ok(read.unwrap_or_default())
}

/// What is in a file, if there is one that holds anything. One that does not is set aside.
fn read<T>(path: &Path, most: usize, decode: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, SavedError> {
    let found = match files::read_bounded(path, most as u64) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => decode(&bytes),
        // Longer than it can be, or the disk does not give it.
        Err(error) => {
            tracing::warn!(%error, "own figures of effects cannot be read");
            None
        }
    };
    if found.is_none() {
        let aside = files::set_aside(path)?;
        tracing::warn!(aside = %aside.display(), "own figures of effects hold nothing that can be used, or are of another seal key: they are set aside and begun anew; put them back while the node is stopped if they should be used");
    }
    Ok(found)
}

/// Which listings were first hit when.
pub(super) fn first_hits(directory: &Path, key: &LocalKey) -> Result<FirstHits, SavedError> {
    let most = Timed::MAX_BYTES + crate::keys::OVERHEAD;
    let timed = read(&directory.join(FIRST_HITS), most, |sealed| Timed::decode(&key.open(CONTEXT, sealed)?).ok())?;
    Ok(timed.map(|timed| timed.0).unwrap_or_default())
}

pub(super) fn encode_counts(counts: &Counts) -> Vec<u8> {
    counts.encode()
}

pub(super) fn encode_first_hits(hits: &FirstHits) -> Vec<u8> {
    let mut w = Writer::default();
    write_first_hits_to(&mut w, hits);
    w.into_bytes()
}

pub(super) fn write_counts(directory: &Path, bytes: &[u8]) -> Result<(), FileError> {
    files::write_atomic(&directory.join(COUNTS), bytes, 0o600)
}

pub(super) fn write_first_hits(directory: &Path, key: &LocalKey, plain: &[u8]) -> Result<(), FileError> {
    files::write_atomic(&directory.join(FIRST_HITS), &key.seal(CONTEXT, plain), 0o600)
}

#[cfg(test)]
mod tests {
    use antibrush_protocol::codes::{Conduct, List};

    use super::*;

    fn key(seed: u8) -> LocalKey {
        LocalKey::derive(&[seed; 32], super::super::PURPOSE)
    }

    fn some() -> Counts {
        let row = |region| Key {
            month: (2026, 11),
            member: MemberNumber(3),
            list: List::Cxh,
            conduct: Some(Conduct::C01),
            region,
        };
        let mut timed = Figures { hits: 10, overdue: 2, subjects_overdue: 1, ..Figures::default() };
        timed.to_measure.add(Day(20_000), Day(20_004), 10);
        let few = Figures { hits: 9, ..Figures::default() };
        Counts {
            checks: [((2026, 10), Checks { queries: 7, hits: 1 }), ((2026, 11), Checks { queries: 1 << 40, hits: 10 })]
                .into(),
            rows: [(row(Some(330_100)), timed), (row(None), few)].into(),
            through: [(MemberNumber(3), Day(20_001))].into(),
            measured: 77,
        }
    }

    #[test]
    fn figures_are_read_as_they_were_written_and_damage_begins_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(counts(path).unwrap(), Counts::default());
        write_counts(path, &encode_counts(&some())).unwrap();
        assert_eq!(counts(path).unwrap(), some());
        let mut bytes = encode_counts(&some());
        bytes.pop();
        write_counts(path, &bytes).unwrap();
        assert_eq!(counts(path).unwrap(), Counts::default());
        // Nothing that comes after is written over what could not be read.
        write_counts(path, &encode_counts(&some())).unwrap();
        assert_eq!(std::fs::read(path.join("effects.cbor.damaged-1")).unwrap(), bytes);
        let long = std::fs::File::create(path.join(COUNTS)).unwrap();
        long.set_len(Counts::MAX_BYTES as u64 + 1).unwrap();
        assert_eq!(counts(path).unwrap(), Counts::default());
        assert!(path.join("effects.cbor.damaged-2").exists() && !path.join(COUNTS).exists());
    }

    #[test]
    fn first_hits_open_under_their_key_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let hits: FirstHits = [((MemberNumber(2), 5), Day(20_000)), ((MemberNumber(600), 1 << 32), Day(20_001))].into();
        write_first_hits(path, &key(1), &encode_first_hits(&hits)).unwrap();
        assert_eq!(first_hits(path, &key(1)).unwrap(), hits);
        assert_eq!(first_hits(path, &key(2)).unwrap(), FirstHits::new());
        // What another key sealed is set aside: it may be put back with that key.
        let on_disk = std::fs::read(path.join("effects-hits.sealed.damaged-1")).unwrap();
        assert!(!path.join(FIRST_HITS).exists());
        assert!(!on_disk.windows(4).any(|part| encode_first_hits(&hits).windows(4).any(|plain| plain == part)));
    }

    #[test]
    fn fewer_than_ten_are_not_shown() {
        let counts = some();
        let [few, timed] = [0, 1].map(|at| counts.rows.values().nth(at).unwrap().clone());
        let (few, timed) = if few.hits == 9 { (few, timed) } else { (timed, few) };
        assert_eq!((timed.shown_hits(), timed.shown_median(), timed.is_hidden()), (Some(10), Some(4), false));
        assert_eq!((few.shown_hits(), few.shown_median(), few.is_hidden()), (None, None, true));
        let shown: Vec<_> = counts.checks.values().map(Checks::shown_hits).collect();
        assert_eq!(shown, [None, Some(10)]);
    }
}
