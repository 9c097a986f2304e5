//! Entries of another program, brought over in one request.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use super::{closing, record, to_cash, trial, year};
use crate::access::{assign, rows};
use crate::audit::found;
use crate::edge::Wire;
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

const HEADER: &str = "entry;journal;accounting_date;label;account;debit;credit\n";

/// What a test may be late on a busy machine.
const SLACK: Duration = Duration::from_secs(15);

/// Two good entries, of which each row can be spoiled.
const GOOD: [&str; 5] = [
    "A-1;treasury;2025-01-20;Retrait de fonds;531;50000;",
    "A-1;treasury;2025-01-20;Retrait de fonds;515;;50000",
    "A-2;miscellaneous;2025-02-03;Emprunt d'une commune voisine;515;700;",
    "A-2;miscellaneous;2025-02-03;Emprunt d'une commune voisine;531;300;",
    "A-2;miscellaneous;2025-02-03;Emprunt d'une commune voisine;467;;1000",
];

fn place(town: &Town) -> String {
    format!("{}/entry-imports", year(town))
}

fn import_with_key(town: &Town, query: &str, key: &str, csv: &[u8]) -> Answer {
    let headers = [("content-type", "text/csv"), ("idempotency-key", key)];
    town.client("accountant").send("POST", &format!("{}?{query}", place(town)), &headers, csv)
}

fn import(town: &Town, csv: &str) -> Answer {
    import_with_key(town, "currency=XOF", &uuid::Uuid::new_v4().to_string(), csv.as_bytes())
}

fn file(rows: &[&str]) -> String {
    format!("{HEADER}{}\n", rows.join("\n"))
}

/// An import of two entries.
pub fn imported(town: &Town) -> Answer {
    import(town, &file(&GOOD)).expect(201)
}

/// The good file with one row changed.
fn spoiled(row: usize, from: &str, to: &str) -> String {
    let changed = GOOD[row].replace(from, to);
    assert_ne!(changed, GOOD[row], "{from}");
    let mut rows = GOOD;
    rows[row] = &changed;
    file(&rows)
}

/// A file of so many entries of two postings each.
fn long(entries: usize) -> String {
    let mut csv = HEADER.to_owned();
    for entry in 1..=entries {
        let both = format!("VE-{entry:06};treasury;2025-01-{:02};Versement du marché de Kita", entry % 28 + 1);
        write!(csv, "{both};531;{entry};\n{both};515;;{entry}\n").expect("written");
    }
    csv
}

/// An import of which the head is sent, and a part of the body.
fn begun(town: &Town, length: usize, part: &str) -> Wire {
    let token = town.token_of(town.person("accountant"));
    let mut wire = Wire::open(town.base().trim_start_matches("http://").parse().expect("an address"));
    let head = format!(
        "POST {}?currency=XOF HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: text/csv\r\n\
         idempotency-key: {}\r\ncontent-length: {length}\r\n\r\n{part}",
        place(town),
        uuid::Uuid::new_v4()
    );
    wire.send(head.as_bytes());
    wire
}

