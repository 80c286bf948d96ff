//! Durable files: every file that this node writes for later is complete or absent, whatever the moment of a crash.
//!
//! The order is the usual one: write to a temporary name in the same directory, sync the file, rename it, sync the
//! directory (rename(2) and fsync(2): a rename is atomic, and lasts only once its directory is synced).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::lang::Zh;

/// Ends the names of unfinished files. They start with a dot, so that no finished name can look like one.
const TEMPORARY_SUFFIX: &str = ".tmp";

/// What was being done to a file when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creating a file or a directory.
    Create,
    /// Opening a file or listing a directory.
    Open,
    /// Reading a file.
    Read,
    /// Writing a file.
    Write,
    /// Forcing a file or a directory to the disk.
    Sync,
    /// Giving a finished file its name.
    Rename,
    /// Removing a file.
    Remove,
    /// Taking the lock on a file.
    Lock,
    /// Asking a file system for its free space.
    Measure,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Create => "create",
            Operation::Open => "open",
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Sync => "sync",
            Operation::Rename => "rename",
            Operation::Remove => "remove",
            Operation::Lock => "lock",
            Operation::Measure => "measure the space for",
        })
    }
}

/// An operation on a file that the operating system refused. The text names the file and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {operation} {}: {}", path.display(), self.reason())]
pub struct FileError {
    /// The file or directory.
    pub path: PathBuf,
    /// What was being done to it.
    pub operation: Operation,
    /// Why it failed.
    pub kind: io::ErrorKind,
}

impl FileError {
    /// Wraps an error of the operating system.
    pub fn new(path: &Path, operation: Operation, error: &io::Error) -> FileError {
        FileError { path: path.to_path_buf(), operation, kind: error.kind() }
    }

    /// Whether room on the disk is all that is missing: the same call succeeds once there is space.
    pub fn is_full(&self) -> bool {
        is_full(self.kind)
    }

    /// The permission bits of the file, if it is there.
    fn mode(&self) -> Option<u32> {
        let found = self.path.symlink_metadata().ok()?;
        Some(std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o7777)
    }

    fn reason(&self) -> String {
        let directory = self.path.parent().unwrap_or(&self.path).display();
        match self.kind {
            kind if is_full(kind) => {
                format!("no space left; free space on {directory} and run it again; nothing stored was lost")
            }
            io::ErrorKind::PermissionDenied => match self.mode() {
                Some(mode) => {
                    format!("permission denied (mode {mode:04o}); run as the user that owns it, or change its owner")
                }
                None => format!("permission denied; let this user write to {directory}"),
            },
            io::ErrorKind::ReadOnlyFilesystem => format!("{directory} is mounted read-only; remount it writable"),
            io::ErrorKind::NotFound => "it does not exist; check the data directory".to_owned(),
            io::ErrorKind::AlreadyExists => "it exists already and is never overwritten; move it away".to_owned(),
            kind => format!("{kind}; check the disk (dmesg, smartctl) and the mount of {directory}"),
        }
    }
}

impl Zh for FileError {
    fn zh(&self) -> String {
        let path = self.path.display();
        let directory = self.path.parent().unwrap_or(&self.path).display();
        let failed = match self.operation {
            Operation::Create => format!("无法创建 {path}"),
            Operation::Open => format!("无法打开 {path}"),
            Operation::Read => format!("无法读取 {path}"),
            Operation::Write => format!("无法写入 {path}"),
            Operation::Sync => format!("无法把 {path} 同步到磁盘"),
            Operation::Rename => format!("无法重命名 {path}"),
            Operation::Remove => format!("无法删除 {path}"),
            Operation::Lock => format!("无法锁定 {path}"),
            Operation::Measure => format!("无法查询 {path} 的剩余空间"),
        };
        let reason = match self.kind {
            kind if is_full(kind) => {
                format!("磁盘空间不足，请在 {directory} 所在磁盘上释放空间后重试，已存数据没有丢失")
            }
            io::ErrorKind::PermissionDenied => match self.mode() {
                Some(mode) => format!("权限不足（模式 {mode:04o}），请以其所有者身份运行，或更改其所有者"),
                None => format!("权限不足，请允许当前用户写入 {directory}"),
            },
            io::ErrorKind::ReadOnlyFilesystem => format!("{directory} 以只读方式挂载，请重新挂载为可写"),
            io::ErrorKind::NotFound => "它不存在，请检查数据目录".to_owned(),
            io::ErrorKind::AlreadyExists => "它已存在且不会被覆盖，请先移走".to_owned(),
            kind => format!("{}，请检查磁盘（dmesg、smartctl）和 {directory} 的挂载", kind.zh()),
        };
        format!("{failed}：{reason}")
    }
}

