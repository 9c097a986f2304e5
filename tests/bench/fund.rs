//! Measures of funds and endowments: the communes of the country by formula, in process; allocations beside commitments on the same
//! databases; a donor's statement over a hundred thousand expenditures beside its SQL.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Instant;

use db::column::Col;
use db::connection::{Conn, Target};
use db::schema::fund_purposes;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use domain::document::write;
use domain::endowment::document::{ALGORITHM, Inputs, calculate};
use domain::endowment::{Candidate, Criterion, EligibilityRule, Fact, FactBasis, Formula, ZeroTotalPolicy};
use domain::id::{FundPurposeId, OrganisationId, TerritorialUnitId, reference};
use uuid::Uuid;

use crate::Bench;
use crate::alone::{Bound, alone};
use crate::chance::Chance;
use crate::contest::{Contest, Rules, Spread};
use crate::database::analysed;
use crate::founding::{Commune, committed_on, fiscal_year};
use crate::program::Service;
use crate::table::{Goal, Table};
use crate::write::{CLIENTS, POSTGRESQL, SQLITE, commit, end};
use crate::{load, request};

/// The communes of the country.
const COMMUNES: usize = 703;
/// Purposes of each commune; each is allocated to once.
const PURPOSES: usize = 2500;
/// Expenditures that a statement sums up.
const EXPENDITURES: usize = 100_000;

/// Inputs as a campaign over the whole country freezes them, four criteria each.
fn country() -> String {
    let mut chance = Chance(0x5167_1da5);
    let criteria = [("population", 4000), ("poverty", 2500), ("remoteness", 1500), ("effort", 2000)];
    let candidate = |index: usize| {
        let code = format!("ML{index:06}");
        let population = 3_000 + chance.below(32_000) as i64;
        let values =
            [population, population * (4_000 + chance.below(4_500) as i64), chance.below(260) as i64, 900 + chance.below(9_000) as i64];
        Candidate {
            unit: TerritorialUnitId(reference(&code)),
            name: format!("Commune {index}"),
            population,
            values: criteria.iter().zip(values).map(|((code, _), value)| ((*code).to_owned(), value)).collect(),
            facts: BTreeMap::from([(
                EligibilityRule::DevelopmentPlanInForce,
                Fact { holds: !index.is_multiple_of(12), basis: FactBasis::Declared },
            )]),
            source: "Fictional".to_owned(),
            code,
        }
    };
    let candidates = (0..COMMUNES).map(candidate).collect();
    let criterion =
        |(code, weight): (&str, i64)| Criterion { code: code.to_owned(), label_fr: code.to_owned(), label_en: code.to_owned(), weight };
    let formula = Formula {
        envelope: 20_000_000_000,
        unit: 1000,
        floor: 12_000_000,
        cap: Some(60_000_000),
        zero_total: ZeroTotalPolicy::Refuse,
        criteria: criteria.map(criterion).into(),
        rules: vec![EligibilityRule::DevelopmentPlanInForce],
    };
    let inputs = Inputs {
        algorithm: ALGORITHM.to_owned(),
        fiscal_year: fiscal_year(),
        endowment_type: "D_INVEST".to_owned(),
        currency: "XOF".to_owned(),
        data_date: committed_on(),
        formula,
        candidates,
    };
    write(&inputs).expect("inputs")
}

/// An endowment for the whole country, from its frozen document to its outcome as a document.
pub fn formula(bench: &mut Bench) {
    let inputs = country();
    let once = || {
        let since = Instant::now();
        calculate(&inputs).expect("no refusal").expect("inputs");
        since.elapsed().as_secs_f64() * 1000.0
    };
    once();
    let times = (0..bench.rules.rounds * 10).map(|_| once()).collect();
    let told = format!("{} KiB of inputs read, divided, written and hashed", inputs.len() >> 10);
    bench.table.spread(&format!("{COMMUNES} communes by formula, in process, ms"), Spread::of(times), Goal::AtMost(50.0), &told);
}

/// How values stand in SQL on an engine.
pub struct Spelling {
    pub postgres: bool,
}

impl Spelling {
    pub fn id(&self, id: Uuid) -> String {
        if self.postgres { format!("'{id}'::uuid") } else { format!("x'{}'", id.simple()) }
    }

    pub fn now(&self) -> String {
        let now = chrono::Utc::now();
        if self.postgres { format!("'{}'::timestamptz", now.to_rfc3339()) } else { now.timestamp_micros().to_string() }
    }

    /// A new id for each row.
    pub fn new_id(&self) -> &'static str {
        if self.postgres { "gen_random_uuid()" } else { "randomblob(16)" }
    }

    /// A date.
    pub fn date(&self, day: &str) -> String {
        if self.postgres { format!("'{day}'::date") } else { format!("'{day}'") }
    }

    pub fn day(&self) -> String {
        self.date(&committed_on().to_string())
    }
}

