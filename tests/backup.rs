//! Backup and restore: a drill on each engine while clients write, and copies that are refused.

use std::process::Command;

use db::connection::Target;
use diesel::connection::SimpleConnection as _;

use crate::harness::acknowledged::{Desk, Notes};
use crate::harness::postgres::Cluster;
use crate::harness::program::{Ended, Place, program, top};
use crate::harness::{Stage, town};

/// How many writes are acknowledged before a backup begins, and after it has ended.
const LOAD: usize = 30;

/// Clients write, a backup is taken, clients go on; the backup is restored into a fresh place. Every write acknowledged
/// before the backup began is there, none half, and the later ones are not: the comparison would see a loss.
fn drill(place: &Place, target: &Target, backup: impl FnOnce(), fresh: &Place, restore: impl FnOnce()) {
    let cast = town::found(target, Stage::Open);
    let notes = Notes::begin(&place.path("acknowledged"));
    let service = place.serve_ready();
    let desk = Desk::in_town(place, cast.clone());
    let (before, unknown) = desk.write_during(&notes, || {
        notes.wait_for(LOAD);
        let before = notes.read();
        backup();
        notes.wait_for(LOAD);
        before
    });
    assert!(unknown.is_empty(), "a backup turns nobody away: {unknown:?}");
    assert_eq!(service.terminate().0, Some(0));
    restore();
    let _service = fresh.serve_ready();
    let restored = Desk::in_town(fresh, cast);
    restored.verified();
    let books = restored.books();
    assert_eq!(books.faults(&before), [] as [String; 0]);
    assert!(!books.faults(&notes.read()).is_empty(), "writes went on after the copy was taken");
    let next = restored.intent(true);
    next.ask(&restored.client(next.login)).expect("an answer").expect(201);
}

fn done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_backup_taken_while_clients_write_restores_all_that_was_acknowledged_on_sqlite() {
    let (place, fresh) = (Place::new(), Place::new());
    let copy = place.path("copy.db");
    let backup = || {
        done(&place.run(&["backup", &copy]));
        place.refuses(&["backup", &copy], "exists already");
        place.refuses(&["restore", &copy], "the service is running at");
    };
    let restore = || {
        place.refuses(&["restore", &copy], "exists already");
        std::fs::write(fresh.path("sigida.db-wal"), "left behind").expect("written");
        fresh.refuses(&["restore", &copy], "sigida.db-wal exists already");
        std::fs::remove_file(fresh.path("sigida.db-wal")).expect("removed");
        done(&fresh.run(&["restore", &copy]));
    };
    drill(&place, &Target::Sqlite(place.path("sigida.db").into()), backup, &fresh, restore);
    let checked = Command::new("sha256sum").args(["--check", "--quiet", "copy.db.sha256"]).current_dir(place.path("")).status();
    assert!(checked.expect("sha256sum runs").success());
}

/// Changes one byte of a file, at a place or in the middle.
fn flip(file: &str, at: Option<usize>) {
    let mut bytes = std::fs::read(file).expect("a file");
    let at = at.unwrap_or(bytes.len() / 2);
    bytes[at] ^= 0x20;
    std::fs::write(file, bytes).expect("written");
}

