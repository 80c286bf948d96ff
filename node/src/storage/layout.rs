//! The keys and records of the documents: one place that knows their form.

use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    board::PostId,
    charter::MemberRole,
    encoding::{DecodeError, Reader, Wire, Writer},
    feed::{BatchHeader, Head},
    merkle::Frontier,
};

use super::{kept::Key, remarks::Packed};

/// Hashes of one page of tree nodes: 4 KiB.
pub const NODES_PER_PAGE: u64 = 128;

/// The level of the tree nodes that are kept: one for 256 leaves.
pub const NODE_LEVEL: u8 = 8;

/// A signed charter, by number.
pub fn charter(number: u64) -> Vec<u8> {
    [b"c/".as_slice(), &number.to_be_bytes()].concat()
}

/// The prefix of all charters.
pub const CHARTERS: &[u8] = b"c/";

/// A signed header, by publisher and number.
pub fn header(publisher: MemberNumber, seq: u64) -> Vec<u8> {
    [b"h/".as_slice(), &publisher.0.to_be_bytes(), &seq.to_be_bytes()].concat()
}

/// The number of the batch that ends with this leaf, by publisher and tree size after it.
pub fn batch_by_size(publisher: MemberNumber, size: u64) -> Vec<u8> {
    [b"l/".as_slice(), &publisher.0.to_be_bytes(), &size.to_be_bytes()].concat()
}

/// The cursor of a feed: see [`FeedCursor`].
pub fn cursor(publisher: MemberNumber) -> Vec<u8> {
    [b"f/".as_slice(), &publisher.0.to_be_bytes()].concat()
}

/// Where a feed's entries wait for witnesses: see [`Held`]. Absent if nothing waits.
pub fn held(publisher: MemberNumber) -> Vec<u8> {
    [b"e/".as_slice(), &publisher.0.to_be_bytes()].concat()
}

/// The prefix of all cursors.
pub const CURSORS: &[u8] = b"f/";

/// A signed header that was taken back, by publisher, number and id: there may be several of one number.
pub fn void_header(publisher: MemberNumber, seq: u64, id: &Hash) -> Vec<u8> {
    [b"v/".as_slice(), &publisher.0.to_be_bytes(), &seq.to_be_bytes(), id].concat()
}

/// What this node promised as an elector of a feed's writer.
pub fn register(publisher: MemberNumber) -> Vec<u8> {
    [b"w/".as_slice(), &publisher.0.to_be_bytes()].concat()
}

/// The prefix of all such promises.
pub const REGISTERS: &[u8] = b"w/";

/// When such promises were lost, if they ever were.
pub const REGISTERS_LOST: &[u8] = b"m/registers-lost";

/// The prefix of all headers of a feed that were taken back.
pub fn void_headers_of(publisher: MemberNumber) -> Vec<u8> {
    [b"v/".as_slice(), &publisher.0.to_be_bytes()].concat()
}

/// A page of tree nodes of level [`NODE_LEVEL`].
pub fn nodes(publisher: MemberNumber, page: u64) -> Vec<u8> {
    [b"n/".as_slice(), &publisher.0.to_be_bytes(), &page.to_be_bytes()].concat()
}

/// The random name of the commit log: a log that had to begin again has another one.
pub const LOG_NAME: &[u8] = b"m/log";

/// A record of the commit log, by its number.
pub fn commit(number: u64) -> Vec<u8> {
    [COMMITS, &number.to_be_bytes()].concat()
}

/// The prefix of the commit log.
pub const COMMITS: &[u8] = b"k/";

/// An invitation, by the SHA-256 of its secret.
pub fn invitation(secret_hash: &Hash) -> Vec<u8> {
    [INVITATIONS, secret_hash].concat()
}

/// A post of the board, by its name.
pub fn post(id: &PostId) -> Vec<u8> {
    [POSTS, id].concat()
}

/// The prefix of all posts.
pub const POSTS: &[u8] = b"b/";

/// The prefix of all invitations.
pub const INVITATIONS: &[u8] = b"i/";

