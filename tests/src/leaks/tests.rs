//! Everything that the search is to find, planted as somebody else would write it: literals, made with other tools.

use std::time::Instant;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};

use md5::{Digest, Md5};

use super::*;

const MOBILE: (&str, &str) = ("MOB", "+86 138-0013-8000");
const PERSON: (&str, &str) = ("PER", "110105 19491231 002x");
const ACCOUNT: (&str, &str) = ("ACC", "Taobao:a\"b&c'<8812345>~?");
const SITE: (&str, &str) = ("WEB", "https://刷单平台.example.中国/");
const WIDE: (&str, &str) = ("GRP", "qq：８８１２３４５６７");

/// SplitMix64 (Steele, Lea, Flood 2014).
fn random(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        out.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    out.truncate(bytes);
    out
}

fn mobiles(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{}", 13_912_000_000 + n as u64 * 7_919)).collect()
}

fn of_mobiles(numbers: &[String]) -> Leaks {
    Leaks::new(&numbers.iter().map(|number| ("MOB", number.as_str())).collect::<Vec<_>>())
}

fn hex(digits: &str) -> Vec<u8> {
    ::hex::decode(digits).unwrap()
}

/// The base64 of a text in the middle of a longer one, at all three alignments and in both alphabets.
fn in_base64(text: &[u8]) -> Vec<Vec<u8>> {
    let around = |before: usize| [&b"xyz"[..before], text, b"?!"].concat();
    (0..3).flat_map(|n| [STANDARD.encode(around(n)).into_bytes(), URL_SAFE.encode(around(n)).into_bytes()]).collect()
}

