//! The search for identifiers in what a node has written or sent.
//!
//! Every identifier is looked for as it was written, in its canonical form, without country code or issuer, and as bare
//! digits, each in the usual spellings and encodings and under the digests that need no key: whoever holds such a digest
//! finds a mobile number in seconds, so for a test it is the number.
//!
//! What a search cannot see: bytes that were compressed or encrypted, digests under a key (the tokens of suite 1 are meant to
//! be there), digests of a text of some other making, and bare ids of fewer than eight bytes. The four raw bytes of a CRC-32
//! prove nothing at a single place; they count when so many identifiers have theirs in one place that it is no chance any
//! more ([`Chance`]), which needs more than ten identifiers.

mod forms;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::Path,
};

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use forms::{Kind, Needle, ORDERS, TEXTS};

/// Bytes that are searched at a time.
const CHUNK: u64 = 1 << 20;

/// Leaks of one place after which the search of it ends: the test has failed long before.
const MOST: usize = 1000;

/// An identifier that was found. It says which one by its number, so that the test's own report leaks nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The file or line in which it stands.
    pub place: String,
    /// Where it begins there.
    pub offset: u64,
    /// How it is encoded.
    pub form: &'static str,
    /// What of it is encoded: `as written`, `canonical`, `bare` or `digits`; `a text` of those that are no identifiers.
    pub text: &'static str,
    /// Its place in the list that [`Leaks::new`] was given; texts come after the identifiers.
    pub identifier: usize,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leak { place, offset, form, text, identifier } = self;
        write!(f, "{place}, byte {offset}: identifier {identifier}, {text}, {form}")
    }
}

/// The identifiers that must be nowhere, ready to be searched for.
pub struct Leaks {
    needles: Vec<Needle>,
    search: AhoCorasick,
    /// Bytes of the longest needle.
    longest: usize,
    /// Identifiers that have a text of each kind.
    population: [usize; TEXTS.len()],
}

impl Leaks {
    /// Takes identifiers: the code of the class, and the text as a person wrote it.
    ///
    /// # Panics
    /// If there is none, or one is not valid or shorter than eight bytes.
    pub fn new(identifiers: &[(&str, &str)]) -> Leaks {
        Leaks::with_texts(identifiers, &[])
    }

    /// Takes identifiers, and texts that are none and must be nowhere either: names, notes, rows that were refused. They are
    /// looked for as they are written, in the same spellings, encodings and digests.
    ///
    /// # Panics
    /// If there is nothing, an identifier is not valid, or something is shorter than eight bytes.
    pub fn with_texts(identifiers: &[(&str, &str)], texts: &[&str]) -> Leaks {
        assert!(identifiers.len() + texts.len() > 0, "a search for nothing proves nothing");
        let all = identifiers.iter().enumerate();
        let mut needles: Vec<Needle> =
            all.flat_map(|(number, (class, id))| forms::needles(number, class, id)).collect();
        let texts = (identifiers.len()..).zip(texts);
        needles.extend(texts.flat_map(|(number, text)| forms::needles_of_text(number, text)));
        let mut population = [0; TEXTS.len()];
        for needle in needles.iter().filter(|needle| needle.kind == (Kind::Chance { order: 0 })) {
            population[needle.text] += 1;
        }
        let search = AhoCorasick::builder()
            // Tens of thousands of needles: a table of all transitions would take gigabytes.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(needles.iter().map(|needle| &needle.bytes))
            .expect("some hundred identifiers fit in 32-bit states");
        let longest = needles.iter().map(|needle| needle.bytes.len()).max().unwrap_or(0);
        Leaks { needles, search, longest, population }
    }

    /// Everything that is found in these bytes.
    pub fn scan(&self, name: &str, bytes: &[u8]) -> Vec<Leak> {
        self.scan_stream(name, bytes).expect("memory can be read")
    }