/// A fund with one donor whose money is all there: of so much, in francs.
struct Seeded {
    fund: Uuid,
    donor: Uuid,
    contribution: Uuid,
}

fn movement(of: &Spelling, organisation: &str, seeded: &Seeded, by: &str, kind: &str, amount: i64, value: i64) -> String {
    format!(
        "INSERT INTO fund_movements (organisation_id, id, fund_id, contribution_id, act_id, kind, moved_on, amount, value, recorded_by, \
         recorded_at, sensitivity) VALUES ({organisation}, {}, {}, {}, {}, '{kind}', {}, {amount}, {value}, {by}, {}, 2);\n",
        of.id(Uuid::now_v7()),
        of.id(seeded.fund),
        of.id(seeded.contribution),
        of.id(Uuid::now_v7()),
        of.day(),
        of.now()
    )
}

/// Puts a fund with a donor's money into a commune.
fn seed_fund(conn: &mut Conn, of: &Spelling, commune: &Commune, code: &str, money: i64) -> Seeded {
    let seeded = Seeded { fund: Uuid::now_v7(), donor: Uuid::now_v7(), contribution: Uuid::now_v7() };
    let (organisation, by, now) = (of.id(commune.id), of.id(commune.mayor), of.now());
    let (fund, donor) = (of.id(seeded.fund), of.id(seeded.donor));
    let mut text = format!(
        "INSERT INTO funds (organisation_id, id, code, name, kind, currency, fee_bps, recorded_by, recorded_at, sensitivity, version) \
         VALUES ({organisation}, {fund}, '{code}', 'Fonds fictif', 'trust_fund', 'XOF', 0, {by}, {now}, 1, 1);\n\
         INSERT INTO donors (organisation_id, id, code, name, kind, sensitivity) VALUES ({organisation}, {donor}, '{code}', '{code}', 'other', 1);\n\
         INSERT INTO donor_names (organisation_id, folded, donor_id, name) VALUES ({organisation}, '{code}', {donor}, '{code}');\n"
    );
    let (account, given, day) = (of.id(Uuid::now_v7()), of.id(seeded.contribution), of.day());
    for (id, donor, kind, money, received_on) in [(account, "NULL", "own", 0, "NULL"), (given, donor.as_str(), "cash", money, day.as_str())]
    {
        text += &format!(
            "INSERT INTO contributions (organisation_id, id, fund_id, donor_id, kind, reference, currency, pledged, committed, received, \
             written_off, value, charged, repaid, allocated, disbursed, spent, returned, fee_bps, first_received_on, recorded_by, recorded_at, \
             sensitivity, version) VALUES ({organisation}, {id}, {fund}, {donor}, '{kind}', '{code}/{kind}', 'XOF', {money}, {money}, {money}, 0, \
             {money}, 0, 0, 0, 0, 0, 0, 0, {received_on}, {by}, {now}, 2, 1);\n"
        );
    }
    for (kind, value) in [("pledge", 0), ("commitment", 0), ("receipt", money)] {
        text += &movement(of, &organisation, &seeded, &by, kind, money, value);
    }
    conn.batch_execute(&text).expect("a fund");
    seeded
}

/// Purposes of a fund, each in one place.
fn seed_purposes(conn: &mut Conn, of: &Spelling, commune: &Commune, seeded: &Seeded, count: usize) {
    let (organisation, by, now, fund) = (of.id(commune.id), of.id(commune.mayor), of.now(), of.id(seeded.fund));
    let text = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
         INSERT INTO fund_purposes (organisation_id, id, fund_id, reference, title, folded_title, sector, budget, recorded_by, recorded_at, \
         sensitivity, version) SELECT {organisation}, {}, {fund}, {fund} || '-' || i, 'Projet fictif', 'projet fictif', 'security', 1000000, \
         {by}, {now}, 1, 1 FROM n;\n\
         INSERT INTO fund_purpose_places (organisation_id, purpose_id, territorial_unit_id, bps) SELECT organisation_id, id, \
         (SELECT territorial_unit_id FROM organisations WHERE id = {organisation}), 10000 FROM fund_purposes WHERE fund_id = {fund};\n",
        of.new_id()
    );
    // A reference is text on both engines.
    let text = text.replace(&format!("{fund} || '-' || i"), &format!("'{}-' || i", seeded.fund.simple()));
    conn.batch_execute(&text).expect("purposes");
}

