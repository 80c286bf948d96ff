//! Invented data for the demonstration and for benchmarks.

use std::io::{self, BufWriter, Write};

use antibrush_protocol::base::Day;

/// The list of the first platform: UTF-8 with BOM, Chinese headings. node/data/demo/README.md describes all three.
pub const ALIBABA: &[u8] = include_bytes!("../../data/demo/alibaba.csv");

/// The list of the second platform: GB18030, Chinese headings.
pub const JD: &[u8] = include_bytes!("../../data/demo/jd.csv");

/// The list of the third platform: UTF-8 without BOM, English headings.
pub const MEITUAN: &[u8] = include_bytes!("../../data/demo/meituan.csv");

/// A prime that divides none of the three spaces below, so that its multiples visit all of a space before they repeat.
const STEP: u64 = 2_654_435_761;

/// Mobile numbers from 13000000000 to 19999999999.
const MOBILES: u64 = 7_000_000_000;

/// Account numbers of twelve digits.
const ACCOUNTS: u64 = 1_000_000_000_000;

/// Resident IDs: regions × birth days from 1970 to 1999 × sequence numbers.
const PERSONS: u64 = REGIONS.len() as u64 * BIRTH_DAYS * 1000;
const REGIONS: [u32; 8] = [110_105, 310_115, 330_106, 350_102, 370_102, 440_106, 510_107, 610_113];
const BIRTH_DAYS: u64 = 10_957;

/// The most rows of [`generate_csv`]: beyond it persons would repeat.
pub const MAX_GENERATED: u64 = 4 * PERSONS;

/// Writes a CSV file (UTF-8 with BOM, Chinese headings, eight columns) of `entries` different valid rows: half mobile
/// numbers, a quarter accounts, a quarter resident IDs. The same seed gives the same bytes. The numbers are made by
/// counting, but real people may bear them: never publish such a file to an alliance that is not a test.
///
/// # Errors
/// Those of the writer; `InvalidInput` over [`MAX_GENERATED`].
pub fn generate_csv<W: Write>(writer: W, entries: u64, seed: u64) -> io::Result<()> {
    if entries > MAX_GENERATED {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut out = BufWriter::new(writer);
    out.write_all("\u{FEFF}主体类型,主体标识,名单,失信行为,严重程度,角色,属地,列入日期\r\n".as_bytes())?;
    for i in 0..entries {
        // Each class counts its own rows and walks through its own space from a start that the seed chooses.
        let at = |count: u64, space: u64| ((mix(seed) % space) + (count * (STEP % space)) % space) % space;
        match i % 4 {
            0 | 2 => write!(out, "MOB,{}", 13_000_000_000 + at(i / 2, MOBILES))?,
            1 => write!(out, "ACC,taobao:u{:012}", at(i / 4, ACCOUNTS))?,
            _ => out.write_all(&[b"PER,", &resident_id(at(i / 4, PERSONS))[..]].concat())?,
        }
        let dice = mix(seed ^ (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let conduct = ["C01", "C01", "C02", "C06", "C07", "C08", "C09", "C11"][(dice % 8) as usize];
        let (severity, role) =
            [("轻微", "参与"), ("一般", "参与"), ("一般", "协助"), ("严重", "组织")][(dice >> 8) as usize % 4];
        let region = REGIONS[(dice >> 16) as usize % REGIONS.len()];
        // The day of listing stays empty (the day of the import), so that the rows never grow old.
        write!(out, ",CXH,{conduct},{severity},{role},{region},\r\n")?;
    }
    out.flush()
}

/// The n-th resident ID, with its check symbol (GB 11643, MOD 11-2).
fn resident_id(n: u64) -> [u8; 18] {
    let region = REGIONS[(n % REGIONS.len() as u64) as usize];
    let rest = n / REGIONS.len() as u64;
    let (year, month, day) = Day((rest % BIRTH_DAYS) as u32).ymd();
    let sequence = rest / BIRTH_DAYS;
    let digits = format!("{region}{year:04}{month:02}{day:02}{sequence:03}");
    let sum =
        (0u32..).zip(digits.bytes()).map(|(i, digit)| u32::from(digit - b'0') * ((1 << (17 - i)) % 11)).sum::<u32>();
    let mut id = [0; 18];
    id[..17].copy_from_slice(digits.as_bytes());
    id[17] = b"10X98765432"[(sum % 11) as usize];
    id
}

/// SplitMix64 (Steele, Lea, Flood 2014): one well mixed number for each seed.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
