//! The lock on the data directory: one process at a time, and the way for the command line to find a running node.
//!
//! The lock is flock(2) on `lock`, which the kernel releases when the process ends however it ends. What the file says
//! (process id, HTTP address) is only a hint to whoever finds the lock held; anyone who may write to this directory can
//! point the command line at another address, and can do anything else to the node as well.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::files::{self, FileError, Operation};
use crate::lang::Zh;

/// The layout of the data directory that this version reads and writes.
pub const FORMAT: u32 = 2;

/// The lock file is one line padded to this length, so that a new line replaces the old one in one write.
const LOCK_LINE: usize = 128;

/// A command that looks for a running node holds a shared lock for microseconds: a node that starts at that moment
/// tries again instead of blaming it.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Why the data directory can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another process works on it.
    #[error(
        "the data directory {} is in use by {}; stop that node first, or use another directory",
        directory.display(), pid.map_or("another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// The process that holds it, if it has said so.
        pid: Option<u32>,
    },
    /// Its layout is not [`FORMAT`].
    #[error(
        "{} says {found:?}, but this version reads format {FORMAT} only; run the version of antibrush that wrote it, \
         or restore a copy of the directory in format {FORMAT}", path.display()
    )]
    Format {
        /// The version file.
        path: PathBuf,
        /// Its first characters.
        found: String,
    },
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for LockError {
    fn zh(&self) -> String {
        match self {
            LockError::InUse { directory, pid } => {
                let holder = pid.map_or("另一进程".to_owned(), |pid| format!("进程 {pid}"));
                format!("数据目录 {} 正被{holder}使用：请先停止该节点，或换一个目录", directory.display())
            }
            LockError::Format { path, found } => format!(
                "{} 的内容是 {found:?}，而本版本只能读取格式 {FORMAT}：请运行写入它的 antibrush 版本，或恢复格式 {FORMAT} 的目录副本",
                path.display()
            ),
            LockError::File(error) => error.zh(),
        }
    }
}

/// A data directory that this process holds until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    lock: File,
}

/// A node that holds a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its process id.
    pub pid: u32,
    /// Its HTTP address, once it serves.
    pub api: Option<SocketAddr>,
}

impl DataDir {
    /// Creates the directory if it is missing (mode 0700), locks it and checks its format.
    ///
    /// # Errors
    /// [`LockError`]; nothing inside was changed, except that an empty directory may have been created.
    pub fn lock(directory: &Path) -> Result<DataDir, LockError> {
        files::create_private_dir(directory)?;
        let path = directory.join("lock");
        let lock = files::open_private(&path)?;
        take(&lock, &path, directory)?;
        let held = DataDir { root: directory.to_path_buf(), lock };
        held.say(&format!("pid {}", std::process::id()))?;
        held.check_format()?;
        files::remove_leftovers(directory)?;
        Ok(held)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Tells [`running`] at which address this process serves HTTP.
    ///
    /// # Errors
    /// [`LockError::File`].
    pub fn announce(&self, api: SocketAddr) -> Result<(), LockError> {
        Ok(self.say(&format!("pid {} api {api}", std::process::id()))?)
    }

    fn say(&self, text: &str) -> Result<(), FileError> {
        let line = format!("{text:<width$}\n", width = LOCK_LINE - 1);
        self.lock
            .write_all_at(line.as_bytes(), 0)
            .map_err(|error| FileError::new(&self.root.join("lock"), Operation::Write, &error))
    }

    fn check_format(&self) -> Result<(), LockError> {
        let path = self.root.join("format");
        let Some(bytes) = files::read_bounded(&path, 4096)? else {
            return Ok(files::write_atomic(&path, format!("{FORMAT}\n").as_bytes(), 0o600)?);
        };
        let found: String = String::from_utf8_lossy(&bytes).trim().chars().take(32).collect();
        if found == FORMAT.to_string() { Ok(()) } else { Err(LockError::Format { path, found }) }
    }
}

fn take(lock: &File, path: &Path, directory: &Path) -> Result<(), LockError> {
    for attempt in 1.. {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if attempt < TRIES => std::thread::sleep(BETWEEN_TRIES),
            Err(Errno::WOULDBLOCK) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(FileError::new(path, Operation::Lock, &error.into()).into()),
        }
    }
    Err(LockError::InUse { directory: directory.to_path_buf(), pid: read_line(lock).map(|found| found.pid) })
}