/// A statement's expenditures: one purpose, one allocation, so many expenditures of a franc each.
fn seed_expenditures(conn: &mut Conn, of: &Spelling, commune: &Commune, count: usize) -> Seeded {
    let money = 1_000_000_000;
    let seeded = seed_fund(conn, of, commune, "STATEMENT", money);
    seed_purposes(conn, of, commune, &seeded, 1);
    let (organisation, by, now) = (of.id(commune.id), of.id(commune.mayor), of.now());
    let (fund, contribution, allocation) = (of.id(seeded.fund), of.id(seeded.contribution), of.id(Uuid::now_v7()));
    let purpose = format!("(SELECT id FROM fund_purposes WHERE fund_id = {fund})");
    let (day, new_id) = (of.day(), of.new_id());
    let text = format!(
        "INSERT INTO fund_allocations (organisation_id, id, fund_id, purpose_id, amount, decision_reference, decided_on, decided_by, \
         recorded_at, sensitivity, version) VALUES ({organisation}, {allocation}, {fund}, {purpose}, 1000000, 'PV', {day}, {by}, {now}, 2, 1);\n\
         INSERT INTO fund_allocation_lines (organisation_id, allocation_id, contribution_id, pooled, amount, released, disbursed, spent, \
         returned) VALUES ({organisation}, {allocation}, {contribution}, TRUE, 1000000, 0, 1000000, {count}, 0);\n\
         UPDATE contributions SET allocated = 1000000, disbursed = 1000000, spent = {count} WHERE id = {contribution};\n\
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count} + 2) \
         INSERT INTO fund_movements (organisation_id, id, fund_id, contribution_id, act_id, kind, moved_on, amount, value, allocation_id, \
         purpose_id, reference, recorded_by, recorded_at, sensitivity) SELECT {organisation}, {new_id}, {fund}, {contribution}, {new_id}, \
         CASE i WHEN 1 THEN 'allocation' WHEN 2 THEN 'disbursement' ELSE 'expenditure' END, {day}, 0, \
         CASE WHEN i <= 2 THEN 1000000 ELSE 1 END, {allocation}, {purpose}, 'Rapport fictif', {by}, {now}, 2 FROM n;\n"
    );
    conn.batch_execute(&text).expect("expenditures");
    seeded
}

pub fn spelling(target: &Target) -> Spelling {
    Spelling { postgres: matches!(target, Target::Postgres(_)) }
}

pub fn connection(target: &Target) -> Conn {
    let mut conn = target.connect(false).expect("a connection");
    if matches!(target, Target::Postgres(_)) {
        conn.batch_execute("SET statement_timeout = 0").expect("set");
    }
    conn
}

/// Allocations of a franc, each to a purpose that nothing was allocated to.
fn allocations(service: &Service, communes: &[Commune], purposes: &[(OrganisationId, FundPurposeId)]) -> impl Fn(&mut Vec<u8>) + use<> {
    let tokens: BTreeMap<Uuid, String> = communes.iter().map(|commune| (commune.id, service.token(commune.mayor))).collect();
    let body = format!("{{\"amount\":\"100\",\"currency\":\"XOF\",\"decision_reference\":\"PV-12\",\"on\":\"{}\"}}", committed_on());
    let requests = purposes.iter().map(|(organisation, purpose)| {
        format!(
            "POST /v1/organisations/{organisation}/fund-purposes/{purpose}/allocations HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \
             {}\r\ncontent-type: application/json\r\nif-match: \"1-json\"\r\ncontent-length: {}\r\nidempotency-key: ",
            tokens[&organisation.0],
            body.len()
        )
    });
    let requests: Vec<String> = requests.collect();
    let next = RefCell::new(0_usize);
    move |request| {
        let mut next = next.borrow_mut();
        let head = &requests[*next % requests.len()];
        *next += 1;
        write!(request, "{head}{}\r\n\r\n{body}", Uuid::new_v4()).expect("written");
    }
}

/// Allocations and commitments from the same clients on the same organisations, on both engines.
pub fn allocation(bench: &mut Bench) {
    let mut table = Table::default();
    allocate(bench, &mut table, SQLITE, &bench.sqlite.copy("allocations"), bench.sqlite.communes());
    match &bench.postgres {
        Some(postgres) => allocate(bench, &mut table, POSTGRESQL, &postgres.copy("allocations"), postgres.communes()),
        None => table.absent("allocation, PostgreSQL", "PostgreSQL is not installed"),
    }
    bench.table.append(table);
}

