use std::{io, path::PathBuf};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    charter::{ChangeError, CharterError, HeaderRefusal, ProposalError},
    encoding::DecodeError,
    entry::{
        EntryError,
        calendar::{CalendarError, CalendarProblem},
        lifecycle::Refusal as LifeRefusal,
        sealed::SealedError,
    },
    feed::{ChunkError, HeaderError, body::BodyError, build::BuildError},
    filter::FilterError,
    join::{InvitationError, JoinRefusal},
    merkle::MerkleError,
    proof::ProofError,
    replica::PublishRefusal,
    signed::SignatureError,
    subject::{Class, SubjectError},
    suite::keyed::SealError,
    writer::SignError,
};

use super::{Zh, place_zh, reason_zh};
use crate::{
    api::AuthError,
    config::Config,
    core::{AdmitError, GovernError, NodeError, PublishError, Refusal, WriterError},
    holder::{queue::QueueError, quota::QuotaError, shares::ShareError},
    import::{ImportError, SheetError},
    keys::{KeyError, KeyRole, passphrase::PassphraseError},
    network::{JoinError, NetworkError},
    profile::ProfileError,
    recommend::{Fault, FileRefusal, OverrideError, RecommendError, Refused, Wanted},
    serve::ServeError,
    storage::{
        AdoptError, StorageError,
        documents::DocumentError,
        files::{FileError, Operation},
        lock::LockError,
        table::TableError,
    },
    tokens::{TokenError, vault::VaultError},
};

/// What people type.
const AS_TYPED: &[&str] = &[
    "antibrush life",
    "antibrush due",
    "antibrush notice",
    "antibrush commitment",
    "antibrush alliance rotate-key",
    "antibrush writer show",
    "antibrush writer take",
    "antibrush alliance create",
    "antibrush alliance propose steward add",
    "antibrush alliance propose node remove",
    "antibrush alliance propose policy",
    "antibrush alliance propose thaw",
    "antibrush alliance propose keys",
    "antibrush alliance propose",
    "antibrush alliance sign",
    "antibrush alliance publish",
    "antibrush alliance members",
    "antibrush recommend override list",
    "antibrush feed show",
    "antibrush alliance steward-key",
    "antibrush keys holders",
    "antibrush join-request",
    "antibrush join",
    "antibrush init",
    "openssl pkcs8 -topk8 -scrypt",
];

fn path() -> PathBuf {
    PathBuf::from("/var/lib/antibrush/file")
}

fn reason() -> String {
    "Address already in use (os error 98)".to_owned()
}

/// Two words of English in a row, beside what people type.
fn english(text: &str) -> Option<String> {
    let text = AS_TYPED.iter().fold(text.to_owned(), |text, typed| text.replace(typed, "·"));
    let words: Vec<&str> = text.split(' ').map(|word| word.trim_matches([',', ';', ':', '.'])).collect();
    let is_word = |word: &str| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    words.windows(2).find(|pair| pair.iter().all(|word| is_word(word))).map(|pair| pair.join(" "))
}

fn assert_chinese(errors: Vec<Box<dyn Zh>>) {
    for error in errors {
        let text = error.zh();
        assert!(text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "no Chinese in: {text}");
        assert_eq!(english(&text), None, "{text}");
        assert!(!text.contains('\n') && text.trim() == text, "{text:?}");
        // Whoever shows it may put it into brackets or go on behind it.
        assert!(!text.ends_with(['。', '.', '：', '，']), "{text}");
    }
}

macro_rules! sentences {
    ($($error:expr),+ $(,)?) => { assert_chinese(vec![$(Box::new($error)),+]) };
}

#[test]
fn english_is_found() {
    assert!(english("名单源 cannot be read").is_none());
    assert!(english("名单源 does not hold；please retry").is_none());
    assert_eq!(english("错误：the disk refused them").as_deref(), Some("disk refused"));
    assert!(english("请运行 antibrush alliance create 成立联盟").is_none());
}