#[test]
fn a_damaged_or_foreign_copy_is_refused_and_leaves_nothing_behind() {
    let place = Place::new();
    town::found(&Target::Sqlite(place.path("sigida.db").into()), Stage::Open);
    let copy = place.path("copy.db");
    done(&place.run(&["backup", &copy]));
    let sound = std::fs::read(&copy).expect("the copy");
    let fresh = Place::new();
    let refused = |why: &str| {
        fresh.refuses(&["restore", &copy], why);
        let left: Vec<_> = std::fs::read_dir(fresh.path("")).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(left, ["key.pem"], "nothing is left behind");
    };

    flip(&copy, None);
    refused("does not have the digest noted beside it");
    std::fs::remove_file(format!("{copy}.sha256")).expect("removed");
    // Without the digest, what the chain of events says of itself is enough.
    std::fs::write(&copy, &sound).expect("written");
    let event = sound.windows(15).rposition(|window| window == b"budget.approved").expect("an event");
    flip(&copy, Some(event));
    refused("NOT verified");
    std::fs::write(&copy, &sound[..sound.len() / 2]).expect("written");
    refused("NOT verified");
    std::fs::write(&copy, "A letter, not a database.").expect("written");
    refused("NOT verified");
    std::fs::write(&copy, &sound).expect("written");
    let mut conn = Target::Sqlite(copy.clone().into()).connect(false).expect("a connection");
    conn.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = (SELECT MAX(version) FROM __diesel_schema_migrations)")
        .expect("an older schema");
    conn.batch_execute("PRAGMA journal_mode = DELETE").expect("closed");
    drop(conn);
    refused("its schema is not this program's");
    std::fs::write(&copy, &sound).expect("written");
    done(&fresh.run(&["restore", &copy]));

    let postgresql = Place::new().with("SIGIDA_DATABASE_URL", "postgres://sigida@localhost/sigida");
    for command in ["backup", "restore"] {
        postgresql.refuses(&[command, &copy], "deploy/postgresql-restore.sh");
    }
    Place::new().refuses(&["backup", "copy.db"], "sigida migrate");
    Place::new().refuses(&["restore", "nowhere.db"], "nowhere.db");
}

/// Runs a script of `deploy/` against a database, with the tools of its cluster.
pub fn script(name: &str, cluster: &Cluster, url: &str, file: &str) -> Ended {
    let path = format!("{}:{}", cluster.binaries().display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new(top().join("deploy").join(name))
        .arg(file)
        .env_clear()
        .env("PATH", path)
        .env("SIGIDA", program())
        .env("SIGIDA_DATABASE_URL", url)
        .output()
        .expect("the script runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
}

#[track_caller]
fn refused(ended: &Ended, why: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.error.contains(why), "{ended:?}");
}

#[test]
fn a_backup_taken_while_clients_write_restores_all_that_was_acknowledged_on_postgresql() {
    let Some(cluster) = Cluster::durable() else { return };
    let target = cluster.make_database("sigida");
    cluster.make_database("restored");
    cluster.make_database("spoilt");
    let [place, fresh] = ["sigida", "restored"].map(|name| Place::new().with("SIGIDA_DATABASE_URL", &cluster.url(name)));
    let copy = place.path("sigida.dump");
    let backup = || {
        done(&script("postgresql-backup.sh", &cluster, &cluster.url("sigida"), &copy));
        refused(&script("postgresql-backup.sh", &cluster, &cluster.url("sigida"), &copy), "exists already");
    };
    let restore = || {
        refused(&script("postgresql-restore.sh", &cluster, &cluster.url("sigida"), &copy), "is not empty");
        let ended = script("postgresql-restore.sh", &cluster, &cluster.url("restored"), &copy);
        done(&ended);
        assert!(ended.out.contains("Verified: "), "{ended:?}");
    };
    drill(&place, &target, backup, &fresh, restore);

    flip(&copy, None);
    refused(&script("postgresql-restore.sh", &cluster, &cluster.url("spoilt"), &copy), "does not have the digest");
    flip(&copy, None);
    // Without its digest, one that was cut.
    std::fs::remove_file(format!("{copy}.sha256")).expect("removed");
    let whole = std::fs::read(&copy).expect("the copy");
    std::fs::write(&copy, &whole[..whole.len() / 2]).expect("cut");
    refused(&script("postgresql-restore.sh", &cluster, &cluster.url("spoilt"), &copy), "pg_restore");
    std::fs::write(&copy, &whole).expect("whole again");
    done(&script("postgresql-restore.sh", &cluster, &cluster.url("spoilt"), &copy));
}