/// What somebody says of a listing, by the prefix of its token; the key is all there is.
pub fn remark(prefix: &[u8; 16], packed: &Packed) -> Vec<u8> {
    [REMARKS, prefix, packed].concat()
}

/// The prefix of all that is said of listings.
pub const REMARKS: &[u8] = b"q/";

/// Which leaves of a chunk are to be erased: their positions, 32 bits each.
pub fn erasure(digest: &Hash) -> Vec<u8> {
    [ERASURES, digest].concat()
}

/// The prefix of all such notes.
pub const ERASURES: &[u8] = b"g/";

/// The numbers that are kept of erased remarks: see [`Key`].
pub fn kept(key: &Key) -> Vec<u8> {
    [KEPT, &key.pack()].concat()
}

/// The prefix of all such numbers.
pub const KEPT: &[u8] = b"u/";

/// The same, as they will be once the notes are carried out.
pub fn keeping(key: &Key) -> Vec<u8> {
    [KEEPING, &key.pack()].concat()
}

/// The prefix of all such notes.
pub const KEEPING: &[u8] = b"x/";

/// Which remark goes: the parts of a key made by [`remark`].
pub fn unsaying(prefix: &[u8; 16], packed: &Packed) -> Vec<u8> {
    [UNSAYING, prefix, packed].concat()
}

/// The prefix of all such notes.
pub const UNSAYING: &[u8] = b"y/";

/// The parts of a key made by [`unsaying`].
pub fn unsaid_of(key: &[u8]) -> Option<([u8; 16], Packed)> {
    parts_of(key.strip_prefix(UNSAYING)?)
}

/// The digest in a key made by [`erasure`].
pub fn erasure_of(key: &[u8]) -> Option<Hash> {
    key.strip_prefix(ERASURES)?.try_into().ok()
}

/// Up to which day a feed is known to be whole.
pub fn whole(publisher: MemberNumber) -> Vec<u8> {
    [b"d/".as_slice(), &publisher.0.to_be_bytes()].concat()
}

/// How long clearing and forgetting took in a feed, of what is erased.
pub fn times(publisher: MemberNumber) -> Vec<u8> {
    [b"t/".as_slice(), &publisher.0.to_be_bytes()].concat()
}

/// The same, as it will be once the notes are carried out.
pub fn timing(publisher: MemberNumber) -> Vec<u8> {
    [TIMING, &publisher.0.to_be_bytes()].concat()
}

/// The prefix of all such notes.
pub const TIMING: &[u8] = b"z/";

/// The publisher in a key made by [`timing`].
pub fn timing_of(key: &[u8]) -> Option<MemberNumber> {
    Some(MemberNumber(u16::from_be_bytes(key.strip_prefix(TIMING)?.try_into().ok()?)))
}

/// There if a clearing in a feed may have been missed.
pub fn missed(publisher: MemberNumber) -> Vec<u8> {
    [MISSED, &publisher.0.to_be_bytes()].concat()
}

/// The prefix of all such marks.
pub const MISSED: &[u8] = b"a/";

/// There while all that is to be erased is written down and not all of it is erased.
pub const ERASING: &[u8] = b"m/erasing";

/// The parts of a key made by [`remark`].
pub fn remark_of(key: &[u8]) -> Option<([u8; 16], Packed)> {
    parts_of(key.strip_prefix(REMARKS)?)
}

fn parts_of(key: &[u8]) -> Option<([u8; 16], Packed)> {
    let (prefix, packed) = key.split_first_chunk::<16>()?;
    Some((*prefix, packed.try_into().ok()?))
}

/// The publisher in a key made by [`cursor`].
pub fn publisher_of(key: &[u8]) -> Option<MemberNumber> {
    Some(MemberNumber(u16::from_be_bytes(key.get(2..4)?.try_into().ok()?)))
}

/// Where a feed stands: its head and the tree's peaks, from which the next batch goes on.
#[derive(Clone, Debug)]
pub struct FeedCursor {
    /// The head.
    pub head: Head,
    /// The tree.
    pub tree: Frontier,
}

impl Wire for FeedCursor {
    const MAX_BYTES: usize = 4096;

