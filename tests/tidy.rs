//! The order of the house: rooms in their order, names that say something, one place for each kind of thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// The rooms in their order; a room uses only rooms above it.
const ROOMS: [&str; 15] = [
    "audit",
    "territory",
    "organisation",
    "identity",
    "parameter",
    "participation",
    "budget",
    "ledger",
    "expenditure",
    "cash_office",
    "revenue",
    "endowment",
    "fund",
    "programme",
    "project",
];

/// Subjects of tests that are no rooms.
const PROOFS: [&str; 24] = [
    "access",
    "backup",
    "bench",
    "chaos",
    "columns",
    "contract",
    "edge",
    "engines",
    "export",
    "fuzz",
    "harness",
    "input",
    "meta",
    "mini_year",
    "operations",
    "paper",
    "prepared",
    "race",
    "rate",
    "status",
    "suite",
    "tidy",
    "wall",
    "witness",
];

/// What lies at the top, beside what is ignored.
const TOP: &str = ".cargo .ci .dockerignore .git .gitignore .spectral.yaml ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md Cargo.lock \
                   Cargo.toml Dockerfile LICENSE README.md api data db deploy docker-compose.yml docs domain openapi.yaml \
                   clippy.toml deny.toml redocly.yaml rustfmt.toml tests";

/// Codes that no request of a test can bring about: faults of the program or of its host, and rules that other rules
/// make unreachable through the API.
const UNREACHED: [&str; 2] = ["CREDIT_CHAIN_BROKEN", "REVENUE_SUMS_BROKEN"];

/// A date that is wrong in a constant does not compile.
const NEVER_AT_RUN_TIME: &str = "None => panic!(\"no such day\")";

/// A file of the project.
struct File {
    /// From the top of the workspace, with `/`.
    path: String,
    text: String,
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every text file of the project, but not what is built or kept secret.
fn files() -> Vec<File> {
    fn walk(folder: &Path, top: &Path, found: &mut Vec<File>) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let path = entry.strip_prefix(top).expect("inside").to_string_lossy().replace('\\', "/");
            if ["target", ".git", "sigida-demo", "secrets"].contains(&path.as_str()) {
                continue;
            }
            if entry.is_dir() {
                walk(&entry, top, found);
            } else if let Ok(text) = std::fs::read_to_string(&entry) {
                found.push(File { path, text });
            }
        }
    }
    let (top, mut found) = (top(), Vec::new());
    walk(&top, &top, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.len() > 100, "the project has more files");
    found
}

fn rust() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

impl File {
    /// The crate and the room or furniture that the file belongs to, if it is the source of one.
    fn place(&self) -> Option<(&str, &str)> {
        let mut parts = self.path.split('/');
        let (floor, source, name) = (parts.next()?, parts.next()?, parts.next()?);
        (source == "src").then_some((floor, name.trim_end_matches(".rs")))
    }

    /// The lines that are compiled into the program, with their numbers: without unit tests and comments.
    fn program(&self) -> Vec<(usize, &str)> {
        if self.place().is_none() || self.path.ends_with("/tests.rs") {
            return Vec::new();
        }
        let lines = self.text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(index, line)| (index + 1, line)).collect()
    }
}

/// Every place where a pattern stands in the program, as "path:line: text", unless the path is excepted.
fn places(pattern: &str, excepted: &[&str]) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let mut found = Vec::new();
    for file in rust().iter().filter(|file| !excepted.contains(&file.path.as_str())) {
        let lines = file.program();
        found.extend(
            lines
                .iter()
                .filter(|(_, line)| pattern.is_match(line))
                .map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())),
        );
    }
    found
}

fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn at_the_top_lies_only_what_belongs_there() {
    let ignored = std::fs::read_to_string(top().join(".gitignore")).expect("what is ignored");
    let known: BTreeSet<&str> = TOP.split_whitespace().chain(ignored.lines().map(|line| line.trim_start_matches('/'))).collect();
    let names = std::fs::read_dir(top()).expect("the top").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let foreign: Vec<String> = names.filter(|name| !known.contains(name.as_str())).collect();
    none("does not belong at the top", &foreign);
}

#[test]
fn no_file_is_long_and_each_says_what_it_is() {
    let mut found = Vec::new();
    for file in rust() {
        let lines = file.text.lines().count();
        if lines > 500 {
            found.push(format!("{}: {lines} lines; split it by noun", file.path));
        }
        if !file.text.starts_with("//! ") {
            found.push(format!("{}: begins without saying what it is", file.path));
        }
        let name = file.path.rsplit('/').next().unwrap_or_default();
        if ["util", "utils", "helper", "helpers", "common", "misc", "manager", "shared", "mod"].contains(&name.trim_end_matches(".rs")) {
            found.push(format!("{}: a name that says nothing", file.path));
        }
    }
    none("Files", &found);
}