/// The node that holds `directory`, if one does: a file left behind by a killed process does not count.
///
/// # Errors
/// [`FileError`], as when the directory belongs to another user.
pub fn running(directory: &Path) -> Result<Option<Running>, FileError> {
    let path = directory.join("lock");
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::new(&path, Operation::Open, &error)),
    };
    match flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        // A process that has the lock and has not said its name yet is not one to talk to.
        Err(Errno::WOULDBLOCK) => Ok(read_line(&lock)),
        Err(error) => Err(FileError::new(&path, Operation::Lock, &error.into())),
    }
}

fn read_line(lock: &File) -> Option<Running> {
    let mut line = [0; LOCK_LINE];
    let length = lock.read_at(&mut line, 0).ok()?;
    let mut words = std::str::from_utf8(&line[..length]).ok()?.split_ascii_whitespace();
    let ("pid", Some(pid)) = (words.next()?, words.next()) else { return None };
    let api = match words.next() {
        Some("api") => words.next().and_then(|text| text.parse().ok()),
        _ => None,
    };
    Some(Running { pid: pid.parse().ok()?, api })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn one_process_holds_the_directory_and_says_where_it_serves() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        assert_eq!(running(&root), Ok(None));
        let held = DataDir::lock(&root).unwrap();
        assert_eq!(std::fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        let pid = std::process::id();
        assert_eq!(running(&root), Ok(Some(Running { pid, api: None })));
        let api = "[::1]:8443".parse().unwrap();
        held.announce(api).unwrap();
        assert_eq!(running(&root), Ok(Some(Running { pid, api: Some(api) })));
        // flock belongs to the open file, so a second open in this process is refused like another process.
        let second = DataDir::lock(&root).unwrap_err();
        assert_eq!(second, LockError::InUse { directory: root.clone(), pid: Some(pid) });
        drop(held);
        assert_eq!(running(&root), Ok(None), "the file is still there, the lock is not");
        DataDir::lock(&root).unwrap();
    }

    #[test]
    fn looking_for_a_node_never_stops_one_from_starting() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::lock(dir.path()).unwrap());
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    running(dir.path()).unwrap();
                    std::thread::sleep(Duration::from_micros(300));
                }
            });
            let outcomes: Vec<_> = (0..50).map(|_| DataDir::lock(dir.path()).map(drop)).collect();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(outcomes.iter().all(Result::is_ok));
        });
    }

    #[test]
    fn another_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::lock(dir.path()).unwrap());
        let path = dir.path().join("format");
        std::fs::write(&path, "1\n").unwrap();
        assert_eq!(DataDir::lock(dir.path()).unwrap_err(), LockError::Format { path, found: "1".into() });
        assert_eq!(running(dir.path()), Ok(None));
    }

    #[test]
    fn a_lock_file_full_of_garbage_is_no_node() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::lock(dir.path()).unwrap();
        for garbage in ["", "pid", "pid x", "\u{ff}", "pid 99999999999999999999 api 1.2.3.4:5"] {
            held.lock.set_len(0).unwrap();
            held.lock.write_all_at(garbage.as_bytes(), 0).unwrap();
            assert_eq!(running(dir.path()), Ok(None));
        }
        held.lock.set_len(0).unwrap();
        held.lock.write_all_at(b"pid 7 api nonsense", 0).unwrap();
        assert_eq!(running(dir.path()), Ok(Some(Running { pid: 7, api: None })));
    }
}
