//! The records of sensitive reads: each is as it was when its digest went on the chain, and none is missing.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::audit::access_record::{AccessRecord, Reader};
use domain::id::{AccessRecordId, OrganisationId};
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use super::{Failure, wrong};
use crate::audit::access_record::{AccessRecordFilter, AccessRecordRow, list_access_records, subjects_of};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::Keyset;
use crate::schema::access_record_subjects;

/// How many records are read at a time.
const CHUNK: i64 = 500;

fn rebuilt(row: AccessRecordRow, subjects: Vec<Uuid>) -> Result<AccessRecord, Fault> {
    let digest = |bytes: Vec<u8>| bytes.try_into().map_err(|_| Fault::Corrupt("a digest is not 32 bytes long".to_owned()));
    Ok(AccessRecord {
        organisation: row.organisation_id.0,
        id: row.id.0,
        recorded_at: row.recorded_at.0,
        reader: Reader {
            principal: row.principal_id.0,
            session: row.session_id.map(|id| id.0),
            client_key: row.client_key_id.map(|id| id.0),
            role: row.role,
            seat: row.seat_id.map(|id| id.0),
        },
        operation: row.operation,
        request_sha256: digest(row.request_sha256)?,
        reason: row.reason,
        subjects,
        answer_sha256: digest(row.answer_sha256)?,
        salt: row.salt.0,
    })
}

/// Compares every record with its digest on the chain.
pub fn verify_access_records(
    conn: &mut Conn,
    organisation: OrganisationId,
    code: &str,
    digests: &BTreeMap<Uuid, String>,
) -> Result<usize, Failure> {
    let scope = Scope { organisation, clearance: Sensitivity::Sealed };
    let (mut verified, mut subjects_seen, mut after) = (0, 0, None);
    loop {
        let keys = Keyset::<AccessRecordId> { after, limit: CHUNK };
        let page = list_access_records(conn, &scope, &AccessRecordFilter::default(), &keys)?;
        let ids: Vec<AccessRecordId> = page.rows.iter().map(|row| row.id.0).collect();
        let mut subjects = subjects_of(conn, organisation, &ids, i32::MAX)?;
        after = ids.last().copied();
        for row in page.rows {
            let id = row.id.0;
            let told = subjects.remove(&id).unwrap_or_default();
            subjects_seen += told.len();
            if digests.get(&id.0) != Some(&rebuilt(row, told)?.digest()) {
                return wrong(format!("{code}: the access record {id} is not what the chain says of it"));
            }
            verified += 1;
        }
        if !page.more {
            break;
        }
    }
    if verified != digests.len() {
        return wrong(format!("{code}: {verified} access records for {} on the chain", digests.len()));
    }
    let stored: i64 =
        access_record_subjects::table.filter(access_record_subjects::organisation_id.eq(Col(organisation))).count().get_result(conn)?;
    if usize::try_from(stored).ok() != Some(subjects_seen) {
        return wrong(format!("{code}: subjects of access records that are not there"));
    }
    Ok(verified)
}
