//! Opening the database, whatever state it is in.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::files::{self, FileError, Operation};
use super::Opened;
use super::engine::{Engine, Failure, Instance};

/// Written when a page could not be read: the next start sets the database aside.
const DISTRUST: &str = "documents.distrusted";

/// Opens what is there, or sets it aside and begins anew with the same instance.
pub(super) fn open_guarded(root: &Path, directory: &Path, cache: u64) -> Result<(Engine, Opened), Failure> {
    let fresh = !directory.exists();
    let recorded = read_instance(root)?;
    let distrusted = root.join(DISTRUST);
    let found = match (fresh, recorded) {
        (true, Some(_)) => Err(Failure::Damaged),
        _ if distrusted.exists() => Err(Failure::Damaged),
        _ => attach(root, directory, cache, recorded),
    };
    let (engine, instance, opened) = match found {
        Ok((engine, instance, existed)) => (engine, instance, if existed { Opened::Existing } else { Opened::New }),
        Err(Failure::Damaged) => {
            let set_aside = set_aside(directory)?;
            let (engine, instance, _) = attach_new(root, directory, cache, recorded)?;
            (engine, instance, Opened::Damaged { set_aside })
        }
        Err(failure) => return Err(failure),
    };
    // Last, so that a kill before this line finds either no database or one that says its own name.
    if recorded != Some(instance) {
        files::write_atomic(&root.join("instance"), hex::encode(instance).as_bytes(), 0o600)?;
    }
    if distrusted.exists() {
        fs::remove_file(&distrusted).map_err(|error| FileError::new(&distrusted, Operation::Remove, &error))?;
    }
    files::sync_dir(root)?;
    Ok((engine, opened))
}

/// Opens the database again in the same process; never sets anything aside.
pub(super) fn open_existing(root: &Path, directory: &Path, cache: u64) -> Result<Engine, Failure> {
    attach(root, directory, cache, read_instance(root)?).map(|(engine, ..)| engine)
}

/// Asks the next start to set the database aside. If even this can not be written, the next start finds the damage by
/// itself or at the same place.
pub(super) fn distrust(root: &Path) {
    let _ = files::write_atomic(&root.join(DISTRUST), b"a page could not be read\n", 0o600);
}

/// `None` also for a file that does not hold an instance: the database's own marker then decides.
fn read_instance(root: &Path) -> Result<Option<Instance>, FileError> {
    let bytes = files::read_bounded(&root.join("instance"), 64)?;
    Ok(bytes.and_then(|bytes| hex::decode(bytes.trim_ascii()).ok()?.try_into().ok()))
}

/// Opens the database and compares its marker; a database without one gets one if it is empty and nothing was recorded.
/// The flag says whether the marker was there.
fn attach(
    root: &Path,
    directory: &Path,
    cache: u64,
    recorded: Option<Instance>,
) -> Result<(Engine, Instance, bool), Failure> {
    let engine = Engine::open(root, directory, cache)?;
    if engine.commits() < read_tally(engine.tally()) {
        return Err(engine.reject());
    }
    match (engine.marker()?, recorded) {
        (Some(found), Some(recorded)) if found != recorded => Err(engine.reject()),
        (Some(found), _) => Ok((engine, found, true)),
        (None, None) if engine.is_blank()? => engine.mark(None),
        (None, _) => Err(engine.reject()),
    }
}

fn attach_new(
    root: &Path,
    directory: &Path,
    cache: u64,
    instance: Option<Instance>,
) -> Result<(Engine, Instance, bool), Failure> {
    let engine = Engine::open(root, directory, cache)?;
    engine.write_tally(0)?;
    engine.mark(instance)
}

/// Sets the old database aside. If the whole directory is missing an empty one takes its place there, so that the name is true.
fn set_aside(directory: &Path) -> Result<PathBuf, FileError> {
    if directory.symlink_metadata().is_err() {
        files::create_private_dir(directory)?;
    }
    files::set_aside(directory)
}

/// Under the lock no snapshot is being written, so a half-written one belongs to a killed process; sled would take it for
/// a whole one and fail with `Corruption` (spacejam/sled #1527).
pub(super) fn remove_half_snapshots(directory: &Path) -> Result<(), FileError> {
    let failed = |error: io::Error| FileError::new(directory, Operation::Open, &error);
    for item in fs::read_dir(directory).map_err(failed)? {
        let path = item.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path).map_err(|error| FileError::new(&path, Operation::Remove, &error))?;
        }
    }
    Ok(())
}

/// The number of commits outside the database; 0 for a file that does not hold one, since it proves nothing then.
fn read_tally(tally: &File) -> u64 {
    let (mut count, mut inverted) = ([0; 8], [0; 8]);
    let read = tally.read_exact_at(&mut count, 0).and_then(|()| tally.read_exact_at(&mut inverted, 8));
    let (count, inverted) = (u64::from_be_bytes(count), u64::from_be_bytes(inverted));
    if read.is_ok() && count == !inverted { count } else { 0 }
}
