//! A whole tree in memory.

use super::frontier::Frontier;
use super::proof::{check_size, range_root};
use super::{EMPTY_ROOT, MerkleError, Nodes};
use crate::base::Hash;

/// All hashes of a tree, about 64 bytes a leaf: for the simulator, small archives and tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    frontier: Frontier,
    /// `levels[l][i]` is complete subtree `i` of level `l`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf_hash: Hash) {
        let Tree { frontier, levels } = self;
        frontier.push_with(leaf_hash, &mut |level, _, hash| {
            let level = usize::from(level);
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].push(*hash);
        });
    }

    /// The leaf hashes, in order.
    pub fn leaf_hashes(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// The frontier of the tree, to go on without the older hashes.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The root that the tree had at an earlier size.
    ///
    /// # Errors
    /// [`MerkleError::SizeOutOfRange`] above [`super::MAX_SIZE`], [`MerkleError::MissingNode`] above the present size.
    pub fn root_at(&self, size: u64) -> Result<Hash, MerkleError> {
        check_size(size)?;
        if size == 0 { Ok(EMPTY_ROOT) } else { range_root(0, size, self) }
    }
}

impl Nodes for Tree {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        self.levels.get(usize::from(level))?.get(usize::try_from(index).ok()?).copied()
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaf_hashes: I) -> Tree {
        let mut tree = Tree::new();
        leaf_hashes.into_iter().for_each(|hash| tree.push(hash));
        tree
    }
}
