//! Copies of the SQLite database: taken while the service writes, verified before anyone is told of success, and put back
//! only where no database is. PostgreSQL has tools of its own; `deploy/` has the scripts.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::connection::{Conn, Target, folder_of, is_migrated};
use crate::fault::Fault;
use crate::verify::{Checked, verify};

/// What SQLite keeps beside a database that is open or was not closed.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Copies the database as it stands at one instant into a new file, with its SHA-256 digest in a second file beside it.
/// Both are on the disk, and the copy is verified, when this returns.
pub fn backup(source: &Target, file: &Path) -> Result<Checked, Fault> {
    path_of(source)?;
    source.require_existing()?;
    let digest_file = with_suffix(file, ".sha256");
    for place in [file, &digest_file] {
        require_free(place, "a backup never writes over another")?;
    }
    let draft = draft_beside(file)?;
    // A connection that may write, because SQLite counts the new file among what is written.
    if let Conn::Sqlite(conn) = &mut source.connect(false)? {
        sql_query("VACUUM INTO ?").bind::<Text, _>(draft.path().to_string_lossy()).execute(conn)?;
    }
    let checked = examine(draft.path())?;
    let digest = digest_of(&mut draft.reopen().map_err(|error| broken(file, &error))?, |_| Ok(()))?;
    settle(draft, file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut noted = draft_beside(&digest_file)?;
    writeln!(noted, "{digest}  {name}").map_err(|error| broken(&digest_file, &error))?;
    settle(noted, &digest_file)?;
    Ok(checked)
}

/// Puts a backup in the place of a database that is not there. The bytes that will be served are verified first: against
/// the digest beside the backup, if it is still there, and as `sigida verify` does.
pub fn restore(file: &Path, target: &Target) -> Result<Checked, Fault> {
    let place = path_of(target)?;
    let companions = COMPANIONS.map(|suffix| with_suffix(place, suffix));
    for place in companions.iter().map(PathBuf::as_path).chain([place]) {
        require_free(place, "stop the service, and move the database away together with its files -wal and -shm")?;
    }
    let mut source = File::open(file).map_err(|error| broken(file, &error))?;
    if let Some(folder) = folder_of(place) {
        std::fs::create_dir_all(folder).map_err(|error| broken(folder, &error))?;
    }
    let mut draft = draft_beside(place)?;
    let digest = digest_of(&mut source, |bytes| draft.write_all(bytes).map_err(|error| broken(place, &error)))?;
    if noted_digest(file)?.is_some_and(|noted| noted != digest) {
        return Err(Fault::Broken(format!("{} is damaged: it does not have the digest noted beside it", file.display())));
    }
    let checked = examine(draft.path())?;
    settle(draft, place)?;
    Ok(checked)
}

fn path_of(target: &Target) -> Result<&Path, Fault> {
    match target {
        Target::Sqlite(path) => Ok(path),
        Target::Postgres(_) => {
            Err(Fault::Broken("PostgreSQL has its own tools: deploy/postgresql-backup.sh and deploy/postgresql-restore.sh".to_owned()))
        }
    }
}

fn broken(path: &Path, error: &std::io::Error) -> Fault {
    Fault::Broken(format!("{}: {error}", path.display()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn require_free(place: &Path, advice: &str) -> Result<(), Fault> {
    match std::fs::symlink_metadata(place) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(broken(place, &error)),
        Ok(_) => Err(Fault::Broken(format!("{} exists already: {advice}", place.display()))),
    }
}

fn folder_beside(place: &Path) -> &Path {
    folder_of(place).unwrap_or(Path::new("."))
}

/// A file for its owner alone, on the way to its place; removed if it does not get there.
fn draft_beside(place: &Path) -> Result<NamedTempFile, Fault> {
    let folder = folder_beside(place);
    tempfile::Builder::new().prefix(".sigida-").suffix(".partial").tempfile_in(folder).map_err(|error| broken(folder, &error))
}

/// Moves a finished draft to its place, where nothing may be; file and folder are on the disk afterwards.
fn settle(draft: NamedTempFile, place: &Path) -> Result<(), Fault> {
    draft.as_file().sync_all().map_err(|error| broken(place, &error))?;
    draft.persist_noclobber(place).map_err(|failed| broken(place, &failed.error))?;
    let folder = folder_beside(place);
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(|error| broken(folder, &error))
}

/// The SHA-256 digest of a file, which is passed on piece by piece.
fn digest_of(file: &mut File, mut pass_on: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<String, Fault> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(|error| Fault::Broken(error.to_string()))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
        pass_on(bytes)?;
    }
    Ok(domain::audit::hex(&digest.finalize()))
}

/// The digest that was noted beside a backup, in the form that `sha256sum` writes.
fn noted_digest(file: &Path) -> Result<Option<String>, Fault> {
    let noted = with_suffix(file, ".sha256");
    match std::fs::read_to_string(&noted) {
        Ok(text) => Ok(Some(text.split_whitespace().next().unwrap_or_default().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(broken(&noted, &error)),
    }
}

/// Everything that can be said of a copy from its content: pages, keys, schema, books.
fn examine(copy: &Path) -> Result<Checked, Fault> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        integrity_check: String,
    }
    let damaged = |what: String| Fault::Broken(format!("the copy is NOT verified: {what}"));
    let mut conn = Target::connect_at_rest(copy).map_err(|fault| damaged(fault.to_string()))?;
    if let Conn::Sqlite(inner) = &mut conn {
        let found: Vec<Found> = sql_query("PRAGMA integrity_check(1)").load(inner).map_err(|error| damaged(error.to_string()))?;
        if let Some(first) = found.first().filter(|first| first.integrity_check != "ok") {
            return Err(damaged(first.integrity_check.clone()));
        }
    }
    if !is_migrated(&mut conn)? {
        return Err(damaged("its schema is not this program's; use the release that it belongs to, then `sigida migrate`".to_owned()));
    }
    verify(&mut conn).map_err(|failure| damaged(failure.to_string()))
}