/// Imports once there is a place again.
fn import_in_time(town: &Town, csv: &str) -> Answer {
    let since = Instant::now();
    loop {
        let answer = import(town, csv);
        if answer.status != 503 || since.elapsed() > SLACK {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

on_both_engines! {
    Stage::Open, fn entries_of_another_program_come_over_as_if_each_were_recorded(town) {
        record(town, "2025-02-03", to_cash("1000")).expect(201);
        let answer = import(town, &file(&GOOD)).expect(201);
        let view = answer.json();
        let told = ["entries", "postings", "total", "currency", "fiscal_year"].map(|member| view[member].clone());
        assert_eq!(told, [json!(2), json!(5), json!("51000"), json!("XOF"), json!(2025)]);
        assert_eq!(view["numbers"], json!([{ "journal": "treasury", "first": 2, "last": 2 }, { "journal": "miscellaneous", "first": 1, "last": 1 }]));
        assert_eq!(view["sha256"], json!(domain::audit::hex(digest(&SHA256, file(&GOOD).as_bytes()).as_ref())));
        assert_eq!((closing(&trial(town, ""), "531").0, closing(&trial(town, ""), "467").1), ("51300".to_owned(), "1000".to_owned()));
        let auditor = town.client("auditor");
        let location = answer.header("location").expect("a place").to_owned();
        assert_eq!(auditor.get(&location).expect(200).json(), view);
        assert_eq!(auditor.get(&place(town)).expect(200).json()["data"], json!([view]));
        let entries = auditor.get(&format!("{}/entries?source_kind=entry_import", year(town))).expect(200).json();
        let labels: Vec<&str> = entries["data"].as_array().expect("entries").iter().map(|entry| entry["label"].as_str().expect("text")).collect();
        assert_eq!(labels, ["Retrait de fonds", "Emprunt d'une commune voisine"]);
        let posting = |account: &str, side: &str, amount: &str| json!({ "account": account, "side": side, "amount": amount });
        let expected = [posting("515", "debit", "700"), posting("531", "debit", "300"), posting("467", "credit", "1000")];
        assert_eq!(entries["data"][1]["postings"], json!(expected));
        // Numbers go on where the import ended.
        assert_eq!(record(town, "2025-02-03", to_cash("1")).expect(201).text("/number"), "3");
        let events = auditor.get("/v1/events?limit=200").expect(200).json();
        let imported = |event: &&Value| event["kind"] == "entries.imported";
        let event = events["data"].as_array().expect("events").iter().find(imported).expect("one event").clone();
        assert_eq!(event["facts"]["digest"], view["digest"]);
        town.client("mayor").get(&location).expect(200);
        town.client("partner-system").get(&location).refused(403, "ROLE_MISSING");
        town.verify().expect("the books verify");
    }

    Stage::Open, fn an_imported_entry_is_reversed_like_any_other_of_the_accountants_own(town) {
        import(town, &file(&GOOD)).expect(201);
        let accountant = town.client("accountant");
        let listed = accountant.get(&format!("{}/entries?source_kind=entry_import", year(town))).expect(200);
        let path = town.path(&format!("/entries/{}/reversal", listed.text("/data/0/id")));
        let why = json!({ "reason": "Montant inexact" });
        let reversal = accountant.create(&path, &why).expect(201);
        assert_eq!(reversal.text("/reverses_id"), listed.text("/data/0/id"));
        assert_eq!(closing(&trial(town, ""), "531").0, "300");
        accountant.create(&path, &why).refused(409, "LEDGER_ENTRY_REVERSED");
    }

    Stage::Open, fn one_bad_row_keeps_all_entries_out_and_is_named(town) {
        let before = rows(town);
        let scattered = file(&[GOOD[0], GOOD[1], GOOD[2], GOOD[3], GOOD[4], GOOD[0], GOOD[1]]);
        let endless = format!("{}{}", file(&GOOD[..2]), "B;treasury;2025-01-20;x;531;1;\n".repeat(201));
        let cases = [
            (spoiled(0, "A-1", ""), vec![("/rows/0/entry", "IMPORT_TEXT_INVALID"), ("/rows/0/entry", "LEDGER_UNBALANCED"), ("/rows/1/entry", "LEDGER_UNBALANCED")]),
            (spoiled(2, "miscellaneous", "expenditure"), vec![("/rows/2/journal", "IMPORT_JOURNAL_UNKNOWN"), ("/rows/3/journal", "IMPORT_ENTRY_INCONSISTENT"), ("/rows/4/journal", "IMPORT_ENTRY_INCONSISTENT")]),
            (spoiled(1, "2025-01-20", "2025-01-21"), vec![("/rows/1/accounting_date", "IMPORT_ENTRY_INCONSISTENT")]),
            (file(&GOOD[..2]).replace("2025-01-20", "20/01/2025"), vec![("/rows/0/accounting_date", "IMPORT_DATE_INVALID")]),
            (file(&GOOD[..2]).replace("2025-01-20", "2024-12-31"), vec![("/rows/0/accounting_date", "DATE_OUT_OF_YEAR")]),
            (file(&GOOD[..2]).replace("2025-01-20", "2025-02-04"), vec![("/rows/0/accounting_date", "DATE_IN_FUTURE")]),
            (file(&GOOD[..2]).replace("Retrait", &"x".repeat(300)), vec![("/rows/0/label", "IMPORT_TEXT_INVALID")]),
            (file(&GOOD[..2]).replace("Retrait", "a\u{202E}b"), vec![("/rows/0/label", "IMPORT_TEXT_INVALID")]),
            (spoiled(0, ";531;", ";602;"), vec![("/rows/0/account", "LEDGER_ACCOUNT_RESERVED")]),
            (spoiled(4, ";467;", ";411;"), vec![("/rows/4/account", "LEDGER_ACCOUNT_RESERVED")]),
            (spoiled(3, ";531;", ";999;"), vec![("/rows/3/account", "LEDGER_ACCOUNT_UNKNOWN")]),
            (spoiled(1, ";;50000", ";;49999"), vec![("/rows/0/entry", "LEDGER_UNBALANCED")]),
            (spoiled(0, "50000;", "50000;50000"), vec![("/rows/0/credit", "IMPORT_SIDE_INVALID")]),
            (spoiled(0, "50000;", ";"), vec![("/rows/0/debit", "IMPORT_SIDE_INVALID")]),
            (spoiled(0, "50000;", "0;"), vec![("/rows/0/debit", "AMOUNT_ZERO")]),
            (spoiled(1, ";;50000", ";;50 000"), vec![("/rows/1/credit", "AMOUNT_INVALID")]),
            (spoiled(1, ";;50000", ";;-50000"), vec![("/rows/1/credit", "AMOUNT_INVALID")]),
            (spoiled(1, ";;50000", ";;1000000000000001"), vec![("/rows/1/credit", "AMOUNT_INVALID")]),
            (scattered, vec![("/rows/5/entry", "IMPORT_ENTRY_SCATTERED")]),
            (endless, vec![("/rows/202/entry", "IMPORT_ENTRY_TOO_LONG")]),
        ];
        for (csv, expected) in cases {
            let refusal = import(town, &csv).refused(422, "IMPORT_ROW_INVALID");
            let json = refusal.json();
            let errors = json["errors"].as_array().expect("errors").iter();
            let told: Vec<(&str, &str)> = errors.map(|error| (error["pointer"].as_str().expect("text"), error["code"].as_str().expect("text"))).collect();
            assert_eq!(told, expected, "{csv}");
            assert_eq!(json["facts"]["count"], json!(expected.len()));
        }
        let most = "1000000000000000";
        let beyond = ["531;{};", "531;{};", "515;;{}", "515;;{}"].map(|row| format!("C;treasury;2025-01-20;x;{}", row.replace("{}", most)));
        let refusal = import(town, &file(&beyond.each_ref().map(String::as_str))).refused(422, "IMPORT_ROW_INVALID");
        assert_eq!((refusal.pointers(), refusal.text("/errors/0/code")), (vec!["/rows/0/entry".to_owned()], "LEDGER_ENTRY_INVALID".to_owned()));
        let vast: Vec<String> = (0..2).flat_map(|entry| [2, 3].map(|row| format!("{entry}{}", beyond[row - 1]))).collect();
        import(town, &file(&vast.iter().map(String::as_str).collect::<Vec<_>>())).refused(400, "IMPORT_UNREADABLE");
        for unreadable in ["", HEADER, "entry;account\n", &file(&["A-1;treasury"]), &HEADER.replace("debit", "credit"), &file(&["\"", &"x".repeat(2 << 20)])] {
            import(town, unreadable).refused(400, "IMPORT_UNREADABLE");
        }
        import_with_key(town, "currency=XOF", "latin-1-bytes", &[HEADER.as_bytes(), b"\xE9;treasury\n"].concat()).refused(400, "IMPORT_UNREADABLE");
        let mismatch = import_with_key(town, "currency=EUR", "in-another-currency", file(&GOOD).as_bytes()).refused(422, "CURRENCY_MISMATCH");
        assert_eq!(mismatch.pointers(), ["?currency"]);
        import_with_key(town, "", "in-no-currency", file(&GOOD).as_bytes()).refused(400, "REQUEST_PARAMETER_INVALID");
        assert_eq!(rows(town), before, "nothing was stored");
        town.client("accountant").create(&town.path("/fiscal-years"), &json!({ "fiscal_year": 2026 })).expect(201);
        let headers = [("content-type", "text/csv"), ("idempotency-key", "a-year-in-preparation")];
        let next = town.path("/fiscal-years/2026/entry-imports?currency=XOF");
        town.client("accountant").send("POST", &next, &headers, file(&GOOD).as_bytes()).refused(409, "LEDGER_PERIOD_CLOSED");
        // With commas and a byte order mark, columns in another order, the same rows are good.
        let commas = "\u{FEFF}journal,entry,accounting_date,label,account,credit,debit\ntreasury,1,2025-01-20,\"Retrait, en espèces\",531,,5\ntreasury,1,2025-01-20,\"Retrait, en espèces\",515,5,\n";
        import(town, commas).expect(201);
    }

    Stage::Open, fn a_dry_run_tells_the_first_bad_rows_and_stores_nothing(town) {
        let before = rows(town);
        let key = || uuid::Uuid::new_v4().to_string();
        let report = import_with_key(town, "currency=XOF&dry_run=true", &key(), file(&GOOD).as_bytes()).expect(200).json();
        let expected = json!({ "rows": 5, "valid": true, "entries": 2, "currency": "XOF", "total": "51000", "problem_count": 0, "problems": [] });
        assert_eq!(report, expected);
        let bad = long(150).replace(";531;", ";602;");
        let report = import_with_key(town, "currency=XOF&dry_run=true", &key(), bad.as_bytes()).expect(200).json();
        assert_eq!((&report["rows"], &report["valid"], &report["problem_count"]), (&json!(300), &json!(false), &json!(150)));
        assert_eq!(report["problems"].as_array().map(Vec::len), Some(100));
        assert_eq!(report["problems"][99]["pointer"], "/rows/198/account");
        let refusal = import(town, &bad).refused(422, "IMPORT_ROW_INVALID");
        assert_eq!((refusal.pointers().len(), refusal.text("/facts/count")), (100, "150".to_owned()));
        assert_eq!(rows(town), before);
    }

    Stage::Open, fn an_import_takes_effect_once(town) {
        let first = import_with_key(town, "currency=XOF", "the-same-file", file(&GOOD).as_bytes()).expect(201);
        let before = rows(town);
        let again = import_with_key(town, "currency=XOF", "the-same-file", file(&GOOD).as_bytes()).expect(201);
        assert_eq!((&again.bytes, again.header("idempotency-replayed")), (&first.bytes, Some("true")));
        import_with_key(town, "currency=XOF", "the-same-file", file(&GOOD[..2]).as_bytes()).refused(422, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(rows(town), before);
    }

    Stage::Open, fn what_is_cut_off_stores_nothing_and_one_import_is_in_hand_at_a_time(town) {
        let before = rows(town);
        let csv = file(&GOOD);
        let (part, rest) = csv.split_at(csv.len() - 10);
        let mut one = begun(town, csv.len(), part);
        // Its head has come once another one finds no place, whose body nobody reads; one of them may be as fast as the other.
        let since = Instant::now();
        loop {
            let mut other = begun(town, 60 << 20, "");
            other.wait(Duration::from_secs(1));
            if other.status() == Some(503) {
                break;
            }
            assert!(since.elapsed() < SLACK, "{:?}", other.status());
            drop(other);
            one.wait(Duration::from_millis(100));
            if one.status() == Some(503) {
                one = begun(town, csv.len(), part);
            }
        }
        let busy = import(town, &csv).refused(503, "SERVICE_BUSY");
        assert_eq!(busy.header("retry-after"), Some("5"));
        one.send(rest.as_bytes());
        one.wait(SLACK);
        assert_eq!(one.status(), Some(201));
        let after = rows(town);
        assert_eq!((after["entries"] - before["entries"], after["entry_imports"]), (2, 1));
        // Whole rows came, but not all that were told.
        drop(begun(town, csv.len() + 1, &csv));
        import_in_time(town, &spoiled(0, ";531;", ";602;")).refused(422, "IMPORT_ROW_INVALID");
        assert_eq!(rows(town), after);
    }

    Stage::Open, fn others_are_answered_while_an_import_runs(town) {
        let csv = long(20_000);
        let (sum, commune) = (20_000_u64 * 20_001 / 2, town.path(""));
        let administrator = town.client("administrator");
        let unit = administrator.get("/v1/territorial-units?level=commune&limit=1").expect(200).text("/data/0/id");
        let other = json!({ "kind": "commune", "code": "ML-C77", "name": "Commune voisine", "territorial_unit_id": unit, "currency": "XOF" });
        let neighbour = administrator.create("/v1/organisations", &other).expect(201).id();
        let (mut reads, mut writes, mut slowest) = (0, 0, Duration::ZERO);
        std::thread::scope(|scope| {
            let running = scope.spawn(|| import(town, &csv));
            let auditor = town.client("auditor");
            while !running.is_finished() {
                let since = Instant::now();
                auditor.get(&commune).expect(200);
                slowest = slowest.max(since.elapsed());
                reads += 1;
                if reads == 3 {
                    assign(town, neighbour, town.person("auditor"), "auditor", "2025-01-01", None).expect(201);
                    writes += 1;
                }
            }
            let view = running.join().expect("answered").expect(201).json();
            assert_eq!((&view["entries"], &view["total"]), (&json!(20_000), &json!(sum.to_string())));
            assert_eq!(view["numbers"], json!([{ "journal": "treasury", "first": 1, "last": 20_000 }]));
        });
        eprintln!("{reads} reads and {writes} writes were answered meanwhile, the slowest read in {slowest:?}");
        assert!(reads > 3 && writes == 1 && slowest < SLACK);
        assert_eq!(closing(&trial(town, ""), "531").0, sum.to_string());
        assert_eq!(trial(town, "")["balanced"], true);
        assert_eq!(trial(town, "?as_of=2025-01-31")["totals"], trial(town, "")["totals"], "kept balances are the sums of postings");
    }

    Stage::Open, fn verification_names_an_import_that_was_changed_behind_the_api(town) {
        import(town, &long(3)).expect(201);
        import(town, &file(&GOOD)).expect(201);
        let ours = "source_kind = 'entry_import'";
        let says = ["ML-C01", "import"];
        let label = |from: &str, to: &str| format!("UPDATE entries SET label = '{to}' WHERE label = '{from}' AND {ours}");
        let (kept, other) = ("Retrait de fonds", "Retrait de cinquante mille");
        found(town, "entries", &label(kept, other), &label(other, kept), &says);
        let amount = |sign: &str| {
            format!(
                "UPDATE postings SET debit = debit {sign} 1 WHERE debit IN (50000, 50001); \
                 UPDATE postings SET credit = credit {sign} 1 WHERE credit IN (50000, 50001); \
                 UPDATE entries SET total = total {sign} 1 WHERE total IN (50000, 50001)"
            )
        };
        found(town, "postings", &amount("+"), &amount("-"), &["ML-C01", "treasury 4", "chain"]);
        let account = |from: &str, to: &str| format!("UPDATE postings SET account_code = '{to}' WHERE account_code = '{from}' AND credit = 1000");
        found(town, "postings", &account("467", "581"), &account("581", "467"), &["ML-C01", "chain"]);
        let swap = "UPDATE entries SET number = number + 1000 WHERE journal = 'treasury'; \
                    UPDATE entries SET number = CASE number WHEN 1001 THEN 2 WHEN 1002 THEN 1 ELSE number - 1000 END WHERE journal = 'treasury'";
        found(town, "entries", swap, swap, &says);
        for (column, change, back) in [("sha256", "'0' || sha256", "SUBSTR(sha256, 2)"), ("total", "total + 1", "total - 1"), ("postings", "postings + 1", "postings - 1")] {
            let set = |to: &str| format!("UPDATE entry_imports SET {column} = {to}");
            found(town, "entry_imports", &set(change), &set(back), &says);
        }
        let alone = |from: &str, to: &str| format!("UPDATE entries SET source_kind = '{to}' WHERE source_kind = '{from}'");
        found(town, "entries", &alone("entry_import", "manual_entry"), &alone("manual_entry", "entry_import"), &["ML-C01", "chain"]);
    }
}

#[test]
fn an_import_of_which_nothing_comes_any_more_is_ended() {
    let town = Town::on_sqlite(Stage::Open);
    let before = rows(&town);
    let csv = file(&GOOD);
    let mut silent = begun(&town, csv.len(), &csv[..80]);
    let since = Instant::now();
    silent.wait(api::limit::SILENCE_MAX + SLACK);
    assert_eq!(silent.status(), Some(400));
    assert!(since.elapsed() >= api::limit::SILENCE_MAX);
    assert_eq!(rows(&town), before);
    import_in_time(&town, &csv).expect(201);
}

/// What PostgreSQL reads of the entries, by whichever index.
const READ: &str = "SELECT COALESCE(SUM(idx_tup_read), 0)::BIGINT AS sum FROM pg_stat_user_indexes WHERE relname = 'entries'";

/// What is known of the entries: that no organisation has two of them.
const SPARSE: &str = "UPDATE pg_statistic SET stadistinct = -1 WHERE starelid = 'entries'::regclass AND staattnum = 1";

#[test]
fn a_large_import_takes_time_in_proportion_to_its_size_on_postgresql() {
    let Some(town) = Town::on_postgresql(Stage::Open) else { return };
    // As where many organisations have an entry each: any index that begins with the organisation may seem as good.
    import(&town, &long(600)).expect(201);
    let mut conn = town.target().connect(false).expect("a connection");
    conn.batch_execute("ANALYZE entries").expect("analysed");
    assert_eq!(diesel::sql_query(SPARSE).execute(&mut conn), Ok(1));
    let mut read = || diesel::sql_query(READ).get_result::<Count>(&mut conn).expect("a figure").sum;
    let entries = 4_000;
    import(&town, &long(entries)).expect(201);
    // What a connection read is told when it has written again a second later.
    let since = Instant::now();
    while read() < i64::try_from(entries).expect("few") {
        assert!(since.elapsed() < SLACK, "nothing is told");
        std::thread::sleep(Duration::from_millis(1100));
        record(&town, "2025-02-03", to_cash("1000")).expect(201);
    }
    let each = read() / (2 * i64::try_from(entries).expect("few"));
    eprintln!("{each} entries were read for each posting");
    assert!(each < entries as i64 / 8, "{each} entries were read for each posting");
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    sum: i64,
}
