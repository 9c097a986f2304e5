//! Records of sensitive reads.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer};
use domain::audit::access_record::{AccessRecord, ToldLately};
use domain::id::{AccessRecordId, ClientKeyId, OrganisationId, PrincipalId, SessionId};
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use crate::column::{Col, Identity};
use crate::connection::{Conn, Locked};
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::prepared::Statement;
use crate::schema::{access_record_subjects, access_records, principals};
use crate::store::Tx;
use crate::{visible, wall};

/// A record without what it is about.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = access_records)]
pub struct AccessRecordRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<AccessRecordId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub principal_id: Col<PrincipalId>,
    pub session_id: Option<Col<SessionId>>,
    pub client_key_id: Option<Col<ClientKeyId>>,
    pub role: String,
    pub seat_id: Option<Col<OrganisationId>>,
    pub operation: String,
    pub request_sha256: Vec<u8>,
    pub reason: Option<String>,
    pub answer_sha256: Vec<u8>,
    pub salt: Col<Uuid>,
}

pub fn append_access_record(tx: &mut Tx<'_>, new: &AccessRecord) -> Result<(), Fault> {
    diesel::insert_into(access_records::table)
        .values((
            access_records::organisation_id.eq(Col(tx.organisation)),
            access_records::id.eq(Col(new.id)),
            access_records::recorded_at.eq(Col(new.recorded_at)),
            access_records::principal_id.eq(Col(new.reader.principal)),
            access_records::session_id.eq(new.reader.session.map(Col)),
            access_records::client_key_id.eq(new.reader.client_key.map(Col)),
            access_records::role.eq(&new.reader.role),
            access_records::seat_id.eq(new.reader.seat.map(Col)),
            access_records::operation.eq(&new.operation),
            access_records::request_sha256.eq(new.request_sha256.as_slice()),
            access_records::reason.eq(new.reason.as_deref()),
            access_records::answer_sha256.eq(new.answer_sha256.as_slice()),
            access_records::salt.eq(Col(new.salt)),
            access_records::sensitivity.eq(Sensitivity::Restricted.rank()),
        ))
        .execute(tx.conn)?;
    append_subjects(tx.conn, tx.organisation, new.id, &new.subjects)
}

/// What a reader was told by these operations since an instant, in all organisations. The reader's row is locked, so that of two reads at
/// once, on whatever lanes, the second counts the first.
pub fn told_lately(tx: &mut Tx<'_>, reader: PrincipalId, operations: &[&str], since: DateTime<Utc>) -> Result<ToldLately, Fault> {
    let row = principals::table.filter(principals::id.eq(Col(reader))).select(principals::id);
    let _: Col<PrincipalId> = Locked(row).get_result(tx.conn)?;
    // Who may be told so much may be so anywhere.
    wall::beyond(tx.conn, |conn| told_anywhere(conn, reader, operations, since))
}

fn told_anywhere(conn: &mut Conn, reader: PrincipalId, operations: &[&str], since: DateTime<Utc>) -> Result<ToldLately, Fault> {
    let lately = access_records::table
        .filter(access_records::principal_id.eq(Col(reader)))
        .filter(access_records::recorded_at.gt(Col(since)))
        .filter(access_records::operation.eq_any(operations.to_vec()));
    let first: Option<Col<DateTime<Utc>>> =
        lately.clone().order(access_records::recorded_at).select(access_records::recorded_at).first(conn).optional()?;
    let subjects: Vec<Col<Uuid>> = lately
        .inner_join(
            access_record_subjects::table.on(access_record_subjects::organisation_id
                .eq(access_records::organisation_id)
                .and(access_record_subjects::access_record_id.eq(access_records::id))),
        )
        .select(access_record_subjects::subject_id)
        .distinct()
        .load(conn)?;
    Ok(ToldLately { subjects: subjects.into_iter().map(|id| id.0).collect(), since: first.map(|at| at.0) })
}

fn append_subjects(conn: &mut Conn, organisation: OrganisationId, record: AccessRecordId, subjects: &[Uuid]) -> Result<(), Fault> {
    if let Conn::Pg(conn) = conn {
        // A table tells thousands: one trip for all.
        let positions: Vec<i32> = (1..).zip(subjects).map(|(position, _)| position).collect();
        Statement::new(
            "INSERT INTO access_record_subjects (organisation_id, access_record_id, position, subject_id) \
             SELECT ?, ?, * FROM unnest(?, ?)",
        )
        .bind::<Identity, _>(Col(organisation))
        .bind::<Identity, _>(Col(record))
        .bind::<Array<Integer>, _>(positions)
        .bind::<Array<Identity>, _>(subjects.iter().copied().map(Col).collect::<Vec<_>>())
        .run_on_postgres(conn)?;
        return Ok(());
    }
    for (position, subject) in (1..).zip(subjects) {
        diesel::insert_into(access_record_subjects::table)
            .values((
                access_record_subjects::organisation_id.eq(Col(organisation)),
                access_record_subjects::access_record_id.eq(Col(record)),
                access_record_subjects::position.eq(position),
                access_record_subjects::subject_id.eq(Col(*subject)),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Which records to list.
#[derive(Clone, Debug, Default)]
pub struct AccessRecordFilter {
    pub principal_id: Option<PrincipalId>,
    pub subject_id: Option<Uuid>,
    pub operation: Option<String>,
    /// Recorded at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Recorded before this instant.
    pub before: Option<DateTime<Utc>>,
}

pub fn list_access_records(
    conn: &mut Conn,
    scope: &Scope,
    filter: &AccessRecordFilter,
    page: &Keyset<AccessRecordId>,
) -> Result<Rows<AccessRecordRow>, Fault> {
    let mut query =
        visible!(access_records, scope).order(access_records::id).limit(page.probe()).select(AccessRecordRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(access_records::id.gt(Col(after)));
    }
    if let Some(principal) = filter.principal_id {
        query = query.filter(access_records::principal_id.eq(Col(principal)));
    }
    if let Some(subject) = filter.subject_id {
        let about = access_record_subjects::table
            .filter(access_record_subjects::organisation_id.eq(Col(scope.organisation)))
            .filter(access_record_subjects::subject_id.eq(Col(subject)))
            .select(access_record_subjects::access_record_id);
        query = query.filter(access_records::id.eq_any(about));
    }
    if let Some(operation) = &filter.operation {
        query = query.filter(access_records::operation.eq(operation.clone()));
    }
    if let Some(since) = filter.since {
        query = query.filter(access_records::recorded_at.ge(Col(since)));
    }
    if let Some(before) = filter.before {
        query = query.filter(access_records::recorded_at.lt(Col(before)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What records are about, up to a position, in order.
pub fn subjects_of(
    conn: &mut Conn,
    organisation: OrganisationId,
    records: &[AccessRecordId],
    most: i32,
) -> Result<HashMap<AccessRecordId, Vec<Uuid>>, Fault> {
    let rows: Vec<(Col<AccessRecordId>, Col<Uuid>)> = access_record_subjects::table
        .filter(access_record_subjects::organisation_id.eq(Col(organisation)))
        .filter(access_record_subjects::access_record_id.eq_any(records.iter().copied().map(Col).collect::<Vec<_>>()))
        .filter(access_record_subjects::position.le(most))
        .order((access_record_subjects::access_record_id, access_record_subjects::position))
        .select((access_record_subjects::access_record_id, access_record_subjects::subject_id))
        .load(conn)?;
    let mut subjects: HashMap<AccessRecordId, Vec<Uuid>> = HashMap::new();
    for (record, subject) in rows {
        subjects.entry(record.0).or_default().push(subject.0);
    }
    Ok(subjects)
}
