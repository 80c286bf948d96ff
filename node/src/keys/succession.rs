//! A key, its successor and its predecessor: three files of one role, and the charter says which of them signs.
//!
//! The successor is made beside the key in use and waits until the charter names it. From the start after that on it takes the
//! key's place, and the predecessor stays for what was begun with it. Files are linked and renamed, never written again, so that
//! a crash at any moment leaves every key in at least one of the three.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use antibrush_protocol::{
    charter::{Charter, Member},
    signed::PublicKey,
};

use super::{
    roles::{FeedKey, KeyRole, NodeKey, Signer},
    store::{KeyError, KeyStore, Keys, MODE, Protection, make, read_file},
};
use crate::storage::files::{self, FileError, Operation};

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `feed.pem`: the key in use.
    Present,
    /// `feed.next.pem`: made, and not in use yet.
    Next,
    /// `feed.former.pem`: succeeded.
    Former,
}

impl Place {
    /// The files of all roles, the keys in use first. Only feed and node keys succeed.
    pub(super) fn all() -> impl Iterator<Item = (KeyRole, Place)> {
        let others = [KeyRole::Feed, KeyRole::Node].into_iter();
        let others = others.flat_map(|role| [(role, Place::Next), (role, Place::Former)]);
        KeyRole::ALL.into_iter().map(|role| (role, Place::Present)).chain(others)
    }

    /// The file of a role.
    pub fn path(self, directory: &Path, role: KeyRole) -> PathBuf {
        let keys = directory.join("keys");
        match self {
            Place::Present => keys.join(role.file_name()),
            Place::Next => keys.join(format!("{role}.next.pem")),
            Place::Former => keys.join(format!("{role}.former.pem")),
        }
    }
}

impl Keys {
    /// The feed key that signs for this member by a version of the charter: its present one, or whatever lies here while the
    /// charter names none.
    ///
    /// # Errors
    /// [`KeyError::Elsewhere`], [`KeyError::Missing`].
    pub fn feed_of(&self, member: &Member) -> Result<&FeedKey, KeyError> {
        match member.present_feed_key() {
            Some(present) => self.feed_with(&present.key),
            None => self.feed(),
        }
    }

    /// The feed key with this public key.
    ///
    /// # Errors
    /// [`KeyError::Elsewhere`], [`KeyError::Missing`] if there is no feed key at all.
    pub fn feed_with(&self, public: &PublicKey) -> Result<&FeedKey, KeyError> {
        self.feed()?;
        let elsewhere = || KeyError::Elsewhere { role: KeyRole::Feed, public: hex::encode(public) };
        self.feeds.iter().find(|key| key.public() == *public).ok_or_else(elsewhere)
    }

    /// The node key that the charter names, or the one in use while it names none of them.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn node_in(&self, charter: &Charter) -> Result<&NodeKey, KeyError> {
        let named = |key: &PublicKey| charter.members.iter().any(|member| member.node(key).is_some());
        match self.nodes.iter().find(|key| named(&key.public())) {
            Some(key) => Ok(key),
            None => self.node(),
        }
    }

    /// The signer of a key that lies here, feed or node.
    ///
    /// # Errors
    /// [`KeyError::Elsewhere`].
    pub fn signer(&self, role: KeyRole, public: &PublicKey) -> Result<&dyn Signer, KeyError> {
        let feeds = self.feeds.iter().filter(|_| role == KeyRole::Feed).map(|key| key as &dyn Signer);
        let nodes = self.nodes.iter().filter(|_| role == KeyRole::Node).map(|key| key as &dyn Signer);
        let found = feeds.chain(nodes).find(|key| key.public() == *public);
        found.ok_or_else(|| KeyError::Elsewhere { role, public: hex::encode(public) })
    }

    /// Puts successors that the charter names into the place of the keys in use, whose files it keeps beside them. The caller
    /// holds the data directory.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn settle(&self, charter: &Charter, node: &PublicKey) -> Result<(), KeyError> {
        let feed = charter.member_of_node(node).and_then(Member::present_feed_key).map(|key| key.key);
        for (role, named) in [(KeyRole::Feed, feed), (KeyRole::Node, Some(*node))] {
            if let Some(named) = named {
                settle_as(&self.directory, role, &named)?;
            }
        }
        Ok(())
    }
}

impl KeyStore {
    /// Sets a successor aside that was made and never named: a copy of the directory may have been taken meanwhile. It stays beside the
    /// others under the beginning of its public key, and nothing opens it. `false` if there is none.
    ///
    /// # Errors
    /// [`KeyError::File`], and those of [`KeyStore::public`].
    pub fn set_successor_aside(directory: &Path, role: KeyRole) -> Result<bool, KeyError> {
        let path = Place::Next.path(directory, role);
        if path.symlink_metadata().is_err() {
            return Ok(false);
        }
        let public = KeyStore::public_at(directory, role, Place::Next)?;
        let aside = directory.join("keys").join(format!("{role}.unused-{}.pem", hex::encode(&public[..8])));
        fs::rename(&path, &aside).map_err(|error| FileError::new(&aside, Operation::Rename, &error))?;
        files::sync_dir(&directory.join("keys"))?;
        Ok(true)
    }

    /// Draws the successor of a key, unless one is made already, and returns its public key.
    ///
    /// # Errors
    /// [`KeyError::File`], [`KeyError::Internal`], and those of [`KeyStore::public`] for the one that is there.
    pub fn make_successor(directory: &Path, role: KeyRole, protection: &Protection) -> Result<PublicKey, KeyError> {
        let path = Place::Next.path(directory, role);
        if path.symlink_metadata().is_err() {
            let (_, text) = make(role, None, protection)?;
            match files::create_exclusive(&path, text.as_bytes(), MODE) {
                Err(error) if error.kind != io::ErrorKind::AlreadyExists => return Err(error.into()),
                _ => {}
            }
        }
        KeyStore::public_at(directory, role, Place::Next)
    }

    /// The public key in one of the files of a role.
    ///
    /// # Errors
    /// As [`KeyStore::public`].
    pub fn public_at(directory: &Path, role: KeyRole, place: Place) -> Result<PublicKey, KeyError> {
        let path = place.path(directory, role);
        let text = read_file(&path, role)?.ok_or_else(|| KeyError::Missing { role, path: path.clone() })?;
        super::file::decode_public(role, &text).map_err(|_| KeyError::Damaged { role, path })
    }
}

/// Puts the successor into the place of the key in use if it is the one that the charter names. The predecessor of the predecessor
/// goes: it was succeeded twice, and what it signed was finished long ago.
pub(super) fn settle_as(directory: &Path, role: KeyRole, named: &PublicKey) -> Result<(), KeyError> {
    if KeyStore::public_at(directory, role, Place::Next).ok() != Some(*named) {
        return Ok(());
    }
    let [present, next, former] = [Place::Present, Place::Next, Place::Former].map(|place| place.path(directory, role));
    let failed = |path: &Path, error: io::Error| KeyError::from(FileError::new(path, Operation::Rename, &error));
    let aside = former.with_extension("pem.new");
    drop(fs::remove_file(&aside));
    match fs::hard_link(&present, &aside) {
        Ok(()) => {
            fs::rename(&aside, &former).map_err(|error| failed(&former, error))?;
            // Two names of one file: renaming one to the other left both.
            drop(fs::remove_file(&aside));
        }
        // The key was lost, and this one was named in its place.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&aside, error)),
    }
    fs::rename(&next, &present).map_err(|error| failed(&present, error))?;
    files::sync_dir(&directory.join("keys"))?;
    tracing::info!(%role, "the successor of this key is the one in use from now on");
    Ok(())
}