/// What is planted, and what must be found: identifier, form, text, bytes.
fn planted() -> Vec<((&'static str, &'static str), &'static str, &'static str, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut row = |id, form, text, bytes: &[u8]| rows.push((id, form, text, bytes.to_vec()));
    row(MOBILE, "plain", "as written", b"+86 138-0013-8000");
    row(MOBILE, "plain", "canonical", b"+8613800138000");
    row(MOBILE, "plain", "bare", b"13800138000");
    row(PERSON, "plain", "canonical", b"11010519491231002X");
    row(PERSON, "plain", "digits", b"11010519491231002");
    row(ACCOUNT, "plain", "canonical", b"taobao:a\"b&c'<8812345>~?");
    row(WIDE, "plain", "bare", b"881234567");
    row(WIDE, "plain", "as written", "qq：８８１２３４５６７".as_bytes());
    row(PERSON, "lower case", "canonical", b"11010519491231002x");
    row(ACCOUNT, "upper case", "as written", b"TAOBAO:A\"B&C'<8812345>~?");
    row(ACCOUNT, "JSON", "canonical", br#"taobao:a\"b&c'<8812345>~?"#);
    row(SITE, "JSON in ASCII", "as written", br"https://\u5237\u5355\u5e73\u53f0.example.\u4e2d\u56fd/");
    row(SITE, "JSON in ASCII", "as written", br"https://\u5237\u5355\u5E73\u53F0.example.\u4E2D\u56FD/");
    row(ACCOUNT, "Debug of Rust", "bare", br#"a\"b&c\'<8812345>~?"#);
    row(SITE, "Debug of Rust", "as written", br"https://\u{5237}\u{5355}\u{5e73}\u{53f0}.example.\u{4e2d}\u{56fd}/");
    row(MOBILE, "percent-encoded", "canonical", b"%2B8613800138000");
    row(MOBILE, "percent-encoded", "canonical", b"%2b8613800138000");
    row(MOBILE, "percent-encoded", "as written", b"%2B86%20138-0013-8000");
    row(MOBILE, "percent-encoded", "as written", b"%2B86+138-0013-8000");
    row(ACCOUNT, "percent-encoded", "canonical", b"taobao%3Aa%22b%26c%27%3C8812345%3E~%3F");
    row(
        SITE,
        "percent-encoded",
        "as written",
        b"https%3A%2F%2F%E5%88%B7%E5%8D%95%E5%B9%B3%E5%8F%B0.example.%E4%B8%AD%E5%9B%BD%2F",
    );
    row(ACCOUNT, "HTML", "canonical", b"taobao:a&quot;b&amp;c&#39;&lt;8812345&gt;~?");
    row(ACCOUNT, "HTML", "canonical", b"taobao:a&quot;b&amp;c&#x27;&lt;8812345&gt;~?");
    row(SITE, "HTML in ASCII", "as written", b"https://&#21047;&#21333;&#24179;&#21488;.example.&#20013;&#22269;/");
    row(SITE, "HTML in ASCII", "as written", b"https://&#x5237;&#x5355;&#x5e73;&#x53f0;.example.&#x4e2d;&#x56fd;/");
    row(MOBILE, "UTF-16LE", "bare", b"1\x003\x008\x000\x000\x001\x003\x008\x000\x000\x000\x00");
    row(MOBILE, "UTF-16BE", "bare", b"\x001\x003\x008\x000\x000\x001\x003\x008\x000\x000\x000");
    row(
        SITE,
        "GB18030",
        "as written",
        &[b"https://", &hex("cba2b5a5c6bdcca82e6578616d706c652ed6d0b9fa")[..], b"/"].concat(),
    );
    row(MOBILE, "full width", "bare", "１３８００１３８０００".as_bytes());
    row(MOBILE, "full width", "canonical", "＋８６１３８００１３８０００".as_bytes());
    row(MOBILE, "full width", "canonical", "+８６１３８００１３８０００".as_bytes());
    row(MOBILE, "hex", "bare", b"3133383030313338303030");
    row(MOBILE, "hex", "canonical", b"2b38363133383030313338303030");
    row(MOBILE, "hex", "canonical", b"2B38363133383030313338303030");
    row(MOBILE, "base64", "canonical", b"Kzg2MTM4MDAxMzgwMDA=");
    row(MOBILE, "base64", "bare", b"ADEzODAwMTM4MDAwAAAA");
    for bytes in in_base64(b"a\"b&c'<8812345>~?") {
        row(ACCOUNT, "base64", "bare", &bytes);
    }
    row(MOBILE, "reversed", "bare", b"00083100831");
    let digests = [
        ("MD5", "MD5 in hex", "MD5 in base64", "7945bd83237335e5376ff44d62e4f0ae"),
        ("SHA-1", "SHA-1 in hex", "SHA-1 in base64", "ffe1cf3289b18e5aedf4f62e2c1ce2242bbdb0c2"),
        (
            "SHA-256",
            "SHA-256 in hex",
            "SHA-256 in base64",
            "a6942f9771d67f34034d2f1926988ed3fad3bf1b4e7cedb9a31f31398dea43bc",
        ),
        (
            "SHA-512",
            "SHA-512 in hex",
            "SHA-512 in base64",
            "4f84297b84545024ccb60df7044383f145b07fb812d506f12a16a023d8b314c41e2104271ac5123289016f90ba481b3da400e419bcba1e33972e37802d8e7a89",
        ),
        ("SM3", "SM3 in hex", "SM3 in base64", "ee5e7b1cbf65495467be9ff49ac5fc14b6887547c1cd7f8856221b23f1efa062"),
    ];
    for (form, in_hex, base64, digest) in digests {
        row(MOBILE, form, "bare", &hex(digest));
        // Shortened, too.
        row(MOBILE, form, "bare", &hex(&digest[..20]));
        row(MOBILE, in_hex, "bare", digest.as_bytes());
        row(MOBILE, in_hex, "bare", digest.to_uppercase().as_bytes());
        row(MOBILE, base64, "bare", STANDARD.encode(hex(digest)).as_bytes());
        in_base64(&hex(digest)).iter().for_each(|bytes| row(MOBILE, base64, "bare", bytes));
    }
    row(MOBILE, "SHA-256", "canonical", &hex("ec61f3c620a98bdead8c1f1f0ae747abd1b62a0c2dba4fd4bc22cf0d1d8653e5"));
    row(MOBILE, "CRC-32 in hex", "bare", b"782cad31");
    row(MOBILE, "CRC-32 in hex", "canonical", b"E6228B89");
    row(MOBILE, "CRC-32 in decimal", "bare", b"2016193841");
    rows
}

#[test]
fn every_form_is_found_where_it_was_planted() {
    let ids = [MOBILE, PERSON, ACCOUNT, SITE, WIDE];
    let leaks = Leaks::new(&ids);
    for (id, form, text, bytes) in planted() {
        let number = ids.iter().position(|other| *other == id).unwrap();
        let alone = leaks.scan("alone", &bytes);
        let hit = |leak: &Leak| (leak.identifier, leak.form, leak.text) == (number, form, text);
        let at = alone.iter().find(|leak| hit(leak)).unwrap_or_else(|| panic!("{form} of {text} of {id:?}: {alone:?}"));
        assert!(alone.iter().all(|leak| leak.identifier == number), "{alone:?}");
        let buried = [&random(1, 5000)[..], b" ", &bytes, b" ", &random(2, 5000)].concat();
        let found = leaks.scan("buried", &buried);
        assert!(found.iter().any(|leak| hit(leak) && leak.offset == at.offset + 5001), "{form} of {text}: {found:?}");
        assert_eq!(found.len(), alone.len(), "{found:?}");
    }
}

#[test]
fn every_form_that_is_searched_for_is_planted_here() {
    let leaks = Leaks::new(&[MOBILE, PERSON, ACCOUNT, SITE, WIDE]);
    let forms = |forms: Vec<&'static str>| forms.into_iter().collect::<std::collections::BTreeSet<_>>();
    let mut planted = forms(planted().iter().map(|row| row.1).collect());
    // Below, in tests of its own.
    planted.insert("CRC-32");
    assert_eq!(planted, forms(leaks.needles.iter().map(|needle| needle.form).collect()));
    assert!(leaks.needles.iter().all(|needle| needle.bytes.len() >= 8 || needle.form == "CRC-32"));
}

#[test]
fn random_bytes_and_neighbours_give_nothing() {
    let numbers = mobiles(300);
    let leaks = of_mobiles(&numbers);
    let noise = random(3, 8 << 20);
    assert_eq!(leaks.scan("noise", &noise), []);
    assert_eq!(leaks.scan("noise", ::hex::encode(&noise[..1 << 20]).as_bytes()), []);
    assert_eq!(leaks.scan("noise", STANDARD.encode(&noise[..1 << 20]).as_bytes()), []);
    assert_eq!(leaks.scan("other numbers", b"13912000001 +8613912000002 13912007918"), []);
    // A checksum inside a longer word is none.
    let leaks = Leaks::new(&[MOBILE]);
    for text in ["a782cad31", "782cad310", "x2016193841", "20161938410", "0782cad31f"] {
        assert_eq!(leaks.scan("words", text.as_bytes()), [], "{text}");
    }
    assert_eq!(leaks.scan("words", b"crc=782cad31,2016193841").len(), 2);
}

#[test]
fn an_identifier_is_found_across_the_edges_of_chunks() {
    let leaks = Leaks::new(&[MOBILE]);
    let chunk = CHUNK as usize;
    let plain = |found: Vec<Leak>| -> Vec<u64> {
        found.iter().filter(|leak| (leak.form, leak.text) == ("plain", "bare")).map(|leak| leak.offset).collect()
    };
    let places: Vec<usize> =
        (1..=9).map(|n| n * chunk - n - 1).chain([4, 5 * chunk + 20, 7 * chunk + 20, 10 * chunk - 11]).collect();
    let mut buffer = vec![b'.'; 10 * chunk];
    for &place in &places {
        buffer[place..place + 11].copy_from_slice(b"13800138000");
    }
    let mut expected: Vec<u64> = places.iter().map(|place| *place as u64).collect();
    expected.sort_unstable();
    assert_eq!(plain(leaks.scan("buffer", &buffer)), expected, "each once");

    // Every way to cut it, and what stands beside a word on the other side of the edge.
    for cut in 0..=11 {
        let mut buffer = vec![b'.'; chunk + 100];
        buffer[chunk - cut..chunk - cut + 11].copy_from_slice(b"13800138000");
        assert_eq!(plain(leaks.scan("buffer", &buffer)), [(chunk - cut) as u64]);
    }
    for cut in 0..=8 {
        let mut buffer = vec![b'.'; chunk + 100];
        buffer[chunk - cut..chunk - cut + 8].copy_from_slice(b"782cad31");
        assert_eq!(leaks.scan("buffer", &buffer).len(), 1, "{cut}");
        for beside in [chunk - cut - 1, chunk - cut + 8] {
            let mut buffer = buffer.clone();
            buffer[beside] = b'e';
            assert_eq!(leaks.scan("buffer", &buffer), [], "{cut}");
        }
    }
}

#[test]
fn a_reader_that_gives_little_at_a_time_or_fails_is_read_right() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let one = out.len().min(3);
            self.0.read(&mut out[..one])
        }
    }
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::ConnectionReset.into())
        }
    }
    let leaks = Leaks::new(&[MOBILE]);
    let found = leaks.scan_stream("slow", Slow(b"tel 13800138000 end")).unwrap();
    assert_eq!(found.iter().map(|leak| leak.offset).collect::<Vec<_>>(), [4]);
    assert_eq!(leaks.scan_stream("broken", Broken).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn raw_checksums_count_when_they_are_no_chance() {
    let numbers = mobiles(200);
    let leaks = of_mobiles(&numbers);
    let records = |of: &[String], write: fn(u32) -> [u8; 4]| {
        let mut out = Vec::new();
        for (number, noise) in of.iter().zip(random(4, 40 * of.len()).chunks(40)) {
            out.extend_from_slice(&write(crc32fast::hash(format!("+86{number}").as_bytes())));
            out.extend_from_slice(noise);
        }
        out
    };
    for write in [u32::to_be_bytes, u32::to_le_bytes] {
        let found = leaks.scan("table", &records(&numbers, write));
        let expected = Leak { place: "table".into(), offset: 0, form: "CRC-32", text: "canonical", identifier: 0 };
        assert_eq!(found, [expected]);
        assert_eq!(leaks.scan("table", &records(&numbers[..11], write)).len(), 1);
        assert_eq!(leaks.scan("table", &records(&numbers[..10], write)), [], "ten may be chance");
    }
    // One checksum that is everywhere is one.
    assert_eq!(leaks.scan("table", &records(&vec![numbers[0].clone(); 1000], u32::to_be_bytes)), []);

    // Spread over files, of which none holds many.
    let directory = tempfile::tempdir().unwrap();
    for (file, some) in numbers.chunks(8).enumerate() {
        fs::write(directory.path().join(format!("{file}")), records(some, u32::to_le_bytes)).unwrap();
    }
    let found = leaks.scan_directory(directory.path(), &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].form, &found[0].place), ("CRC-32", &directory.path().display().to_string()));
}