#[test]
fn errors_of_files_and_storage() {
    let operations = [
        Operation::Create,
        Operation::Open,
        Operation::Read,
        Operation::Write,
        Operation::Sync,
        Operation::Rename,
        Operation::Remove,
        Operation::Lock,
        Operation::Measure,
    ];
    let kinds = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists,
        io::ErrorKind::Other,
    ];
    let file = |operation, kind| FileError { path: path(), operation, kind };
    for operation in operations {
        for kind in kinds {
            sentences![file(operation, kind)];
        }
    }
    // A file that is there has a mode.
    let own = FileError {
        path: std::env::current_exe().unwrap(),
        operation: Operation::Open,
        kind: io::ErrorKind::PermissionDenied,
    };
    assert!(own.zh().contains("权限不足（模式 0"), "{}", own.zh());
    let document = || DocumentError::Full { directory: path() };
    sentences![
        LockError::InUse { directory: path(), pid: Some(7) },
        LockError::InUse { directory: path(), pid: None },
        LockError::Format { path: path(), found: "2".to_owned() },
        LockError::File(file(Operation::Lock, io::ErrorKind::Other)),
        document(),
        DocumentError::TooLarge { what: "a key length", found: 3, most: 2 },
        DocumentError::Damaged { directory: path() },
        DocumentError::Stuck { directory: path() },
        DocumentError::File(file(Operation::Sync, io::ErrorKind::Other)),
        TableError::Unpackable("severity"),
        TableError::Io { action: "make the table's directory", kind: io::ErrorKind::OutOfMemory },
        StorageError::Documents(document()),
        StorageError::File(file(Operation::Read, io::ErrorKind::NotFound)),
        StorageError::Table(TableError::Unpackable("role")),
        StorageError::Charter(CharterError::Order),
        StorageError::Damaged,
        AdoptError::InForce(3),
        AdoptError::NoOtherSide { in_force: 3, found: 4 },
        AdoptError::Charter(2, CharterError::OldQuorum { have: 1, need: 2 }),
        AdoptError::Storage(StorageError::Damaged),
    ];
}

#[test]
fn errors_of_keys_profile_and_configuration() {
    let file = || FileError { path: path(), operation: Operation::Open, kind: io::ErrorKind::NotFound };
    for role in KeyRole::ALL {
        sentences![
            KeyError::Missing { role, path: path() },
            KeyError::Damaged { role, path: path() },
            KeyError::Internal { role },
        ];
    }
    sentences![
        KeyError::WrongPassphrase { path: path() },
        KeyError::LooseMode { path: path(), mode: 0o644, expected: 0o600 },
        KeyError::Exists { path: path() },
        KeyError::NeedsPassphrase { path: path() },
        KeyError::InClear { path: path() },
        KeyError::File(file()),
        PassphraseError::None,
        PassphraseError::EmptyFile { path: path() },
        PassphraseError::EmptyVariable { name: "ANTIBRUSH_PASSPHRASE" },
        PassphraseError::Mismatch,
        PassphraseError::TooShort { found: 3 },
        PassphraseError::Terminal { kind: io::ErrorKind::UnexpectedEof },
        PassphraseError::File(file()),
        ProfileError::Slug,
        ProfileError::Uscc { which: "--uscc", reason: SubjectError::BadCheckDigit },
        ProfileError::LegalName,
        ProfileError::Missing("/data".to_owned()),
        ProfileError::Damaged("expected value at line 3 column 7".to_owned()),
        ProfileError::File(file()),
        AuthError::File(file()),
        AuthError::Damaged("a digest is not 64 hex digits".to_owned()),
    ];

    let directory = tempfile::tempdir().unwrap();
    for (text, said) in [
        ("listn = []\n", "没有 listn 这个配置项"),
        ("checks_at_once = \"many\"\n", "配置项 checks_at_once 的值不对"),
        ("api = \n", "不是有效的 TOML（第 1 行第 "),
    ] {
        std::fs::write(directory.path().join(Config::FILE), text).unwrap();
        let error = Config::load(directory.path(), None).unwrap_err();
        assert!(error.zh().contains(said), "{error}: {}", error.zh());
        sentences![error];
    }
    let missing = Config::load(directory.path(), Some(&path())).unwrap_err();
    assert!(missing.zh().contains("文件不存在"), "{missing}: {}", missing.zh());
}