    fn write(&self, w: &mut Writer) {
        let head = &self.head;
        w.array(7).uint(head.seq).bytes(&head.id).uint(head.size).bytes(&head.root);
        w.uint(head.issued.0).uint(head.expires.0).array(self.tree.peaks().len());
        for peak in self.tree.peaks() {
            w.bytes(peak);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(7)?;
        let (seq, id, size, root) = (r.uint()?, r.fixed()?, r.uint()?, r.fixed()?);
        let (issued, expires) = (Timestamp(r.uint()?), Timestamp(r.uint()?));
        let peaks: Vec<Hash> = r.items(64, |r| r.fixed())?;
        let tree = Frontier::from_parts(size, &peaks).map_err(|_| DecodeError::OutOfRange("peaks"))?;
        Ok(FeedCursor { head: Head { seq, id, size, root, issued, expires }, tree })
    }
}

/// How much of a feed is in force while the rest waits for witnesses (WITNESS-9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its first batches that are in force.
    pub batches: u64,
    /// The leaves of those.
    pub size: u64,
}

impl Wire for Held {
    const MAX_BYTES: usize = 32;

    fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.batches).uint(self.size);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(Held { batches: r.uint()?, size: r.uint()? })
    }
}

/// One committed batch, in the order of this node's commits: what the change stream reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// Its number in the log of this node.
    pub number: u64,
    /// Whose feed.
    pub publisher: MemberNumber,
    /// The batch.
    pub seq: u64,
    /// The index of its first leaf.
    pub first: u64,
    /// Its leaves.
    pub count: u64,
    /// Whether these leaves were taken back: `seq` is then the number of batches that stand.
    pub void: bool,
}

impl CommitRecord {
    /// Of a batch that takes effect.
    pub fn of(number: u64, header: &BatchHeader) -> CommitRecord {
        let BatchHeader { publisher, seq, first, count, .. } = *header;
        CommitRecord { number, publisher, seq, first, count, void: false }
    }
}

impl Wire for CommitRecord {
    const MAX_BYTES: usize = 64;

    fn write(&self, w: &mut Writer) {
        w.array(5 + usize::from(self.void));
        w.uint(self.number).uint(self.publisher.0).uint(self.seq).uint(self.first).uint(self.count);
        if self.void {
            w.uint(1u8);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(6)?;
        if len < 5 {
            return Err(DecodeError::Malformed);
        }
        let (number, publisher, seq) = (r.uint()?, MemberNumber(r.small("publisher")?), r.uint()?);
        let (first, count) = (r.uint()?, r.uint()?);
        let void = len == 6 && r.uint()? == 1;
        Ok(CommitRecord { number, publisher, seq, first, count, void })
    }
}

/// An invitation that this node gave out. The secret itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRecord {
    /// For whom.
    pub slug: String,
    /// As what.
    pub role: MemberRole,
    /// Until when.
    pub expires: Timestamp,
    /// The node key that used it, or for which it was made.
    pub used_by: Option<[u8; 32]>,
    /// It was made for an applicant whom only a charter admits, never the invitation: how many stewards under different control
    /// have signed that charter, as far as this node has seen.
    pub signed: Option<u8>,
}

impl Wire for InvitationRecord {
    const MAX_BYTES: usize = 256;

    fn write(&self, w: &mut Writer) {
        // Only one that was made for a node counts signatures.
        let signed = self.signed.filter(|_| self.used_by.is_some());
        w.array(3 + usize::from(self.used_by.is_some()) + usize::from(signed.is_some()));
        w.text(&self.slug).uint(self.role.number()).uint(self.expires.0);
        if let Some(key) = &self.used_by {
            w.bytes(key);
        }
        if let Some(signed) = signed {
            w.uint(signed);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(5)?;
        if len < 3 {
            return Err(DecodeError::Malformed);
        }
        let slug = r.text(32, "slug")?;
        let role = r.code("role", MemberRole::from_number)?;
        let expires = Timestamp(r.uint()?);
        let used_by = if len > 3 { Some(r.fixed()?) } else { None };
        let signed = if len > 4 { Some(r.small("signed")?) } else { None };
        Ok(InvitationRecord { slug, role, expires, used_by, signed })
    }
}
