//! The identifiers of this publisher's own active listings, encrypted at rest.
//!
//! A listing is published as a token, and a token of the next epoch cannot be made from it: to publish a listing again, its
//! publisher needs the identifier. One file, `vault/listings.vault` in the data directory (0700, the file 0600):
//!
//! ```text
//! "ABVAULT1" ‖ file id[16] ‖ check[16]            check: the first half of MAC("vault", file id)
//! length[2] ‖ number[4] ‖ sealed[length]          a record; numbers ascend; lengths in big-endian
//! ```
//!
//! A record is sealed by [`LocalKey::seal`] with `"vault" ‖ file id ‖ number` as its context, and padded to one of two sizes.
//!
//! **Trust:** whoever steals the file learns how many active listings this publisher has, which the feed tells everybody, and
//! nothing of the identifiers. Whoever steals the seal key as well has them all. Whoever can write to the file can make the node
//! forget: a record that was changed, moved, repeated or taken from another vault does not open, and is reported. An end that
//! was cut off between two records, or a whole old copy, cannot be told from the file alone; who publishes again compares with
//! the own feed, which says which listings are active.
//!
//! Identifiers of listings that were cleared or have expired are erased by writing the file anew without them
//! ([`Vault::forget`]).

mod file;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use antibrush_protocol::{
    codes::List,
    subject::{Class, MAX_CANONICAL_BYTES},
};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use self::file::{Contents, Place, VaultFile};
use crate::{
    keys::LocalKey,
    lang::Zh,
    storage::files::{self, FileError},
};

/// The directory in a data directory.
pub const DIRECTORY: &str = "vault";
/// The file in it.
pub const FILE: &str = "listings.vault";

/// Bytes in front of the identifier in a record.
const HEAD: usize = 14;
/// The two sizes of a padded record: nearly every identifier fits into the smaller one.
const SIZES: [usize; 2] = [64, HEAD + 2 + MAX_CANONICAL_BYTES + 3];

/// Why the vault cannot be opened or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Its head is damaged or was made under another seal key.
    #[error(
        "{} does not open with this node's seal key; restore it from the backup that belongs to the key, or move it away and \
         import your active listings again", path.display()
    )]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// No identifier is that long. Wrong use by our own side.
    #[error("an identifier has 1 to {MAX_CANONICAL_BYTES} bytes")]
    Length,
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for VaultError {
    fn zh(&self) -> String {
        match self {
            VaultError::Closed { path } => format!(
                "{} 无法用本节点的密封密钥打开：请恢复与该密钥对应的备份，或移走该文件后重新导入有效名单",
                path.display()
            ),
            VaultError::Length => format!("标识的长度应为 1 至 {MAX_CANONICAL_BYTES} 字节：请检查导入的名单"),
            VaultError::File(error) => error.zh(),
        }
    }
}

/// An active listing of this publisher, with its identifier. `Debug` shows nothing of it; wiped when dropped.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct VaultRecord {
    /// The leaf of the own feed that has the listing.
    #[zeroize(skip)]
    pub leaf: u64,
    /// The epoch of the key that made its token.
    #[zeroize(skip)]
    pub epoch: u16,
    /// The list.
    #[zeroize(skip)]
    pub list: List,
    /// The class of the identifier.
    #[zeroize(skip)]
    pub class: Class,
    /// The identifier in canonical form.
    pub canonical: String,
}

impl fmt::Debug for VaultRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultRecord(..)")
    }
}

impl VaultRecord {
    /// `leaf[8] ‖ epoch[2] ‖ list[1] ‖ class[1] ‖ length[2] ‖ canonical`, then zeros up to one of the two sizes.
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let length = self.canonical.len();
        if length == 0 || length > MAX_CANONICAL_BYTES {
            return Err(VaultError::Length);
        }
        let size = if HEAD + length <= SIZES[0] { SIZES[0] } else { SIZES[1] };
        let mut out = Zeroizing::new(Vec::with_capacity(size));
        out.extend_from_slice(&self.leaf.to_be_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&[self.list.number(), self.class.number()]);
        // At most 253.
        out.extend_from_slice(&(length as u16).to_be_bytes());
        out.extend_from_slice(self.canonical.as_bytes());
        out.resize(size, 0);
        Ok(out)
    }

    fn decode(bytes: &[u8]) -> Option<VaultRecord> {
        let (leaf, rest) = bytes.split_first_chunk::<8>()?;
        let (epoch, rest) = rest.split_first_chunk::<2>()?;
        let ([list, class], rest) = rest.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let canonical = str::from_utf8(rest.get(..u16::from_be_bytes(*length).into())?).ok()?;
        Some(VaultRecord {
            leaf: u64::from_be_bytes(*leaf),
            epoch: u16::from_be_bytes(*epoch),
            list: List::from_number(*list)?,
            class: Class::from_number(*class)?,
            canonical: canonical.to_owned(),
        })
    }
}