    /// Everything that is found in what comes from a reader.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn scan_stream(&self, name: &str, from: impl Read) -> io::Result<Vec<Leak>> {
        let (mut leaks, chance) = self.pass(name, from)?;
        leaks.extend(chance.leaks(name, &self.population));
        Ok(leaks)
    }

    /// Everything that is found in the files below a directory and in their names, sled's and hidden ones included. `skip`
    /// names files and directories by their path below it, with `/` between.
    ///
    /// # Panics
    /// If a file is there and cannot be read, or there is none at all: such a search would prove nothing.
    pub fn scan_directory(&self, path: impl AsRef<Path>, skip: &[&str]) -> Vec<Leak> {
        let place = path.as_ref().display().to_string();
        let mut walk = Walk { leaks: Vec::new(), chance: Chance::default(), files: 0, skip };
        self.walk(path.as_ref(), "", &place, &mut walk);
        assert!(walk.files > 0, "{place} holds no file to search");
        // Files by themselves may each hold too few.
        if walk.leaks.is_empty() {
            walk.leaks.extend(walk.chance.leaks(&place, &self.population));
        }
        walk.leaks
    }

    /// Searches one directory. `inner` is its path below the first one, `shown` what reports call it.
    fn walk(&self, directory: &Path, inner: &str, shown: &str, walk: &mut Walk<'_>) {
        let refused = |error: io::Error| -> ! { panic!("{shown} cannot be searched: {error}") };
        let mut items = match fs::read_dir(directory).and_then(|items| items.collect::<io::Result<Vec<_>>>()) {
            Ok(items) => items,
            Err(error) if error.kind() == ErrorKind::NotFound && !inner.is_empty() => return,
            Err(error) => refused(error),
        };
        items.sort_by_key(|item| item.file_name());
        for item in items {
            let name = item.file_name();
            let inner = format!("{inner}{}", name.to_string_lossy());
            if walk.skip.contains(&inner.as_str()) {
                continue;
            }
            let in_name = self.scan(&format!("a name in {shown}"), name.as_encoded_bytes());
            let called = if in_name.is_empty() { name.to_string_lossy() } else { "(a name that leaks)".into() };
            walk.leaks.extend(in_name);
            let (path, shown) = (item.path(), format!("{shown}/{called}"));
            // A running node removes files meanwhile.
            let searched = match item.file_type() {
                Ok(kind) if kind.is_dir() => {
                    self.walk(&path, &format!("{inner}/"), &shown, walk);
                    continue;
                }
                Ok(kind) if kind.is_symlink() => {
                    fs::read_link(&path).and_then(|target| self.pass(&shown, target.as_os_str().as_encoded_bytes()))
                }
                Ok(kind) if kind.is_file() => File::open(&path).and_then(|file| self.pass(&shown, file)),
                // Sockets and pipes hold nothing.
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            match searched {
                Ok((leaks, chance)) => {
                    walk.files += 1;
                    walk.leaks.extend(leaks);
                    walk.leaks.extend(chance.leaks(&shown, &self.population));
                    walk.chance.add(chance);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => panic!("{shown} cannot be searched: {error}"),
            }
        }
    }

    /// Reads to the end in chunks that overlap by the longest needle and the byte before it.
    fn pass(&self, name: &str, mut from: impl Read) -> io::Result<(Vec<Leak>, Chance)> {
        let (mut leaks, mut chance) = (Vec::new(), Chance::default());
        let (mut buffer, mut before) = (Vec::new(), 0);
        loop {
            let kept = buffer.len();
            let read = from.by_ref().take(CHUNK).read_to_end(&mut buffer)?;
            for found in self.search.find_overlapping_iter(&buffer) {
                // What ends in the overlap was seen; what ends with the chunk waits for the byte that comes after it.
                if found.end() < kept || (read > 0 && found.end() == buffer.len()) {
                    continue;
                }
                let needle = &self.needles[found.pattern().as_usize()];
                let offset = before + found.start() as u64;
                match needle.kind {
                    Kind::Chance { order } => chance.note(needle, order, offset),
                    Kind::Word if !is_word(&buffer, found.start(), found.end()) => {}
                    Kind::Word | Kind::Sure => leaks.push(needle.leak(name, offset)),
                }
                if leaks.len() == MOST {
                    return Ok((leaks, chance));
                }
            }
            chance.bytes += read as u64;
            if read == 0 {
                return Ok((leaks, chance));
            }
            let done = buffer.len().saturating_sub(self.longest + 1);
            buffer.drain(..done);
            before += done as u64;
        }
    }
}

impl fmt::Debug for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaks({} needles)", self.needles.len())
    }
}

impl Needle {
    fn leak(&self, place: &str, offset: u64) -> Leak {
        let Needle { identifier, form, text, .. } = *self;
        Leak { place: place.to_owned(), offset, form, text: TEXTS[text], identifier }
    }
}

/// Whether the bytes between two places have no letter and no digit beside them.
fn is_word(bytes: &[u8], start: usize, end: usize) -> bool {
    let belongs = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    !belongs(start.checked_sub(1).and_then(|place| bytes.get(place))) && !belongs(bytes.get(end))
}

/// A search of a directory under way.
struct Walk<'a> {
    leaks: Vec<Leak>,
    chance: Chance,
    files: usize,
    skip: &'a [&'a str],
}

/// How many identifiers have the four bytes of their CRC-32 somewhere, by text and order of bytes.
///
/// In B random bytes N identifiers have about N·B/2³² by chance. More than ten times as many and ten are none. Identifiers
/// are counted, not places, so that one whose checksum is a frequent word of some file counts once.
#[derive(Default)]
struct Chance {
    bytes: u64,
    /// The first place of each identifier.
    seen: [[BTreeMap<usize, u64>; ORDERS]; TEXTS.len()],
}

impl Chance {
    fn note(&mut self, needle: &Needle, order: usize, offset: u64) {
        self.seen[needle.text][order].entry(needle.identifier).or_insert(offset);
    }

    fn add(&mut self, other: Chance) {
        self.bytes += other.bytes;
        for (ours, theirs) in self.seen.iter_mut().flatten().zip(other.seen.into_iter().flatten()) {
            for (identifier, offset) in theirs {
                ours.entry(identifier).or_insert(offset);
            }
        }
    }

    /// One leak for each text of which there are too many, for one of the identifiers.
    fn leaks(&self, place: &str, population: &[usize; TEXTS.len()]) -> Vec<Leak> {
        let texts = self.seen.iter().zip(population).zip(TEXTS);
        let leaks = texts.filter_map(|((orders, population), text)| {
            let expected = *population as f64 * self.bytes as f64 / 2f64.powi(32);
            let many = orders.iter().find(|seen| seen.len() as f64 > 10.0 + 10.0 * expected)?;
            let (&identifier, &offset) = many.first_key_value()?;
            Some(Leak { place: place.to_owned(), offset, form: "CRC-32", text, identifier })
        });
        leaks.collect()
    }
}
