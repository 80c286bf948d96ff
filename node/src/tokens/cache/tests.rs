use std::os::unix::fs::PermissionsExt;

use super::*;

const ONE: KeyId = [1; 32];
const OTHER: KeyId = [2; 32];

fn key() -> LocalKey {
    LocalKey::derive(&[7; 32], "tokens")
}

fn open(directory: &Path) -> TokenCache {
    TokenCache::open(directory, key()).unwrap()
}

/// An input as long as that of a mobile number, and what some key made of it.
fn sample(n: u32) -> (Vec<u8>, Derived) {
    let mut input = vec![9; 66];
    input[..4].copy_from_slice(&n.to_be_bytes());
    let mut prk = [0xA5; 32];
    prk[..4].copy_from_slice(&n.to_be_bytes());
    (input, Derived::from_prk(prk))
}

fn put(cache: &TokenCache, key_id: &KeyId, numbers: std::ops::Range<u32>) -> Result<(), FileError> {
    let samples: Vec<_> = numbers.map(sample).collect();
    let rows: Vec<_> = samples.iter().map(|(input, derived)| (&input[..], derived)).collect();
    cache.put_all(Class::Mob, 3, key_id, &rows)
}

/// Looks a sample up; what is found must be right.
fn found(cache: &TokenCache, key_id: &KeyId, n: u32) -> bool {
    let (input, derived) = sample(n);
    let got = cache.get(key_id, &input);
    assert_eq!(cache.contains(key_id, &input), got.is_some());
    got.inspect(|got| assert_eq!(got.token(), derived.token(), "sample {n}")).is_some()
}

fn path(directory: &Path) -> PathBuf {
    directory.join("mob-3-0101010101010101.cache")
}

#[test]
fn what_was_put_is_found_also_after_a_restart_and_under_its_key_alone() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("tokens");
    let cache = open(&directory);
    assert!(!found(&cache, &ONE, 0));
    put(&cache, &ONE, 0..300).unwrap();
    put(&cache, &ONE, 200..400).unwrap();
    assert_eq!(cache.len(&ONE), 400, "no row twice");
    let check = |cache: &TokenCache| {
        for n in 0..400 {
            assert!(found(cache, &ONE, n));
            assert!(!found(cache, &OTHER, n));
        }
        assert!(!found(cache, &ONE, 400));
    };
    check(&cache);
    cache.sync().unwrap();
    drop(cache);
    let cache = open(&directory);
    check(&cache);
    for (path, mode) in [(&directory, 0o700), (&path(&directory), 0o600)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
    // Another seal key makes nothing of it.
    let stranger = TokenCache::open(&directory, LocalKey::derive(&[8; 32], "tokens")).unwrap();
    assert!((0..400).all(|n| !found(&stranger, &ONE, n)));
}

#[test]
fn a_file_holds_neither_input_nor_prk_nor_token() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    put(&cache, &ONE, 0..20).unwrap();
    let bytes = fs::read(path(dir.path())).unwrap();
    let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    for (input, derived) in (0..20).map(sample) {
        assert!(!holds(&input[..8]) && !holds(&derived.to_prk()[..8]) && !holds(&derived.token().0[..8]));
    }
    // The same identifiers under another key have nothing in common with these.
    put(&cache, &OTHER, 0..20).unwrap();
    let other = fs::read(dir.path().join("mob-3-0202020202020202.cache")).unwrap();
    assert!(other.chunks(8).all(|part| !holds(part)));
}

#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()), &ONE, 0..3).unwrap();
    let whole = fs::read(path(dir.path())).unwrap();
    for length in 0..whole.len() {
        fs::write(path(dir.path()), &whole[..length]).unwrap();
        let cache = open(dir.path());
        let rows = length / ROW;
        for n in 0..3 {
            assert_eq!(found(&cache, &ONE, n), (n as usize) < rows, "cut at {length}");
        }
        put(&cache, &ONE, 0..3).unwrap();
        assert_eq!(cache.len(&ONE), 3);
        assert!((0..3).all(|n| found(&open(dir.path()), &ONE, n)));
    }
}

#[test]
fn a_changed_row_is_a_miss_and_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    put(&open(dir.path()), &ONE, 0..2).unwrap();
    let whole = fs::read(path(dir.path())).unwrap();
    for at in 0..ROW {
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        fs::write(path(dir.path()), &changed).unwrap();
        let cache = open(dir.path());
        assert!(!found(&cache, &ONE, 0), "byte {at}");
        assert!(found(&cache, &ONE, 1));
        put(&cache, &ONE, 0..2).unwrap();
        assert!(found(&cache, &ONE, 0));
        assert!(found(&open(dir.path()), &ONE, 0), "the later row counts");
    }
    // Rows of zeros, as a power failure leaves them.
    fs::write(path(dir.path()), vec![0; 5 * ROW]).unwrap();
    let cache = open(dir.path());
    put(&cache, &ONE, 0..2).unwrap();
    assert!(found(&cache, &ONE, 0) && found(&cache, &ONE, 1));
}