/// The vault. Shared by reference between threads; identifiers are read from the file when they are asked for.
pub struct Vault {
    path: PathBuf,
    key: LocalKey,
    inner: Mutex<Inner>,
}

struct Inner {
    file: VaultFile,
    places: BTreeMap<u64, Place>,
    /// A rewrite failed, and it is not known whether the name is the old file's or the new one's.
    doubtful: bool,
}

impl Vault {
    /// Opens the vault of a data directory, or makes an empty one. What a crash left of an unfinished record is cut off, and
    /// said in the log; records in the middle that no longer open are counted there.
    ///
    /// # Errors
    /// [`VaultError::Closed`], [`VaultError::File`].
    pub fn open(data: &Path, key: LocalKey) -> Result<Vault, VaultError> {
        let directory = data.join(DIRECTORY);
        files::create_private_dir(&directory)?;
        files::remove_leftovers(&directory)?;
        let path = directory.join(FILE);
        if !path.try_exists().unwrap_or(true) {
            Contents::new(&path, &key).write()?;
        }
        let (file, records) = VaultFile::open(&path, &key)?;
        // Of two records of one leaf the later counts.
        let places = records.into_iter().collect();
        Ok(Vault { path, key, inner: Mutex::new(Inner { file, places, doubtful: false }) })
    }

    /// Keeps records; they are on the disk when this returns. A record of a leaf that is here takes the other's place.
    ///
    /// # Errors
    /// [`VaultError`]; none of them is kept then.
    pub fn put_all(&self, records: &[VaultRecord]) -> Result<(), VaultError> {
        let plain: Vec<_> = records.iter().map(VaultRecord::encode).collect::<Result<_, _>>()?;
        let mut inner = self.certain()?;
        let places = inner.file.append(&self.path, &self.key, &plain)?;
        inner.places.extend(records.iter().map(|record| record.leaf).zip(places));
        Ok(())
    }

    /// Whether there is a record of a leaf.
    pub fn contains(&self, leaf: u64) -> bool {
        self.lock().places.contains_key(&leaf)
    }

    /// The leaves that have a record.
    pub fn leaves(&self) -> Vec<u64> {
        self.lock().places.keys().copied().collect()
    }

    /// The record of a leaf.
    pub fn get(&self, leaf: u64) -> Option<VaultRecord> {
        let inner = self.lock();
        match inner.file.read(&self.path, &self.key, *inner.places.get(&leaf)?) {
            Ok(plain) => VaultRecord::decode(&plain?),
            Err(error) => {
                tracing::error!(%error, "an identifier cannot be read from the vault");
                None
            }
        }
    }

    /// All records, by leaf. One that is forgotten meanwhile is left out.
    pub fn iter(&self) -> impl Iterator<Item = VaultRecord> + '_ {
        let leaves: Vec<u64> = self.lock().places.keys().copied().collect();
        leaves.into_iter().filter_map(|leaf| self.get(leaf))
    }

    /// How many listings it has.
    pub fn len(&self) -> usize {
        self.lock().places.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Erases the records of these leaves: the file is written anew without them and takes the old one's name. The old file's
    /// blocks are free then, which does not overwrite them; they are encrypted like the rest, and backups keep what they have.
    ///
    /// Returns how many were erased.
    ///
    /// # Errors
    /// [`VaultError::File`]; it can be tried again then.
    pub fn forget(&self, leaves: &BTreeSet<u64>) -> Result<usize, VaultError> {
        let mut inner = self.certain()?;
        let gone = leaves.iter().filter(|leaf| inner.places.contains_key(leaf)).count();
        // One that another took the place of, or that no longer opens, goes as well.
        if gone == 0 && inner.file.records() == inner.places.len() {
            return Ok(0);
        }
        let mut kept = Vec::with_capacity(inner.places.len() - gone);
        let mut contents = Contents::new(&self.path, &self.key);
        for (leaf, place) in inner.places.iter().filter(|(leaf, _)| !leaves.contains(leaf)) {
            // A record that the disk does not give at this moment may not be lost by the rewrite: it fails then.
            if let Some(plain) = inner.file.read(&self.path, &self.key, *place)? {
                kept.push((*leaf, contents.push(&plain)?));
            }
        }
        inner.doubtful = true;
        inner.file = contents.write()?;
        inner.places = kept.into_iter().collect();
        inner.doubtful = false;
        Ok(gone)
    }

    /// Like [`Vault::lock`], and opens the file again if a rewrite left a doubt about which it is: what is written to a file
    /// that lost its name is lost.
    fn certain(&self) -> Result<MutexGuard<'_, Inner>, VaultError> {
        let mut inner = self.lock();
        if inner.doubtful {
            let (file, records) = VaultFile::open(&self.path, &self.key)?;
            *inner = Inner { file, places: records.into_iter().collect(), doubtful: false };
        }
        Ok(inner)
    }

    // A panic elsewhere does not make the file unusable: places are changed after the file was.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.path.display())
    }
}

#[cfg(test)]
mod tests;
