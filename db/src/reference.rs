//! Installation: the platform's own organisation and the reference data that the program ships.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::audit::{Actor, Event};
use domain::id::OrganisationId;
use domain::organisation::OrganisationKind;
use uuid::Uuid;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::organisation::{NewOrganisation, insert_organisation};
use crate::schema::{installation, organisations};
use crate::store::{Author, Outcome, Store};
use crate::{budget, expenditure, fund, ledger, parameter, project, revenue, territory};

/// Whether the platform organisation exists: the sign of an installed database.
pub fn is_installed(conn: &mut Conn) -> Result<bool, Fault> {
    let count: i64 = organisations::table.filter(organisations::id.eq(Col(OrganisationId::platform()))).count().get_result(conn)?;
    Ok(count == 1)
}

/// The secret with which the installation seals its cursors: theirs alone, so that other keys can change under them.
pub fn find_cursor_secret(conn: &mut Conn) -> Result<[u8; 32], Fault> {
    let secret: Vec<u8> = installation::table.select(installation::cursor_secret).first(conn)?;
    secret.try_into().map_err(|_| Fault::Corrupt("the secret of cursors has another length".to_owned()))
}

/// Creates the platform organisation and loads reference data that is not there yet. Safe to repeat; says what it loaded.
pub async fn install(store: &Store, now: DateTime<Utc>, today: NaiveDate) -> Result<Vec<String>, Fault> {
    let cursor_secret = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    store
        .keep(move |conn| {
            if is_installed(conn)? {
                return Ok(());
            }
            let platform = NewOrganisation {
                id: OrganisationId::platform(),
                kind: OrganisationKind::Platform,
                code: "PLATFORM".to_owned(),
                name: "Sigida".to_owned(),
                territorial_unit_id: None,
                supervisor_id: None,
                treasury_post_id: None,
                currency: "XOF".to_owned(),
                fictional: false,
            };
            insert_organisation(conn, &platform)?;
            diesel::insert_into(installation::table)
                .values((installation::id.eq(1), installation::cursor_secret.eq(&cursor_secret)))
                .execute(conn)?;
            Ok(())
        })
        .await?;
    let author = Author { actor: Actor::system(), now, today };
    store
        .write(OrganisationId::platform(), author, |tx| {
            let mut loaded = Vec::new();
            if let Some(territory) = territory::load(tx.conn)? {
                loaded.push(format!("territory: {} units", territory.units));
            }
            let counts = [
                ("parameters", parameter::load(tx.conn)?),
                ("nomenclature items", budget::nomenclature::load(tx.conn)?),
                ("accounts", ledger::load(tx.conn)?),
                ("kinds of expenditure", expenditure::document::load(tx.conn)?),
                ("tax shares", revenue::share::load(tx.conn)?),
                ("terms of funds", fund::load(tx.conn)?),
                ("duties kept apart", project::review::load(tx.conn)?),
            ];
            loaded.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what}: {count}")));
            if loaded.is_empty() {
                return Ok(Outcome::Replayed(loaded));
            }
            let event = Event::of("reference.loaded", "organisation", OrganisationId::platform().0, 1).with("loaded", loaded.clone());
            Ok(Outcome::Happened(loaded, event.into()))
        })
        .await
}
