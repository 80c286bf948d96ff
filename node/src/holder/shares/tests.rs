use std::os::unix::fs::PermissionsExt;

use super::*;

const KEY: KeyId = [0xAB; 32];
const CEREMONY: Hash = [0xCD; 32];

fn open(data: &Path) -> Shares {
    Shares::open(data, LocalKey::derive(&[7; 32], "shares")).unwrap()
}

/// A share whose secret is a small number.
fn share(n: u8) -> StoredShare {
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&[n; 8]);
    let public = *KeyShare::read(2, &secret).unwrap().public().bytes();
    StoredShare { class: Class::Mob, epoch: 300, holder_index: 2, secret, public }
}

fn held(key_id: KeyId, share: &StoredShare) -> HeldShare {
    HeldShare { key_id, class: Class::Mob, epoch: 300, holder_index: 2, public: share.public }
}

fn files_in(data: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(data.join(DIRECTORY)).unwrap().map(|item| item.unwrap().path()).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn a_share_is_kept_and_found_by_key_and_public_share() {
    let dir = tempfile::tempdir().unwrap();
    let (shares, one, two) = (open(dir.path()), share(1), share(2));
    for kept in [&one, &two, &one] {
        shares.put_share(&KEY, kept).unwrap();
    }
    shares.put_share(&[1; 32], &one).unwrap();
    for shares in [shares, open(dir.path())] {
        for kept in [&one, &two] {
            let found = shares.share(&KEY, &kept.public).unwrap().unwrap();
            assert_eq!((found.public().bytes(), found.holder()), (&kept.public, 2));
        }
        assert!(shares.share(&[1; 32], &two.public).unwrap().is_none());
        let mut all = vec![held([1; 32], &one), held(KEY, &one), held(KEY, &two)];
        all.sort_unstable();
        assert_eq!(shares.list(), Ok(Inventory { held: all, broken: Vec::new() }));
    }
    let paths = files_in(dir.path());
    assert_eq!(paths.len(), 3);
    assert_eq!(fs::metadata(dir.path().join(DIRECTORY)).unwrap().permissions().mode() & 0o777, 0o700);
    for path in paths {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(path).unwrap();
        let secrets = [[1; 8].as_slice(), &[2; 8], &one.public[..8], &two.public[..8], &KEY[..8]];
        assert!(!bytes.windows(8).any(|window| secrets.contains(&window)));
    }
}

#[test]
fn what_does_not_open_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (shares, one) = (open(dir.path()), share(1));
    shares.put_share(&KEY, &one).unwrap();
    shares.put_seed(&CEREMONY, &[5; 32]).unwrap();
    let [share_path, seed_path] = files_in(dir.path()).try_into().unwrap();
    let closed = |path: &Path| ShareError::Closed { path: path.to_path_buf() };
    let whole = fs::read(&share_path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        for bytes in [&changed[..], &whole[..at]] {
            fs::write(&share_path, bytes).unwrap();
            assert_eq!(shares.share(&KEY, &one.public).err(), Some(closed(&share_path)));
        }
    }
    assert_eq!(shares.list(), Ok(Inventory { held: Vec::new(), broken: vec![closed(&share_path)] }));
    assert!(closed(&share_path).to_string().contains(share_path.to_str().unwrap()));
    // A damaged share is not silently replaced.
    assert_eq!(shares.put_share(&KEY, &one), Err(closed(&share_path)));
    // Under another name it does not open either.
    fs::write(&share_path, &whole).unwrap();
    let two = share(2);
    fs::copy(&share_path, shares.directory.join(share_name(&KEY, &two.public))).unwrap();
    assert!(shares.share(&KEY, &two.public).is_err());
    fs::copy(&share_path, &seed_path).unwrap();
    assert_eq!(shares.seed(&CEREMONY).err(), Some(closed(&seed_path)));
    // Another seal key.
    let stranger = Shares::open(dir.path(), LocalKey::derive(&[8; 32], "shares")).unwrap();
    assert_eq!(stranger.share(&KEY, &one.public).err(), Some(closed(&share_path)));
}