#[test]
fn errors_of_holders_and_of_what_is_kept_locally() {
    let file = || FileError { path: path(), operation: Operation::Write, kind: io::ErrorKind::StorageFull };
    sentences![
        VaultError::Closed { path: path() },
        VaultError::Length,
        VaultError::File(file()),
        ShareError::Closed { path: path() },
        ShareError::Mismatch,
        ShareError::Exists { path: path() },
        ShareError::File(file()),
        QuotaError::Exhausted { left: 3, renews: Day::parse("2026-11-22").unwrap() },
        QuotaError::File(file()),
        QueueError::Full { retry_after_ms: 25 },
        QueueError::Closed,
    ];
}

#[test]
fn errors_of_the_core_and_the_network() {
    let day = Day::parse("2026-11-22").unwrap();
    for refusal in JoinRefusal::ALL {
        sentences![JoinError::Refused(*refusal)];
    }
    let listen = || NetworkError::Listen { address: "/ip4/0.0.0.0/tcp/4861".parse().unwrap(), reason: reason() };
    for refusal in [PublishRefusal::Invalid, PublishRefusal::Moved, PublishRefusal::Frozen, PublishRefusal::Storage] {
        sentences![PublishError::Refused(refusal)];
    }
    sentences![
        listen(),
        NetworkError::Setup(reason()),
        JoinError::Network(listen()),
        JoinError::NoAddress,
        JoinError::Unreachable("no answer in time".to_owned()),
        JoinError::Unreachable("the node closed the connection: no invitation is open there".to_owned()),
        JoinError::Unreachable("Connection refused (os error 111)".to_owned()),
        TokenError::NotEntitled,
        TokenError::NoKey(Class::Mob),
        TokenError::Sealed,
        Refusal::Entry(EntryError::Term),
        Refusal::Token(TokenError::Sealed),
        Refusal::Repeated,
        Refusal::Expired,
        Refusal::NothingListed,
        Refusal::NothingDisputed,
        Refusal::NothingToClear,
        Refusal::PaymentOff,
        Refusal::FutureDay,
        Refusal::NotAnOrganisation,
        Refusal::Details(SealedError::TooLong),
        Refusal::Details(SealedError::Text),
        PublishError::NotAPublisher,
        PublishError::from(WriterError::Elsewhere(None)),
        PublishError::from(WriterError::Elsewhere(Some([3; 32]))),
        PublishError::from(WriterError::TooFew { granted: 1, needed: 3 }),
        PublishError::from(WriterError::Behind),
        PublishError::from(WriterError::Lost),
        PublishError::from(WriterError::Removed),
        PublishError::from(WriterError::OtherKey(SignError)),
        PublishError::from(WriterError::NoBody),
        PublishError::Recovering,
        PublishError::ClockBehind(9),
        PublishError::ClockWrong(900),
        PublishError::CharterExpired,
        PublishError::KeyRevoked(4),
        PublishError::ClockWrong(-900),
        PublishError::Storage(StorageError::Damaged),
        PublishError::Key(KeyError::Internal { role: KeyRole::Feed }),
        PublishError::Stopping,
        AdmitError::Charter(CharterError::Stewards),
        AdmitError::Seal(SealError::Key),
        AdmitError::Key(KeyError::Internal { role: KeyRole::Steward }),
        AdmitError::Storage(StorageError::Damaged),
        AdmitError::NotASteward,
        AdmitError::Slug,
        AdmitError::NeedsQuorum(2),
        AdmitError::Stopping,
        GovernError::NoSuchMember,
        GovernError::NotAProposal,
        GovernError::NotAnApplication,
        GovernError::NotASuccession,
        GovernError::NotASignature,
        GovernError::NoKey,
        GovernError::NotLoaded,
        GovernError::Admit(AdmitError::Slug),
        GovernError::Change(ChangeError::Term),
        GovernError::NoSuchHead,
        GovernError::NotFrozen,
        GovernError::Proposal(ProposalError::Full),
        NodeError::NoAlliance,
        NodeError::Storage(StorageError::Damaged),
        NodeError::Key(KeyError::Internal { role: KeyRole::Node }),
        NodeError::Profile(ProfileError::Slug),
        NodeError::Network(listen()),
        NodeError::Clock { shown: day, charter: day },
        ServeError::Node(NodeError::NoAlliance),
        ServeError::Auth(AuthError::Damaged(String::new())),
        ServeError::Recommend(RecommendError::Overrides(OverrideError::Missing)),
        ServeError::File(FileError { path: path(), operation: Operation::Open, kind: io::ErrorKind::Other }),
        ServeError::Lock(LockError::InUse { directory: path(), pid: None }),
        ServeError::Listen { address: ([127, 0, 0, 1], 8861).into(), reason: reason() },
        ImportError::Empty,
        ImportError::Io(io::ErrorKind::NotFound),
        SheetError::Io(io::ErrorKind::PermissionDenied),
        SheetError::Unencodable,
        SheetError::TooLargeForExcel,
    ];
}

