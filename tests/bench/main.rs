//! The benchmark: what the service does beside what the engines allow, on the same machine in the same minutes, as ratios.
//!
//! `cargo bench --package tests --bench sigida [-- [--pairs N] [--seconds S] [--peers] [MEASURE…]]`

mod alone;
mod contest;
mod database;
mod disk;
mod founding;
mod fund;
mod growth;
mod import;
mod limit;
mod load;
mod peers;
mod program;
mod project;
mod read;
mod request;
mod statement;
mod table;
mod write;

#[allow(dead_code)]
#[path = "../harness/chance.rs"]
mod chance;
#[path = "../harness/disk.rs"]
mod library;
#[allow(dead_code)]
#[path = "../harness/postgres.rs"]
mod postgres;

use std::path::PathBuf;
use std::time::Duration;

use crate::contest::Rules;
use crate::database::{Postgres, Sqlite};
use crate::table::Table;

/// What a measure needs.
pub struct Bench {
    rules: Rules,
    /// The program measured.
    program: PathBuf,
    /// The library that slows a disk down.
    slow_disk: PathBuf,
    sqlite: Sqlite,
    /// Nothing where PostgreSQL is not installed.
    postgres: Option<Postgres>,
    table: Table,
}

/// A measure, which adds its lines to the table.
type Measure = fn(&mut Bench);

/// Every measure by the name under which it can be asked for.
const MEASURES: [(&str, Measure); 11] = [
    ("commitment", write::commitments),
    ("hot-organisation", write::hot_organisation),
    ("slow-disk", write::slow_disk),
    ("read", read::reads),
    ("import", import::imports),
    ("growth", growth::growth),
    ("formula", fund::formula),
    ("allocation", fund::allocation),
    ("statement", fund::statements),
    ("projects", project::projects),
    (PEERS, peers::peers),
];

/// Only run when asked for: it installs software.
const PEERS: &str = "peers";

/// What the command line asks for.
struct Asked {
    rules: Rules,
    measures: Vec<String>,
}

fn asked() -> Result<Asked, String> {
    let (mut rules, mut measures, mut peers) = (Rules { rounds: 5, lasting: Duration::from_secs(4) }, Vec::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u32>().ok()).ok_or(format!("{argument} wants a number"));
        match argument.as_str() {
            // Given by cargo.
            "--bench" => {}
            "--pairs" => rules.rounds = number()?.max(1) as usize,
            "--seconds" => rules.lasting = Duration::from_secs(number()?.max(1).into()),
            "--peers" => peers = true,
            name if MEASURES.iter().any(|(known, _)| known.contains(name)) => measures.push(name.to_owned()),
            other => {
                let known = MEASURES.map(|(name, _)| name).join(", ");
                return Err(format!("{other}? Measures: {known}. Options: --pairs N, --seconds S, --peers."));
            }
        }
    }
    if measures.is_empty() {
        measures.extend(MEASURES.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name != PEERS));
    }
    if peers {
        measures.push(PEERS.to_owned());
    }
    Ok(Asked { rules, measures })
}

fn main() {
    if let [flush, seconds] = &std::env::args().skip(1).collect::<Vec<_>>()[..]
        && flush == disk::FLUSH
    {
        return disk::flush(&program::folder(), seconds.parse().expect("seconds"));
    }
    let asked = match asked() {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}");
            std::process::exit(2);
        }
    };
    let folder = program::folder();
    let mut bench = Bench {
        rules: asked.rules,
        program: program::release(),
        slow_disk: disk::slow_down(&folder),
        sqlite: Sqlite::founded(),
        postgres: Postgres::founded(None),
        table: Table::default(),
    };
    for (name, measure) in MEASURES {
        if asked.measures.iter().any(|wanted| name.contains(wanted)) {
            eprintln!("{name}…");
            measure(&mut bench);
        }
    }
    println!("\n{}", bench.table.text());
}