#[test]
fn a_secret_that_is_not_that_of_its_public_share_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let shares = open(dir.path());
    let changed = |change: fn(&mut StoredShare)| {
        let mut bad = share(1);
        change(&mut bad);
        bad
    };
    let wrong = changed(|bad| bad.public = share(2).public);
    let zero = changed(|bad| bad.secret = [0; 32]);
    let no_scalar = changed(|bad| bad.secret = [0xFF; 32]);
    let nobody = changed(|bad| bad.holder_index = 0);
    for bad in [wrong, zero, no_scalar, nobody] {
        assert_eq!(shares.put_share(&KEY, &bad), Err(ShareError::Mismatch));
    }
    assert!(files_in(dir.path()).is_empty());
}

#[test]
fn retired_shares_are_overwritten_and_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (shares, one, two) = (open(dir.path()), share(1), share(2));
    shares.put_share(&KEY, &one).unwrap();
    shares.put_share(&KEY, &two).unwrap();
    // A key whose id begins with the same bytes, and one that has nothing in common.
    let mut alike = KEY;
    alike[31] = 0;
    let three = share(3);
    shares.put_share(&alike, &three).unwrap();
    shares.put_share(&[1; 32], &one).unwrap();
    // A second name keeps what a removed file had.
    let path = shares.directory.join(share_name(&KEY, &one.public));
    let (witness, before) = (dir.path().join("witness"), fs::read(&path).unwrap());
    fs::hard_link(&path, &witness).unwrap();
    // A damaged one goes as well.
    fs::write(shares.directory.join(share_name(&KEY, &two.public)), b"damaged").unwrap();
    assert_eq!(shares.retire(&KEY), Ok(2));
    assert_eq!(shares.retire(&KEY), Ok(0));
    let after = fs::read(&witness).unwrap();
    assert_eq!(after.len(), before.len());
    assert!(!after.windows(8).any(|window| before.windows(8).any(|other| other == window)));
    let left = shares.list().unwrap();
    assert_eq!(left.held, [held([1; 32], &one), held(alike, &three)]);
    assert_eq!(shares.drop_share(&[1; 32], &one.public), Ok(true));
    assert_eq!(shares.drop_share(&[1; 32], &one.public), Ok(false));
    assert!(shares.share(&[1; 32], &one.public).unwrap().is_none());
}

#[test]
fn a_ceremony_has_one_seed_until_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let shares = open(dir.path());
    assert_eq!(shares.seed(&CEREMONY), Ok(None));
    shares.put_seed(&CEREMONY, &[5; 32]).unwrap();
    shares.put_seed(&CEREMONY, &[5; 32]).unwrap();
    let path = shares.directory.join(seed_name(&CEREMONY));
    assert_eq!(shares.put_seed(&CEREMONY, &[6; 32]), Err(ShareError::Exists { path }));
    let shares = open(dir.path());
    assert_eq!(shares.seed(&CEREMONY).unwrap().as_deref(), Some(&[5; 32]));
    assert_eq!(shares.seeds(), Ok(vec![CEREMONY]));
    assert_eq!(shares.drop_seed(&CEREMONY), Ok(true));
    assert_eq!(shares.drop_seed(&CEREMONY), Ok(false));
    assert_eq!((shares.seed(&CEREMONY), shares.seeds()), (Ok(None), Ok(Vec::new())));
    shares.put_seed(&CEREMONY, &[6; 32]).unwrap();
}

#[test]
fn nothing_secret_is_shown() {
    assert_eq!(format!("{:?}", share(1)), "StoredShare(MOB 300, 2 of n)");
    let dir = tempfile::tempdir().unwrap();
    let shares = open(dir.path());
    assert_eq!(format!("{shares:?}"), format!("Shares({})", shares.directory.display()));
}