/// Whether an error of this kind goes away with free space or a larger quota.
pub fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Replaces or creates `path` with `bytes` and permission bits `mode` (lessened by the umask), durably: after a crash
/// the file holds the old bytes or the new ones.
///
/// # Errors
/// [`FileError`]; the old content, if any, is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = write_temporary(parent(path), path, bytes, mode)?;
    finish(&temporary, path, fs::rename(&temporary, path))
}

/// Like [`write_atomic`], but never replaces a file.
///
/// # Errors
/// [`FileError`]; its kind is `AlreadyExists` if the name is taken, also when another process took it meanwhile.
pub fn create_exclusive(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = write_temporary(parent(path), path, bytes, mode)?;
    // A hard link, unlike a rename, fails if the name exists (link(2)).
    let linked = fs::hard_link(&temporary, path);
    if linked.is_ok() {
        // Losing this race with a crash leaves a leftover, which `remove_leftovers` takes away.
        let _ = fs::remove_file(&temporary);
    }
    finish(&temporary, path, linked)
}

fn finish(temporary: &Path, path: &Path, named: io::Result<()>) -> Result<(), FileError> {
    if let Err(error) = named {
        let _ = fs::remove_file(temporary);
        return Err(FileError::new(path, Operation::Rename, &error));
    }
    sync_dir(parent(path))
}

/// Writes and syncs a temporary file in `directory`, which must be on the file system of `target`; returns its path.
/// The caller renames it. On an error nothing stays behind.
pub(crate) fn write_temporary(directory: &Path, target: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, FileError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!(".{name}.{}.{number}{TEMPORARY_SUFFIX}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path)
        .map_err(|error| FileError::new(target, Operation::Create, &error))
        .and_then(|mut file| {
            file.write_all(bytes).map_err(|error| FileError::new(target, Operation::Write, &error))?;
            file.sync_all().map_err(|error| FileError::new(target, Operation::Sync, &error))
        });
    match written {
        Ok(()) => Ok(path),
        Err(error) => {
            let _ = fs::remove_file(&path);
            Err(error)
        }
    }
}

/// Makes the names in a directory durable.
///
/// # Errors
/// [`FileError`].
pub fn sync_dir(directory: &Path) -> Result<(), FileError> {
    let opened = File::open(directory).map_err(|error| FileError::new(directory, Operation::Open, &error))?;
    opened.sync_all().map_err(|error| FileError::new(directory, Operation::Sync, &error))
}

/// Moves a file or directory that cannot be used to the first free name `<name>.damaged-<n>` beside it, durably, so that nothing that
/// is begun anew is written over it. Says where it is now.
///
/// # Errors
/// [`FileError`]; one of kind `NotFound` if it is not there.
pub fn set_aside(path: &Path) -> Result<PathBuf, FileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let candidates = (1u64..).map(|number| parent(path).join(format!("{name}.damaged-{number}")));
    let mut free = candidates.skip_while(|candidate| candidate.symlink_metadata().is_ok());
    // The numbers do not end before the disk does.
    let target = free.next().unwrap_or_default();
    fs::rename(path, &target).map_err(|error| FileError::new(path, Operation::Rename, &error))?;
    sync_dir(parent(path))?;
    Ok(target)
}

/// Opens a file for reading and writing, as it is; makes one that only this user may read (0600) if there is none.
///
/// # Errors
/// [`FileError`].
pub fn open_private(path: &Path) -> Result<File, FileError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.map_err(|error| FileError::new(path, Operation::Open, &error))
}

