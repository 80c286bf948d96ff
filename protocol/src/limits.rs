//! Every bound of the protocol in one place, each with its reason.

/// The largest object that travels by gossip: gossipsub clones a message for each mesh peer, so large ones are pulled
/// instead.
pub const GOSSIP_BYTES: usize = 16 * 1024;

/// The largest body chunk. One chunk is one answer of the sync protocol: small enough to lose without regret on a slow
/// line, large enough that the round trip does not count.
pub const CHUNK_BYTES: usize = 1024 * 1024;

/// The most chunks of one batch: their descriptions must fit into a gossiped header beside its totals.
pub const CHUNKS_PER_BATCH: usize = 300;

/// The most entries of one batch: the stress size of the domain; larger files are published as several batches.
pub const ENTRIES_PER_BATCH: u64 = 2_000_000;

/// The largest encoded entry: a listing with every field at its longest and 256 bytes of sealed details has 763.
pub const ENTRY_BYTES: usize = 768;

/// The longest rule-set name in an entry, in bytes.
pub const BASIS_BYTES: usize = 64;

/// The longest number of a document in an entry, in bytes.
pub const DOCUMENT_BYTES: usize = 64;

/// The longest sealed details in an entry, in bytes: 256 padded plus nonce and tag.
pub const SEALED_BYTES: usize = 320;

/// The longest publishable organisation name in an entry, in bytes of UTF-8.
pub const NAME_BYTES: usize = 192;

/// The most leaves of one feed: a row of the token table numbers them with 32 bits.
pub const FEED_LEAVES: u64 = u32::MAX as u64;

/// The most members of one charter, those who left included: the largest alliance of the domain has 600 nodes.
pub const MEMBERS: usize = 1_000;

/// The largest signed charter: 1,000 members of some 400 bytes; a node stores it as one document of at most 512 KiB.
pub const CHARTER_BYTES: usize = 480 * 1024;

/// The most signatures on one charter.
pub const CHARTER_SIGNATURES: usize = 128;

/// The most holders of one token key: the messages of a ceremony for all eleven classes must fit into [`GOSSIP_BYTES`], and a
/// platform waits for the slowest of its t holders.
pub const HOLDERS: usize = 16;

/// The longest term of a ceremony, in seconds: a week holds a long holiday, and after it one asks again.
pub const CEREMONY_SECONDS: u64 = 7 * 86_400;

/// The most addresses of one node in a charter, and nodes of one member.
pub const ADDRESSES: usize = 8;

/// The longest address, in bytes of its text.
pub const ADDRESS_BYTES: usize = 256;

/// A header may be issued this many seconds ahead of our clock: more and one of the two clocks is wrong.
pub const CLOCK_SKEW_SECONDS: u64 = 600;

/// How long a head speaks for its feed: a node that has heard nothing newer for this long answers `stale`.
pub const HEAD_LIFETIME_SECONDS: u64 = 24 * 3600;

/// How often a writer signs a head although nothing changed: half the lifetime, so that one missed beat does no harm.
pub const HEARTBEAT_SECONDS: u64 = HEAD_LIFETIME_SECONDS / 2;

/// The most headers in one sync answer.
pub const HEADERS_PER_ANSWER: usize = 64;

/// The most charters in one sync answer.
pub const CHARTERS_PER_ANSWER: usize = 16;

/// The most posts of the board that a peer names when it compares, 256 KiB: 16 holders with a usage report for each of 11
/// classes and 36 days have 6,336, a hundred ceremonies of 16 holders 4,900, beside deletions, and a receipt of each of 1,000 members.
pub const POSTS: usize = 16_384;

/// The largest post: the two headers that prove an equivocation. One that does not fit into [`GOSSIP_BYTES`] comes by comparing.
pub const POST_BYTES: usize = 2 * GOSSIP_BYTES + 64;