/// The rooms that a piece of source refers to: `crate::room`, `domain::room`, `use db::{room::…, other}`.
fn referred(source: &str) -> Vec<(usize, String)> {
    let start = Regex::new(r"\b(?:crate|domain|db|api)::").expect("a pattern");
    let mut found = Vec::new();
    for reference in start.find_iter(source) {
        let rest = &source[reference.end()..];
        let line = source[..reference.start()].matches('\n').count() + 1;
        let mut depth = 0;
        let mut first = true;
        let mut name = String::new();
        for c in rest.chars() {
            match c {
                '{' => {
                    depth += 1;
                    first = depth == 1;
                }
                '}' => depth -= 1,
                ',' if depth == 1 => first = true,
                c if first && (c.is_alphanumeric() || c == '_') => {
                    name.push(c);
                    continue;
                }
                _ => {}
            }
            if !name.is_empty() {
                found.push((line, std::mem::take(&mut name)));
                first = c == ',';
            }
            if depth <= 0 {
                break;
            }
        }
    }
    found
}

#[test]
fn references_are_found_in_every_form() {
    let names = |source| referred(source).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    assert_eq!(names("use crate::ledger::Entry;"), ["ledger"]);
    assert_eq!(names("use crate::{budget, ledger::{self, Entry}, money};"), ["budget", "ledger", "money"]);
    assert_eq!(names("let x = db::expenditure::find(domain::budget::x());"), ["expenditure", "budget"]);
    assert_eq!(names("use crate::{\n    budget::A,\n    audit,\n};"), ["budget", "audit"]);
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let order = |name: &str| ROOMS.iter().position(|room| *room == name);
    let (mut found, mut seen) = (Vec::new(), 0);
    for file in rust() {
        let Some((floor @ ("domain" | "db" | "api"), place)) = file.place() else { continue };
        let Some(own) = order(place) else { continue };
        seen += 1;
        let program = file.program();
        let source = program.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n");
        for (line, name) in referred(&source) {
            if order(&name).is_some_and(|used| used > own) {
                let number = program.get(line - 1).map_or(0, |(number, _)| *number);
                found.push(format!("{}:{number}: {floor}'s {place} uses {name}, which stands below it", file.path));
            }
        }
        assert!(!source.contains("super::super::super"), "{}: name rooms from the crate's top", file.path);
    }
    assert!(seen > 30, "the rooms were found");
    none("Rooms", &found);
}

#[test]
fn each_floor_and_the_tests_have_the_same_rooms() {
    let places: BTreeSet<(String, String)> =
        rust().iter().filter_map(|file| file.place().map(|(floor, place)| (floor.to_owned(), place.to_owned()))).collect();
    for room in ROOMS {
        for floor in ["domain", "db", "api"] {
            assert!(places.contains(&(floor.to_owned(), room.to_owned())), "{floor} has no room {room}");
        }
    }
    for file in rust().iter().filter(|file| file.path.starts_with("tests/")) {
        let name = file.path.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs");
        assert!(ROOMS.contains(&name) || PROOFS.contains(&name), "{} is neither a room nor a known proof", file.path);
    }
}

#[test]
fn floors_know_nothing_of_the_floors_above() {
    none(
        "HTTP below the api floor",
        &places(r"actix|StatusCode|HttpResponse|ureq", &[]).into_iter().filter(|at| !at.starts_with("api/")).collect::<Vec<_>>(),
    );
    let sql = places(r"diesel|rusqlite|sql_query", &[]);
    none("SQL above or below the db floor", &sql.into_iter().filter(|at| !at.starts_with("db/")).collect::<Vec<_>>());
    // Log lines and tokens always use real time.
    let real = ["api/src/clock.rs", "api/src/main.rs", "api/src/token.rs", "api/src/demo.rs"];
    none("A clock of their own", &places(r"Utc::now|Local::now|SystemTime::now", &real));
}

#[test]
fn only_problem_knows_error_statuses() {
    let statuses = places(r"StatusCode::[A-Z]", &["api/src/problem.rs", "api/src/answer.rs"]);
    none("Statuses", &statuses);
    let kept = places(r"StatusCode::[A-Z]", &["api/src/problem.rs"]);
    let success = Regex::new(r"StatusCode::(?:OK|CREATED|ACCEPTED|NOT_MODIFIED)\b").expect("a pattern");
    none("Error statuses in answer.rs", &kept.into_iter().filter(|at| !success.is_match(at)).collect::<Vec<_>>());
    let answers = places(r"HttpResponse::[A-Z]|\bError[A-Z]\w+\(", &["api/src/problem.rs"]);
    let success = Regex::new(r"HttpResponse::(?:Ok|NotModified)\(\)").expect("a pattern");
    let answers: Vec<String> = answers.into_iter().filter(|at| at.contains("HttpResponse::") && !success.is_match(at)).collect();
    none("Error answers made by hand", &answers);
    none("Errors of the framework", &places(r"actix_web::error::Error|InternalError::", &[]));
}