/// Creates a directory that only this user may enter (0700), and its parents; one that exists is left as it is.
///
/// # Errors
/// [`FileError`].
pub fn create_private_dir(directory: &Path) -> Result<(), FileError> {
    let existed = directory.is_dir();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| FileError::new(directory, Operation::Create, &error))?;
    if existed { Ok(()) } else { sync_dir(parent(directory)) }
}

/// Reads a whole file of at most `most` bytes; `None` if there is none.
///
/// # Errors
/// [`FileError`]; a longer file is `FileTooLarge` and is not read into memory.
pub fn read_bounded(path: &Path, most: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::new(path, Operation::Open, &error)),
    };
    read_open(file, path, most).map(Some)
}

/// Reads an open file of at most `most` bytes; `path` is for the error.
///
/// # Errors
/// As [`read_bounded`].
pub fn read_open(file: File, path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let failed = |error: io::Error| FileError::new(path, Operation::Read, &error);
    let length = file.metadata().map_err(failed)?.len();
    if length > most {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    // One byte more than allowed shows a file that grew since.
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most { Err(failed(io::ErrorKind::FileTooLarge.into())) } else { Ok(bytes) }
}

/// Removes the unfinished files that a killed process left in `directory`, and returns how many. Call it only under the
/// data directory's lock: another process may be writing otherwise.
///
/// # Errors
/// [`FileError`].
pub fn remove_leftovers(directory: &Path) -> Result<usize, FileError> {
    let failed = |error: io::Error| FileError::new(directory, Operation::Open, &error);
    let mut removed = 0;
    for item in fs::read_dir(directory).map_err(failed)? {
        let path = item.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(TEMPORARY_SUFFIX) {
            fs::remove_file(&path).map_err(|error| FileError::new(&path, Operation::Remove, &error))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// The bytes that an unprivileged process may still write to the file system of `directory`. Quotas do not show in it.
///
/// # Errors
/// [`FileError`].
pub fn free_bytes(directory: &Path) -> Result<u64, FileError> {
    let found = rustix::fs::statvfs(directory)
        .map_err(|error| FileError::new(directory, Operation::Measure, &io::Error::from(error)))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Creates or lengthens a file so that `bytes` of the disk are really taken.
///
/// # Errors
/// [`FileError`]; the file is then removed.
pub fn allocate(path: &Path, bytes: u64) -> Result<(), FileError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| FileError::new(path, Operation::Create, &error))?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).map_err(|error| {
        let _ = fs::remove_file(path);
        FileError::new(path, Operation::Write, &io::Error::from(error))
    })
}

/// The directory that holds `path`, `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|found| !found.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        write_atomic(&path, b"first", 0o600).unwrap();
        write_atomic(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_exclusive_file_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create_exclusive(&path, b"first", 0o600).unwrap();
        let again = create_exclusive(&path, b"second", 0o600);
        let kind = io::ErrorKind::AlreadyExists;
        assert_eq!(again, Err(FileError { path: path.clone(), operation: Operation::Rename, kind }));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_unfinished_files_are_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".state.12.0.tmp", "state", "notes.tmp", ".hidden"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        assert_eq!(remove_leftovers(dir.path()), Ok(1));
        assert_eq!(remove_leftovers(dir.path()), Ok(0));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_longer_than_its_bound_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        fs::write(&path, [7; 11]).unwrap();
        let kind = io::ErrorKind::FileTooLarge;
        assert_eq!(read_bounded(&path, 10), Err(FileError { path: path.clone(), operation: Operation::Read, kind }));
        assert_eq!(read_bounded(&path, 11), Ok(Some(vec![7; 11])));
        assert_eq!(read_bounded(&dir.path().join("none"), 10), Ok(None));
    }

    #[test]
    fn the_error_names_the_next_step() {
        let error = |kind| FileError { path: "/data/bodies/x".into(), operation: Operation::Write, kind }.to_string();
        assert_eq!(
            error(io::ErrorKind::StorageFull),
            "cannot write /data/bodies/x: no space left; free space on /data/bodies and run it again; nothing stored \
             was lost"
        );
        assert_eq!(
            error(io::ErrorKind::PermissionDenied),
            "cannot write /data/bodies/x: permission denied; let this user write to /data/bodies"
        );
    }
}