#[test]
fn a_directory_is_searched_to_its_last_file_and_name() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir_all(at("documents/blobs")).unwrap();
    fs::create_dir_all(at("keys")).unwrap();
    fs::write(at("empty"), b"").unwrap();
    fs::write(at("keys/13800138000"), b"13800138000").unwrap();
    let leaks = Leaks::new(&[MOBILE, PERSON]);
    let found = |skip: &[&str]| {
        let found = leaks.scan_directory(root.path(), skip);
        let name = |leak: &Leak| leak.place.replace(&root.path().display().to_string(), "");
        found.iter().map(|leak| (name(leak), leak.offset, leak.identifier)).collect::<Vec<_>>()
    };
    assert_eq!(found(&["keys"]), []);
    assert_eq!(found(&["keys/13800138000"]), []);
    assert_eq!(
        found(&[]),
        [("a name in /keys".to_owned(), 0, 0), ("/keys/(a name that leaks)".to_owned(), 0, 0)],
        "the report itself does not say what leaks"
    );
    fs::write(at(".hidden"), b"11010519491231002").unwrap();
    let large = [vec![0; CHUNK as usize - 5], b"13800138000".to_vec(), vec![0; 100]].concat();
    fs::write(at("documents/blobs/1"), large).unwrap();
    std::os::unix::fs::symlink("/nowhere/13800138000", at("link")).unwrap();
    let all = found(&["keys"]);
    let expected = [("/.hidden", 0, 1), ("/documents/blobs/1", CHUNK - 5, 0), ("/link", 9, 0)];
    assert_eq!(all, expected.map(|(place, offset, number)| (place.to_owned(), offset, number)));
    for leak in leaks.scan_directory(root.path(), &[]) {
        let said = format!("{leak} {leak:?}");
        assert!(!said.contains("13800138000") && !said.contains("1949"), "{said}");
    }
    assert!(!format!("{leaks:?}").contains("138"));
}