#[test]
fn nothing_is_left_open_and_nothing_may_panic() {
    let open = Regex::new(r"\b(?:TODO|FIXME|XXX)\b|\b(?:todo|unimplemented|dbg)!|#\[ignore").expect("a pattern");
    let mut found = Vec::new();
    for file in rust().iter().filter(|file| file.path != "tests/tidy.rs") {
        let lines = file.text.lines().enumerate().filter(|(_, line)| open.is_match(line));
        found.extend(lines.map(|(index, line)| format!("{}:{}: {}", file.path, index + 1, line.trim())));
    }
    none("Left open", &found);
    let panics = places(r#"\.unwrap\(\)|\.expect\((?:"|&?format!)|\.expect_err\(|\bpanic!|\bunreachable!"#, &[]);
    none("May panic", &panics.into_iter().filter(|at| !at.contains(NEVER_AT_RUN_TIME)).collect::<Vec<_>>());
    none("Printed by a library", &places(r"\b(?:print|println|eprint|eprintln)!", &["api/src/main.rs", "api/src/demo.rs"]));
}

#[test]
fn no_float_stands_near_money() {
    // Places on a sheet of paper are floats in PDF; money comes there as text.
    let drawing = ["api/src/paper/sheet.rs", "api/src/paper/font.rs"];
    let known = [
        ["db/src/territory.rs", "db/src/territory/load.rs", "api/src/territory.rs", "api/src/problem.rs", "domain/src/project/site.rs"]
            .as_slice(),
        &drawing,
    ]
    .concat();
    none("Floats", &places(r"\bf(?:32|64)\b", &known));
    none("Floats in tables", &places(r"->.*\b(?:Float|Double)\b", &["db/src/schema/territory.rs"]));
    let schema = rust().into_iter().find(|file| file.path == "db/src/schema/territory.rs").expect("the tables").text;
    let columns = Regex::new(r"(\w+) -> .*\b(?:Float|Double|Numeric)\b").expect("a pattern");
    let floats: Vec<String> = columns.captures_iter(&schema).map(|found| found[1].to_owned()).collect();
    assert_eq!(floats, ["longitude", "latitude", "area_km2"]);
}

#[test]
fn the_project_tells_of_nothing_outside_itself() {
    let foreign = Regex::new(r"/(?:home|root|work|farm)/\w").expect("a pattern");
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.path != "tests/tidy.rs") {
        let lines = file.text.lines().enumerate().filter(|(_, line)| line.len() < 10_000 && foreign.is_match(line));
        found.extend(lines.map(|(index, line)| format!("{}:{}: {}", file.path, index + 1, line.trim())));
    }
    none("Words of another place", &found);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let links = Regex::new(r"\]\(([^)\s#]+)(?:#[^)]*)?\)").expect("a pattern");
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".md")) {
        let folder = top().join(&file.path).parent().expect("a folder").to_owned();
        for link in links.captures_iter(&file.text).map(|found| found[1].to_owned()).filter(|link| !link.contains("://")) {
            if !folder.join(&link).exists() {
                found.push(format!("{}: {link}", file.path));
            }
        }
    }
    none("Broken links", &found);
}

#[test]
fn a_migration_makes_the_tables_of_one_room_in_the_order_of_the_rooms() {
    let made = Regex::new(r"(?m)^CREATE TABLE (\w+)").expect("a pattern");
    let all = files();
    let migrations: Vec<&File> = all.iter().filter(|file| file.path.starts_with("db/migrations/")).collect();
    let (mut stems, mut tables): (Vec<String>, Vec<(Option<usize>, String)>) = Default::default();
    let named = Regex::new(r"^db/migrations/\d+_(\w+)/up\.sql$").expect("a pattern");
    for migration in migrations {
        let stem = named.captures(&migration.path).unwrap_or_else(|| panic!("{}: not NN_room/up.sql", migration.path))[1].to_owned();
        let room = ROOMS.iter().position(|room| *room == stem);
        assert!(room.is_some(), "{}: no room", migration.path);
        // A table that is made anew, because a rule on it changed, keeps its place.
        let anew = |table: &str| tables.iter().any(|(_, known)| known == table);
        let found: Vec<_> = made.captures_iter(&migration.text).map(|found| found[1].to_owned()).filter(|table| !anew(table)).collect();
        tables.extend(found.into_iter().map(|table| (room, table)));
        // What a room gets later comes after all that was there.
        if !stems.contains(&stem) {
            stems.push(stem);
        }
    }
    assert_eq!(stems, ROOMS, "the first migrations follow the order of the rooms");
    tables.sort_by_key(|(room, _)| *room);
    let tables: Vec<String> = tables.into_iter().map(|(_, table)| table).collect();
    let known = Regex::new(r"(?m)^    (\w+) \([^)]*\) \{$").expect("a pattern");
    let sources = rust();
    let table_files = ROOMS.iter().filter_map(|room| sources.iter().find(|file| file.path == format!("db/src/schema/{room}.rs")));
    let known: Vec<String> = table_files.flat_map(|file| known.captures_iter(&file.text)).map(|found| found[1].to_owned()).collect();
    assert_eq!(tables, known, "the files of schema list the tables in the order of the migrations");
}