#[test]
fn errors_of_recommendations() {
    for error in [
        OverrideError::Reason,
        OverrideError::Digits,
        OverrideError::Until,
        OverrideError::Person,
        OverrideError::Full,
        OverrideError::Missing,
        OverrideError::Damaged { path: path(), reason: "expected value at line 3 column 7".to_owned() },
    ] {
        sentences![error];
    }
    let faults = [
        Fault::TooLong,
        Fault::NotUtf8,
        Fault::Syntax,
        Fault::Key("mode"),
        Fault::Type(Wanted::Text),
        Fault::Type(Wanted::Texts),
        Fault::Type(Wanted::Number),
        Fault::Type(Wanted::Rules),
        Fault::Word("active, shadow"),
        Fault::Code,
        Fault::Range,
        Fault::Nothing,
        Fault::Mixed,
        Fault::NoThen,
        Fault::Name,
        Fault::Twice,
        Fault::Slug,
        Fault::Rules,
        Fault::Sentence,
    ];
    for fault in faults {
        let refused = Refused { line: 3, key: "rules[1].then".to_owned(), fault };
        sentences![fault, RecommendError::File(FileRefusal::Content { path: path(), refused })];
    }
}

#[test]
fn errors_of_the_protocol() {
    for error in SubjectError::ALL {
        sentences![*error];
    }
    let (number, decode) = (MemberNumber(3), DecodeError::Malformed);
    sentences![
        EntryError::MobileTerm,
        EntryError::NotPublishable,
        EntryError::VictimListed,
        EntryError::NothingAmended,
        EntryError::Basis,
        EntryError::Region,
        EntryError::Sealed,
        EntryError::Document,
        EntryError::StatutoryDocument,
        EntryError::GovernmentMeasure,
        EntryError::DeclineReason,
        EntryError::NoticeTerm,
        EntryError::PaymentAccounts,
        EntryError::FinancialMeasures,
        EntryError::OthersListing,
        EntryError::OwnNumber,
        LifeRefusal::NotAMember,
        LifeRefusal::NotEntitled,
        LifeRefusal::MeasureNotAllowed,
        LifeRefusal::NoListing,
        LifeRefusal::WrongKey,
        LifeRefusal::NotNoticed,
        LifeRefusal::AlreadyNoticed,
        LifeRefusal::NotCommitted,
        LifeRefusal::AlreadyCommitted,
        LifeRefusal::AlreadyRectified,
        LifeRefusal::AlreadyEscalated,
        LifeRefusal::NotOverdue,
        LifeRefusal::AlreadyDisputed,
        LifeRefusal::AlreadyAnswered,
        LifeRefusal::NoSuchDispute,
        LifeRefusal::DisputeClosed,
        LifeRefusal::AlreadyDecided,
        LifeRefusal::Struck,
        LifeRefusal::Ended,
        LifeRefusal::NotConfirmed,
        CalendarError { line: 2, problem: CalendarProblem::TooManyLines },
        CalendarError { line: 2, problem: CalendarProblem::Form },
        CalendarError { line: 2, problem: CalendarProblem::Date },
        CalendarError { line: 2, problem: CalendarProblem::Kind },
        CalendarError { line: 2, problem: CalendarProblem::Twice },
        BuildError::Entry(EntryError::Basis),
        BuildError::Full,
        InvitationError::NotAnInvitation,
        InvitationError::Checksum,
        InvitationError::Decode(DecodeError::UnknownVersion(9)),
        SealError::Key,
        SealError::Open,
        DecodeError::TrailingBytes,
        DecodeError::NotCanonical,
        DecodeError::TooLarge,
        DecodeError::UnknownKey(9),
        DecodeError::Missing("founding nonce"),
        DecodeError::OutOfRange("slug"),
        SignatureError::Envelope,
        SignatureError::ProtectedHeader,
        SignatureError::UnprotectedHeader,
        SignatureError::Payload,
        SignatureError::Decode(decode),
        SignatureError::BadSignature,
        CharterError::Signature(SignatureError::BadSignature),
        CharterError::Succession,
        CharterError::Member(number),
        CharterError::Key(number),
        CharterError::ObserverHoldsSecret(number),
        CharterError::TokenKeys,
        CharterError::EnumerablePersons,
        CharterError::Term,
        CharterError::NotNext { expected: 2, found: 4 },
        CharterError::OtherChain,
        CharterError::OldQuorum { have: 1, need: 2 },
        CharterError::NewQuorum { have: 1, need: 2 },
        CharterError::NumberMoved(number),
        CharterError::TokenKeyChanged,
        CharterError::KeySuccession(number),
        CharterError::FromTheFuture,
        CharterError::Forked(4),
        ChangeError::Exists(MemberNumber(5)),
        ChangeError::Applicant,
        ChangeError::TooManyMembers,
        ChangeError::OtherKeys(MemberNumber(5)),
        ChangeError::TooManyNodes(MemberNumber(5)),
        ChangeError::NoSuchNode(MemberNumber(5)),
        ChangeError::LastNode(MemberNumber(5)),
        ChangeError::AlreadySo,
        ChangeError::NoSuchMember(number),
        ChangeError::NotActive(number),
        ChangeError::StewardKey,
        ChangeError::NoSuchSteward(number),
        ChangeError::TooManyStewards,
        ChangeError::Unreachable { threshold: 2, entities: 1 },
        ChangeError::Addresses,
        ChangeError::TooFewWitnesses { witnesses: 2, most: 1 },
        ChangeError::NoThreshold,
        ChangeError::Holder(number),
        ChangeError::RoleNeedsKey(number),
        ChangeError::RoleHasFeed(number),
        ChangeError::Policy,
        ChangeError::NoSuchFeedKey(number),
        ChangeError::FeedKey,
        ChangeError::TooManyCuts,
        ChangeError::Succession(number),
        ChangeError::NotThePresentKey(number),
        ChangeError::TooManyKeys(number),
        ChangeError::SuccessorKey(number),
        ChangeError::NoFeed(number),
        ChangeError::Term,
        ProposalError::OtherCharter,
        ProposalError::Signature(SignatureError::BadSignature),
        ProposalError::Duplicate,
        ProposalError::NotASteward,
        ProposalError::Full,
        ProposalError::InForce(3),
        ProposalError::Stale(3),
        ProposalError::Rollback { in_force: 3, found: 2 },
        ProposalError::Skipped { in_force: 3, found: 5 },
        ProposalError::Forked(3),
        ProposalError::OtherAlliance,
        ProposalError::Expired,
        ProposalError::Charter(CharterError::Order),
        HeaderRefusal::Signature(SignatureError::BadSignature),
        HeaderRefusal::Form(HeaderError::Size),
        HeaderRefusal::OtherAlliance,
        HeaderRefusal::UnknownCharter,
        HeaderRefusal::NotAPublisher,
        HeaderRefusal::WrongKey,
        HeaderRefusal::FromTheFuture,
        HeaderRefusal::Checkpoint,
        HeaderRefusal::Void,
        HeaderRefusal::CharterExpired,
        HeaderError::Chunks,
        HeaderError::Totals,
        HeaderError::Previous,
        HeaderError::Lifetime,
        HeaderError::EmptyRoot,
        BodyError::Gap,
        BodyError::Root,
        BodyError::Totals,
        BodyError::Misdescribed,
        ChunkError::TooLong,
        ChunkError::Leaf { leaf: 3, error: decode },
        ChunkError::Count,
        ChunkError::Digest,
        ChunkError::Misdescribed,
        ChunkError::Start(decode),
        MerkleError::SizeOutOfRange { size: u64::MAX },
        MerkleError::IndexOutOfRange { index: 3, size: 2 },
        MerkleError::NotAPrefix { old: 3, new: 2 },
        MerkleError::PeakCount { size: 3, expected: 2, found: 1 },
        MerkleError::MissingNode { level: 1, index: 0 },
        MerkleError::ProofTooShort,
        MerkleError::ProofTooLong,
        MerkleError::OldRootMismatch,
        MerkleError::RootMismatch,
        ProofError::Decode(decode),
        ProofError::Charter(CharterError::Order),
        ProofError::Header(HeaderRefusal::WrongKey),
        ProofError::Path(MerkleError::RootMismatch),
        ProofError::Leaf(decode),
        ProofError::Heads,
        ProofError::NoContradiction,
        ProofError::Peaks,
        ProofError::Leaves,
        ProofError::Tokens,
        ProofError::Mentioned { index: 4 },
        ProofError::Erased { index: 4 },
        ProofError::Epoch { index: 4, epoch: 2 },
        FilterError::HeadTooLong { bytes: 9 },
        FilterError::Malformed,
        FilterError::NotCanonical,
        FilterError::UnknownVersion(9),
        FilterError::Lifetime { built: 1, expires: 2 },
        FilterError::FprExponent(99),
        FilterError::HashesOutOfRange(99),
        FilterError::HashesMismatch { stated: 1, expected: 2 },
        FilterError::TooManyBits { bits: u64::MAX },
        FilterError::WeakSeed,
        FilterError::BitsMismatch { stated: 1, expected: 2 },
        FilterError::BitmapLength { expected: 2, found: 1 },
        FilterError::DigestMismatch,
        FilterError::Fill { set: 3, least: 1, most: 2 },
        FilterError::ItemsMismatch { stated: 1, found: 2 },
        FilterError::RebuildMismatch,
        FilterError::Library("bitmap"),
    ];
}

#[test]
fn what_the_system_says() {
    assert_eq!(reason_zh("Address already in use (os error 98)"), "地址已被占用，错误码 98");
    assert_eq!(reason_zh("Unsupported address"), "Unsupported address");
    assert_eq!(io::Error::from_raw_os_error(13).zh(), "权限不足，错误码 13");
    assert_eq!(place_zh("expected value at line 3 column 7"), "（第 3 行第 7 列）");
    assert_eq!(place_zh("TOML parse error at line 1, column 7"), "（第 1 行第 7 列）");
    assert_eq!(place_zh("a digest is not 64 hex digits"), "");
}