fn allocate(bench: &Bench, table: &mut Table, engine: &str, target: &Target, communes: &[Commune]) {
    let purposes: Vec<(OrganisationId, FundPurposeId)> = {
        let (mut conn, of) = (connection(target), spelling(target));
        for commune in communes {
            let seeded = seed_fund(&mut conn, &of, commune, "ALLOCATED", 900_000_000_000_000);
            seed_purposes(&mut conn, &of, commune, &seeded, PURPOSES);
        }
        if of.postgres {
            analysed(&mut conn);
        }
        let rows: Vec<(Col<OrganisationId>, Col<FundPurposeId>)> = fund_purposes::table
            .order((fund_purposes::reference, fund_purposes::organisation_id))
            .select((fund_purposes::organisation_id, fund_purposes::id))
            .load(&mut conn)
            .expect("purposes");
        let mut rows: Vec<_> = rows.into_iter().map(|(organisation, purpose)| (organisation.0, purpose.0)).collect();
        // Spread over the communes by chance, as commitments are.
        let mut chance = Chance(0x5167_1da5);
        for index in (1..rows.len()).rev() {
            rows.swap(index, chance.below(index + 1));
        }
        rows
    };
    let service = Service::start(&bench.program, target, None);
    let next = allocations(&service, communes, &purposes);
    let mut contest = Contest::default();
    contest.enter("allocation", |lasting| load::run(service.address, CLIENTS, lasting, &next));
    contest.enter("commitment", |lasting| commit(&service, communes, lasting));
    let results = contest.hold(bench.rules);
    let told = format!("{:.0}/s to {:.0}/s", results.rate("allocation").median, results.rate("commitment").median);
    table.spread(&format!("allocation / commitment, {engine}"), results.ratio("allocation", "commitment"), Goal::AtLeast(0.5), &told);
    let failed = results.count("allocation", |status| status != 201);
    let made = results.count("allocation", |status| status == 201);
    table.value(&format!("allocation, {engine}: errors"), failed as f64, Goal::AtMost(0.0), &format!("{made} allocations"));
    end(bench, engine, service);
}

/// What a donor's statement reads: who contributed, and what moved of it, by kind.
const STATEMENT: [&str; 2] = [
    "SELECT organisation_id, id, fund_id, donor_id, kind, reference, currency, pledged, committed, received, written_off, value, charged, \
     repaid, allocated, disbursed, spent, returned, fee_bps, agreement_reference, agreed_on, first_received_on, ends_on, note, recorded_by, \
     recorded_at, version, passed_on, held FROM contributions WHERE organisation_id = $1 AND fund_id = $2 AND sensitivity <= 4 ORDER BY id",
    "SELECT m.contribution_id, m.kind, CAST(SUM(m.amount) AS BIGINT), CAST(SUM(m.value) AS BIGINT) FROM contributions c \
     JOIN fund_movements m ON m.organisation_id = c.organisation_id AND m.contribution_id = c.id WHERE c.organisation_id = $1 \
     AND c.fund_id = $2 AND c.donor_id IS NOT NULL AND m.sensitivity <= 4 AND m.moved_on <= '2200-12-31' GROUP BY m.contribution_id, m.kind",
];

/// A donor's statement over a hundred thousand expenditures, on both engines.
pub fn statements(bench: &mut Bench) {
    let mut table = Table::default();
    state(bench, &mut table, SQLITE, &bench.sqlite.copy("statements"), bench.sqlite.communes());
    match &bench.postgres {
        Some(postgres) => state(bench, &mut table, POSTGRESQL, &postgres.copy("statements"), postgres.communes()),
        None => table.absent("a donor's statement, PostgreSQL", "PostgreSQL is not installed"),
    }
    bench.table.append(table);
}

fn state(bench: &Bench, table: &mut Table, engine: &str, target: &Target, communes: &[Commune]) {
    let commune = &communes[0];
    let seeded = {
        let (mut conn, of) = (connection(target), spelling(target));
        let seeded = seed_expenditures(&mut conn, &of, commune, EXPENDITURES);
        if of.postgres {
            analysed(&mut conn);
        }
        seeded
    };
    let service = Service::start(&bench.program, target, None);
    let path = format!("/v1/organisations/{}/funds/{}/statement?donor_id={}", commune.id, seeded.fund, seeded.donor);
    let read = request::reads(&service.token(commune.mayor), vec![path], "");
    let mut contest = Contest::default();
    contest.enter("statement", |lasting| load::run(service.address, 1, lasting, &read));
    let bound = [Bound::Id(commune.id), Bound::Id(seeded.fund)];
    contest.enter("its SQL", |lasting| alone(target, &STATEMENT, &bound, lasting));
    let results = contest.hold(Rules { lasting: bench.rules.lasting / 2, ..bench.rules });
    let told = format!("{:.1} ms to {:.1} ms", 1000.0 / results.rate("statement").median, 1000.0 / results.rate("its SQL").median);
    let times = results.ratio("its SQL", "statement");
    table.spread(
        &format!("time of a donor's statement over {EXPENDITURES} expenditures / its SQL, {engine}"),
        times,
        Goal::AtMost(2.0),
        &told,
    );
    end(bench, engine, service);
}