/// Every code by the file that declares it.
fn codes() -> BTreeMap<String, String> {
    let declared = Regex::new(r"(?m)^    ([A-Z][A-Z0-9_]+): [A-Z]\w+,$").expect("a pattern");
    let mut found = BTreeMap::new();
    for file in rust().iter().filter(|file| file.place().is_some() && file.text.contains("codes! {")) {
        for code in declared.captures_iter(&file.text).map(|found| found[1].to_owned()) {
            let before = found.insert(code.clone(), file.path.clone());
            assert_eq!(before, None, "{code} is declared twice");
        }
    }
    found
}

#[test]
fn every_declared_code_is_listed_by_the_service() {
    let listed: BTreeSet<String> = api::problem::all_codes().map(|code| code.name.to_owned()).collect();
    assert_eq!(codes().into_keys().collect::<BTreeSet<_>>(), listed);
}

#[test]
fn lists_are_read_up_to_the_length_that_the_contract_tells() {
    let strict = Regex::new(r"(?s)#\[serde\(deny_unknown_fields\)\]\npub struct \w+ \{\n(.*?)\n\}").expect("a pattern");
    let told = Regex::new(r"max_items = (\d+)").expect("a pattern");
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in rust().iter().filter(|file| file.path.starts_with("api/src/")) {
        for body in strict.captures_iter(&file.text) {
            let lines: Vec<&str> = body[1].lines().collect();
            for (index, line) in lines.iter().enumerate() {
                let Some(most) = told.captures(line) else { continue };
                seen += 1;
                let read = index
                    .checked_sub(1)
                    .and_then(|before| lines.get(before))
                    .is_some_and(|before| before.contains(&format!(", {}>", &most[1])));
                if !read {
                    wrong.push(format!("{}: {}", file.path, line.trim()));
                }
            }
        }
    }
    assert!(seen > 10, "the contract bounds more lists");
    none("Lists read without their bound", &wrong);
}

#[test]
fn every_code_is_used() {
    let word = Regex::new(r"\b[A-Z][A-Z0-9_]+\b").expect("a pattern");
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for file in rust() {
        for (_, line) in file.program() {
            for found in word.find_iter(line) {
                *uses.entry(found.as_str().to_owned()).or_default() += 1;
            }
        }
    }
    let unused = codes().into_iter().filter(|(code, _)| uses.get(code).is_none_or(|uses| *uses < 2));
    none("Codes that no rule uses", &unused.map(|(code, path)| format!("{path}: {code}")).collect::<Vec<_>>());
}

#[test]
fn every_code_is_held_by_a_test() {
    let word = Regex::new(r"\b[A-Z][A-Z0-9_]+\b").expect("a pattern");
    let mut tested = BTreeSet::new();
    for file in rust().iter().filter(|file| file.path != "tests/tidy.rs") {
        let whole = file.path.starts_with("tests/") || file.path.ends_with("/tests.rs");
        let tests = if whole { Some(file.text.as_str()) } else { file.text.split_once("\n#[cfg(test)]").map(|(_, tests)| tests) };
        tested.extend(word.find_iter(tests.unwrap_or_default()).map(|found| found.as_str().to_owned()));
    }
    let untested = codes().into_iter().filter(|(code, _)| !tested.contains(code) && !UNREACHED.contains(&code.as_str()));
    none("Codes that no test holds", &untested.map(|(code, path)| format!("{path}: {code}")).collect::<Vec<_>>());
}

#[test]
fn every_switch_of_the_tests_is_explained() {
    // Composed, or it would find itself.
    let switch = Regex::new(&format!("{}_TEST_[A-Z_]+", "SIGIDA")).expect("a pattern");
    let names = |text: &str| switch.find_iter(text).map(|found| found.as_str().to_owned()).collect::<BTreeSet<_>>();
    let (mut used, mut told) = (BTreeSet::new(), BTreeSet::new());
    for file in files() {
        match file.path.as_str() {
            "CONTRIBUTING.md" => told.extend(names(&file.text)),
            path if path.starts_with("tests/") && path.ends_with(".rs") => used.extend(names(&file.text)),
            _ => {}
        }
    }
    assert!(used.len() > 8, "{used:?}");
    assert_eq!(told, used);
}