#[test]
fn a_search_that_would_prove_nothing_is_refused() {
    let refused = |what: Box<dyn FnOnce() + std::panic::UnwindSafe>| {
        let said = std::panic::catch_unwind(what).unwrap_err();
        said.downcast_ref::<String>().cloned().or(said.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap()
    };
    let new = |class, id| refused(Box::new(move || drop(Leaks::new(&[MOBILE, (class, id)]))));
    assert_eq!(refused(Box::new(|| drop(Leaks::new(&[])))), "a search for nothing proves nothing");
    assert_eq!(new("ACC", "a:1234"), "identifier 1 is too short to be told from chance");
    assert!(new("MOB", "12800138000").starts_with("identifier 1 is none of MOB: "));
    assert!(!new("MOB", "12800138000").contains("12800138000"));
    assert_eq!(new("TEL", "13800138000"), "identifier 1 has no known class");
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_owned();
    let said = refused(Box::new(move || drop(Leaks::new(&[MOBILE]).scan_directory(path, &[]))));
    assert!(said.ends_with("holds no file to search"), "{said}");
    let gone = empty.path().join("gone");
    let said = refused(Box::new(move || drop(Leaks::new(&[MOBILE]).scan_directory(gone, &[]))));
    assert!(said.contains("gone cannot be searched"), "{said}");
}

#[test]
fn texts_that_are_no_identifiers_are_found_beside_them() {
    let leaks = Leaks::with_texts(&[MOBILE], &["刷手王五有限责任", "1540000999"]);
    let found = leaks.scan("line", "name=刷手王五有限责任;".as_bytes());
    assert!(found.iter().all(|leak| (leak.identifier, leak.text) == (1, "a text")) && !found.is_empty(), "{found:?}");
    let md5 = ::hex::encode(Md5::digest("1540000999"));
    let found = leaks.scan("line", md5.as_bytes());
    assert_eq!(found.iter().map(|leak| (leak.identifier, leak.form)).collect::<Vec<_>>(), [(2, "MD5 in hex")]);
    assert!(!leaks.scan("line", b"13800138000").is_empty());
    assert_eq!(leaks.scan("line", b"13800138001 1540000998"), []);
}

#[test]
fn a_file_full_of_identifiers_ends_the_search_early() {
    let leaks = Leaks::new(&[MOBILE]);
    assert_eq!(leaks.scan("list", &b"13800138000,".repeat(100_000)).len(), MOST);
}

/// Prints what a second of searching gets through.
#[test]
#[ignore = "a measurement: cargo nextest run -p antibrush-tests --lib --run-ignored only --no-capture"]
fn throughput() {
    let numbers = mobiles(300);
    let began = Instant::now();
    let leaks = of_mobiles(&numbers);
    println!(
        "{} needles, {} MB, made in {:?}",
        leaks.needles.len(),
        leaks.search.memory_usage() >> 20,
        began.elapsed()
    );
    let noise = random(5, 64 << 20);
    let kinds = [
        ("random bytes", noise.clone()),
        ("hexadecimal", ::hex::encode(&noise[..32 << 20]).into_bytes()),
        ("base64", STANDARD.encode(&noise[..48 << 20]).into_bytes()),
        ("nothing", vec![0; 64 << 20]),
    ];
    for (kind, bytes) in kinds {
        let began = Instant::now();
        assert_eq!(leaks.scan(kind, &bytes), []);
        println!("{kind}: {:.0} MB/s", bytes.len() as f64 / 1e6 / began.elapsed().as_secs_f64());
    }
}