/// The most posts in one sync answer: 2 MiB of [`POST_BYTES`] each.
pub const POSTS_PER_ANSWER: usize = 64;

/// The largest sync request: the heads of 1,000 feeds have 45 KiB.
pub const REQUEST_BYTES: usize = 512 * 1024;

/// The largest answer: 64 headers, one chunk, or charters up to this.
pub const ANSWER_BYTES: usize = 4 * 1024 * 1024 + 64 * 1024;

/// How long nothing of a batch is erased anywhere after it was signed, in seconds: two days less than the thirty of FORGET-5, for clocks and time
/// zones.
pub const WHOLE_SECONDS: u64 = 28 * 86_400;

/// How many batches of one feed are fetched ahead of the one that is being committed.
pub const QUEUED_BATCHES: usize = 64;

/// How many chunks are on their way to us at once: the memory for them is this times [`CHUNK_BYTES`].
pub const CHUNKS_IN_FLIGHT: usize = 24;

/// How many of [`CHUNKS_IN_FLIGHT`] are kept free for feeds that bring clearings, disputes or rulings and lack no more than this many
/// chunks: on a line of 1 Mbit/s twenty chunks take almost three minutes, and a listing must not enforce anything for so long.
pub const CHUNKS_FOR_RELIEF: usize = 4;

/// How many requests one peer holds of ours at the most: half of the server's own cap of streams. The last one is for relief alone.
pub const REQUESTS_PER_PEER: usize = 16;

/// How long a request may take before it is given to another peer, in milliseconds. Covers the whole transfer of a chunk
/// on a line of 0.3 Mbit/s.
pub const REQUEST_TIMEOUT_MS: u64 = 30_000;

/// After how many milliseconds without an answer to anything a peer is silent: whatever takes force from a listing is asked of others
/// first, for it must not lie for [`REQUEST_TIMEOUT_MS`] with one that does not answer. Small answers over the slowest lines take less.
pub const SILENT_MS: u64 = 2_000;

/// How long a peer that lacks a body is left alone about that feed, in milliseconds.
pub const ABSENT_RETRY_MS: u64 = 100;

/// How long a newcomer waits for what a peer states but does not show, in milliseconds: additions reach every node within
/// a minute.
pub const CATCH_UP_MS: u64 = 60_000;

/// After how many milliseconds without anything of it the body of an announced batch counts as withheld: a chunk had the time of
/// a whole request.
pub const WITHHELD_MS: u64 = REQUEST_TIMEOUT_MS;

/// How long after connecting heads are compared once more, in milliseconds: gossip needs a moment until its mesh stands.
pub const COMPARE_AGAIN_MS: u64 = 1_500;

/// How often heads are compared with one peer, in milliseconds: repair comes from here, never from republishing.
pub const ANTI_ENTROPY_MS: u64 = 15_000;

/// How long a peer waits that was told that we are busy, in milliseconds.
pub const BUSY_RETRY_MS: u32 = 500;

/// The bytes that one peer may pull from us in a second, and the burst it may save up.
pub const SERVE_BYTES_PER_SECOND: u64 = 128 * 1024 * 1024;

/// The most peers whose heads are remembered.
pub const PEERS: usize = 2_048;

/// The longest inclusion or consistency proof: a tree of 2⁶³ leaves has 63 levels.
pub const PROOF_HASHES: usize = 64;

/// The largest proof file's content: a proof of absence carries every leaf of its range.
pub const PROOF_BYTES: usize = 16 * 1024 * 1024;

/// The most tokens of one subject in a proof of absence: one for each epoch of its class's key.
pub const PROOF_TOKENS: usize = 64;

/// How long the verdict on an announced charter waits for the charter, in milliseconds: gossip forgets after 12 s.
pub const ANNOUNCEMENT_HELD_MS: u64 = 5_000;

/// The most announcements whose verdict waits: honest peers announce one charter at a time.
pub const ANNOUNCEMENTS_HELD: usize = 64;