#[test]
fn a_row_moved_from_another_key_is_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    put(&cache, &ONE, 0..3).unwrap();
    drop(cache);
    fs::rename(path(dir.path()), dir.path().join("mob-3-0202020202020202.cache")).unwrap();
    let cache = open(dir.path());
    assert_eq!(cache.len(&OTHER), 3);
    assert!((0..3).all(|n| !found(&cache, &OTHER, n)));
}

#[test]
fn tags_with_one_index_evict_each_other_and_are_never_mixed_up() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    put(&cache, &ONE, 0..2).unwrap();
    let file = cache.file(&ONE).unwrap();
    let tag = cache.tag(&ONE, &sample(0).0);
    // As if both tags began with the same eight bytes.
    write(&file.index).insert(index_of(&tag), 1);
    assert!(!found(&cache, &ONE, 0));
    assert!(found(&cache, &ONE, 1));
    // An index that points behind the end.
    write(&file.index).insert(index_of(&tag), 99);
    assert!(!found(&cache, &ONE, 0));
    put(&cache, &ONE, 0..1).unwrap();
    assert!(found(&cache, &ONE, 0));
}

#[test]
fn a_full_disk_costs_the_batch_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path();
    // A file of a key on a full disk.
    std::os::unix::fs::symlink("/dev/full", directory.join("mob-3-0202020202020202.cache")).unwrap();
    let cache = open(directory);
    let error = put(&cache, &OTHER, 0..3).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert!((0..3).all(|n| !found(&cache, &OTHER, n)));
    assert_eq!(cache.len(&OTHER), 0);
    put(&cache, &ONE, 0..3).unwrap();
    assert!((0..3).all(|n| found(&cache, &ONE, n)));
}

#[test]
fn a_removed_key_is_gone_and_names_of_others_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["notes.cache", "mob-3-01.cache", "mob-x-0101010101010101.cache", "xyz-3-0101010101010101.cache"] {
        fs::write(dir.path().join(name), b"mine").unwrap();
    }
    let cache = open(dir.path());
    put(&cache, &ONE, 0..3).unwrap();
    put(&cache, &OTHER, 0..3).unwrap();
    cache.remove_key(&ONE).unwrap();
    cache.remove_key(&ONE).unwrap();
    assert!(!path(dir.path()).exists() && !found(&cache, &ONE, 0) && found(&cache, &OTHER, 0));
    put(&cache, &ONE, 1..2).unwrap();
    let cache = open(dir.path());
    assert!(!found(&cache, &ONE, 0) && found(&cache, &ONE, 1));
    assert_eq!(fs::read(dir.path().join("notes.cache")).unwrap(), b"mine");
}

#[test]
fn threads_read_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    std::thread::scope(|scope| {
        for part in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for from in 0..20 {
                    // Every part is written by two threads.
                    let start = (part % 2) * 1000 + from * 10;
                    put(cache, &ONE, start..start + 10).unwrap();
                    assert!((start..start + 10).all(|n| found(cache, &ONE, n)));
                }
            });
        }
    });
    assert_eq!(cache.len(&ONE), 400);
    let cache = open(dir.path());
    assert!((0..200).chain(1000..1200).all(|n| found(&cache, &ONE, n)));
}

#[test]
#[ignore = "a measurement: cargo test --release -p antibrush-node cache -- --ignored --nocapture"]
fn speed() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    const ROWS: u32 = 1_000_000;
    for from in (0..ROWS).step_by(10_000) {
        put(&cache, &ONE, from..from + 10_000).unwrap();
    }
    let per = |start: std::time::Instant, count: u32| start.elapsed().as_nanos() / u128::from(count);
    let start = std::time::Instant::now();
    let cache = open(dir.path());
    println!("open: {} ns a row", per(start, ROWS));
    let inputs: Vec<_> = (0..ROWS).map(|n| sample(n.wrapping_mul(7_368_787) % (2 * ROWS)).0).collect();
    let start = std::time::Instant::now();
    let hits = inputs.iter().filter(|input| cache.contains(&ONE, input)).count();
    println!("contains: {} ns, {hits} hits of {ROWS}", per(start, ROWS));
    let start = std::time::Instant::now();
    let hits = inputs.iter().filter(|input| cache.get(&ONE, input).is_some()).count();
    println!("get, half of them misses: {} ns, {hits} hits of {ROWS}", per(start, ROWS));
    let inputs: Vec<_> = (0..ROWS).map(|n| sample(n.wrapping_mul(7_368_787) % ROWS).0).collect();
    let start = std::time::Instant::now();
    assert!(inputs.iter().all(|input| cache.get(&ONE, input).is_some()));
    println!("get, hits: {} ns", per(start, ROWS));
}
