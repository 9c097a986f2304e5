//! Consultations and public debates.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{ConsultationId, OrganisationId, PublicDebateId};
use domain::participation::{Consultation, PublicDebate};
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing, folded};
use crate::schema::{consultations, public_debates};
use crate::store::Tx;
use crate::{between, visible};

/// What both kinds of meeting record.
#[derive(Clone, Debug)]
pub struct Meeting {
    pub fiscal_year: i32,
    pub place: String,
    pub held_on: NaiveDate,
    pub women: i32,
    pub men: i32,
    pub minutes_sha256: String,
    pub summary: String,
}

/// Which meetings to list.
#[derive(Clone, Debug, Default)]
pub struct MeetingFilter {
    pub fiscal_year: Option<i32>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// A part of the place, without regard to accents and case.
    pub query: Option<String>,
}

macro_rules! meetings {
    ($table:ident, $place:literal, $row:ident, $id:ident, $insert:ident, $list:ident) => {
        #[derive(Clone, Debug, Queryable, Selectable)]
        #[diesel(table_name = $table)]
        pub struct $row {
            pub organisation_id: Col<OrganisationId>,
            pub id: Col<$id>,
            pub fiscal_year: i32,
            pub place: String,
            pub held_on: NaiveDate,
            pub women: i32,
            pub men: i32,
            pub minutes_sha256: String,
            pub summary: String,
        }

        /// Records a meeting; its record is public and never changes.
        pub fn $insert(tx: &mut Tx<'_>, id: $id, meeting: &Meeting) -> Result<(), Fault> {
            diesel::insert_into($table::table)
                .values((
                    $table::organisation_id.eq(Col(tx.organisation)),
                    $table::id.eq(Col(id)),
                    $table::fiscal_year.eq(meeting.fiscal_year),
                    $table::place.eq(&meeting.place),
                    $table::held_on.eq(meeting.held_on),
                    $table::women.eq(meeting.women),
                    $table::men.eq(meeting.men),
                    $table::minutes_sha256.eq(&meeting.minutes_sha256),
                    $table::summary.eq(&meeting.summary),
                    $table::sensitivity.eq(Sensitivity::Public.rank()),
                ))
                .execute(tx.conn)?;
            Ok(())
        }

        pub fn $list(conn: &mut Conn, scope: &Scope, filter: &MeetingFilter, page: &Keyset<$id>) -> Result<Rows<$row>, Fault> {
            let mut query = visible!($table, scope).order($table::id).limit(page.probe()).select($row::as_select()).into_boxed();
            if let Some(after) = page.after {
                query = query.filter($table::id.gt(Col(after)));
            }
            if let Some(year) = filter.fiscal_year {
                query = query.filter($table::fiscal_year.eq(year));
            }
            if let Some(text) = &filter.query {
                query = query.filter(folded($place).like(containing(text)));
            }
            between!(query, $table::held_on, filter.from, filter.to);
            Ok(page.cut(query.load(conn)?))
        }
    };
}

meetings!(consultations, "consultations.place", ConsultationRow, ConsultationId, insert_consultation, list_consultations);
meetings!(public_debates, "public_debates.place", PublicDebateRow, PublicDebateId, insert_public_debate, list_public_debates);

/// What the guards of a budget need to know of the meetings held for its year.
pub fn find_meetings(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<(Vec<Consultation>, Vec<PublicDebate>), Fault> {
    let consulted: Vec<(String, NaiveDate)> = visible!(consultations, scope)
        .filter(consultations::fiscal_year.eq(fiscal_year))
        .select((consultations::place, consultations::held_on))
        .load(conn)?;
    let debated: Vec<NaiveDate> =
        visible!(public_debates, scope).filter(public_debates::fiscal_year.eq(fiscal_year)).select(public_debates::held_on).load(conn)?;
    Ok((
        consulted.into_iter().map(|(place, held_on)| Consultation { place, held_on }).collect(),
        debated.into_iter().map(|held_on| PublicDebate { held_on }).collect(),
    ))
}
