//! Kinds of tickets, where each number is, and how it came there.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::cash_office::ticket::{Range, TICKET_KIND_DUPLICATE, TicketState, go, overlap, split};
use domain::id::{CashOfficeId, EntryId, OrganisationId, PrincipalId, TicketKindId, TicketMovementId, TicketRangeId};
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{ticket_kinds, ticket_movements, ticket_ranges};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = ticket_kinds)]
pub struct TicketKindRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<TicketKindId>,
    pub name: String,
    pub face_value: i64,
    pub article: String,
    pub recorded_at: Col<DateTime<Utc>>,
}

pub fn insert_ticket_kind(tx: &mut Tx<'_>, id: TicketKindId, name: &str, face_value: i64, article: &str) -> Result<TicketKindRow, Fault> {
    diesel::insert_into(ticket_kinds::table)
        .values((
            ticket_kinds::organisation_id.eq(Col(tx.organisation)),
            ticket_kinds::id.eq(Col(id)),
            ticket_kinds::name.eq(name),
            ticket_kinds::face_value.eq(face_value),
            ticket_kinds::article.eq(article),
            ticket_kinds::recorded_at.eq(Col(tx.author.now)),
            ticket_kinds::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| TICKET_KIND_DUPLICATE.refuse().with("name", name).at("/name")))?;
    find_ticket_kind(tx.conn, &own(tx.organisation), id)
}

fn own(organisation: OrganisationId) -> Scope {
    Scope { organisation, clearance: Sensitivity::Sealed }
}

pub fn find_ticket_kind(conn: &mut Conn, scope: &Scope, id: TicketKindId) -> Result<TicketKindRow, Fault> {
    Ok(visible!(ticket_kinds, scope).filter(ticket_kinds::id.eq(Col(id))).select(TicketKindRow::as_select()).first(conn)?)
}

pub fn list_ticket_kinds(conn: &mut Conn, scope: &Scope, page: &Keyset<TicketKindId>) -> Result<Rows<TicketKindRow>, Fault> {
    let mut query =
        visible!(ticket_kinds, scope).order(ticket_kinds::id).limit(page.probe()).select(TicketKindRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(ticket_kinds::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = ticket_ranges)]
pub struct TicketRangeRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<TicketRangeId>,
    pub ticket_kind_id: Col<TicketKindId>,
    pub first_number: i64,
    pub last_number: i64,
    pub state: Col<TicketState>,
    pub cash_office_id: Option<Col<CashOfficeId>>,
    pub moved_on: NaiveDate,
    pub version: i64,
}

impl TicketRangeRow {
    pub fn range(&self) -> Range {
        Range { first: self.first_number, last: self.last_number }
    }
}

/// A range of a kind that has a number in common with this one.
fn find_overlap(tx: &mut Tx<'_>, kind: TicketKindId, range: Range) -> Result<Option<Range>, Fault> {
    let found: Option<(i64, i64)> = ticket_ranges::table
        .filter(ticket_ranges::organisation_id.eq(Col(tx.organisation)))
        .filter(ticket_ranges::ticket_kind_id.eq(Col(kind)))
        .filter(ticket_ranges::first_number.le(range.last))
        .filter(ticket_ranges::last_number.ge(range.first))
        .order(ticket_ranges::first_number)
        .select((ticket_ranges::first_number, ticket_ranges::last_number))
        .first(tx.conn)
        .optional()?;
    Ok(found.map(|(first, last)| Range { first, last }))
}

fn insert_range(
    tx: &mut Tx<'_>,
    id: TicketRangeId,
    kind: TicketKindId,
    range: Range,
    state: TicketState,
    office: Option<CashOfficeId>,
    on: NaiveDate,
) -> Result<(), Fault> {
    diesel::insert_into(ticket_ranges::table)
        .values((
            ticket_ranges::organisation_id.eq(Col(tx.organisation)),
            ticket_ranges::id.eq(Col(id)),
            ticket_ranges::ticket_kind_id.eq(Col(kind)),
            ticket_ranges::first_number.eq(range.first),
            ticket_ranges::last_number.eq(range.last),
            ticket_ranges::state.eq(Col(state)),
            ticket_ranges::cash_office_id.eq(office.map(Col)),
            ticket_ranges::moved_on.eq(on),
            ticket_ranges::sensitivity.eq(Sensitivity::Internal.rank()),
            ticket_ranges::version.eq(1),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Where tickets go, and on what ground.
#[derive(Clone, Debug)]
pub struct Moved {
    pub id: TicketMovementId,
    pub to: TicketState,
    /// The office that has them, or had them last.
    pub office: Option<CashOfficeId>,
    pub document_sha256: Option<String>,
    pub decision: Option<String>,
    pub entry: Option<EntryId>,
}

fn append_movement(
    tx: &mut Tx<'_>,
    kind: TicketKindId,
    range: Range,
    from: Option<TicketState>,
    moved: &Moved,
) -> Result<TicketMovementRow, Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    diesel::insert_into(ticket_movements::table)
        .values((
            ticket_movements::organisation_id.eq(Col(tx.organisation)),
            ticket_movements::id.eq(Col(moved.id)),
            ticket_movements::ticket_kind_id.eq(Col(kind)),
            ticket_movements::first_number.eq(range.first),
            ticket_movements::last_number.eq(range.last),
            ticket_movements::from_state.eq(from.map(Col)),
            ticket_movements::to_state.eq(Col(moved.to)),
            ticket_movements::cash_office_id.eq(moved.office.map(Col)),
            ticket_movements::moved_on.eq(tx.author.today),
            ticket_movements::document_sha256.eq(moved.document_sha256.as_deref()),
            ticket_movements::decision.eq(moved.decision.as_deref()),
            ticket_movements::entry_id.eq(moved.entry.map(Col)),
            ticket_movements::moved_by.eq(Col(by)),
            ticket_movements::recorded_at.eq(Col(tx.author.now)),
            ticket_movements::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    find_ticket_movement(tx.conn, &own(tx.organisation), moved.id)
}

/// Receives a range from the Treasury; numbers of a kind are received once.
pub fn receive_range(tx: &mut Tx<'_>, id: TicketRangeId, kind: TicketKindId, range: Range, moved: &Moved) -> Result<TicketRangeRow, Fault> {
    if let Some(known) = find_overlap(tx, kind, range)? {
        return Err(overlap(known).into());
    }
    let on = tx.today();
    insert_range(tx, id, kind, range, moved.to, None, on)?;
    append_movement(tx, kind, range, None, moved)?;
    find_ticket_range(tx.conn, &own(tx.organisation), id)
}

/// Moves a part of a range, or all of it, and keeps the movement. What stays behind keeps its state: what stands before the
/// part keeps the range's id, what stands after it becomes a range of its own. Gives the part's range as it now stands.
pub fn move_range(
    tx: &mut Tx<'_>,
    row: &TicketRangeRow,
    part: Range,
    moved: &Moved,
    new: [TicketRangeId; 2],
) -> Result<(TicketRangeRow, TicketMovementRow), Fault> {
    go(row.state.0, moved.to)?;
    let (before, after) = split(row.range(), part)?;
    let on = tx.today();
    let (kind, state, office) = (row.ticket_kind_id.0, row.state.0, row.cash_office_id.map(|id| id.0));
    let stands = ticket_ranges::table.filter(ticket_ranges::organisation_id.eq(row.organisation_id)).filter(ticket_ranges::id.eq(row.id));
    let version = ticket_ranges::version.eq(row.version + 1);
    let [part_id, after_id] = new;
    let id = match before {
        Some(before) => {
            diesel::update(stands).set((ticket_ranges::last_number.eq(before.last), version)).execute(tx.conn)?;
            insert_range(tx, part_id, kind, part, moved.to, moved.office, on)?;
            part_id
        }
        None => {
            diesel::update(stands)
                .set((
                    ticket_ranges::last_number.eq(part.last),
                    ticket_ranges::state.eq(Col(moved.to)),
                    ticket_ranges::cash_office_id.eq(moved.office.map(Col)),
                    ticket_ranges::moved_on.eq(on),
                    version,
                ))
                .execute(tx.conn)?;
            row.id.0
        }
    };
    if let Some(after) = after {
        insert_range(tx, after_id, kind, after, state, office, row.moved_on)?;
    }
    let movement = append_movement(tx, kind, part, Some(state), moved)?;
    Ok((find_ticket_range(tx.conn, &own(tx.organisation), id)?, movement))
}

pub fn find_ticket_range(conn: &mut Conn, scope: &Scope, id: TicketRangeId) -> Result<TicketRangeRow, Fault> {
    Ok(visible!(ticket_ranges, scope).filter(ticket_ranges::id.eq(Col(id))).select(TicketRangeRow::as_select()).first(conn)?)
}

/// Which ranges to list.
#[derive(Clone, Debug, Default)]
pub struct TicketRangeFilter {
    pub ticket_kind_id: Option<TicketKindId>,
    pub cash_office_id: Option<CashOfficeId>,
    pub state: Vec<TicketState>,
}

pub fn list_ticket_ranges(
    conn: &mut Conn,
    scope: &Scope,
    filter: &TicketRangeFilter,
    page: &Keyset<TicketRangeId>,
) -> Result<Rows<TicketRangeRow>, Fault> {
    let mut query =
        visible!(ticket_ranges, scope).order(ticket_ranges::id).limit(page.probe()).select(TicketRangeRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(ticket_ranges::id.gt(Col(after)));
    }
    if let Some(kind) = filter.ticket_kind_id {
        query = query.filter(ticket_ranges::ticket_kind_id.eq(Col(kind)));
    }
    if let Some(office) = filter.cash_office_id {
        query = query.filter(ticket_ranges::cash_office_id.eq(Some(Col(office))));
    }
    if !filter.state.is_empty() {
        query = query.filter(ticket_ranges::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    Ok(page.cut(query.load(conn)?))
}

/// A kind, where some of its tickets are, and how many they are.
pub type Counted = (TicketKindId, TicketState, i64);

/// How many tickets of each kind are where.
pub fn count_tickets(conn: &mut Conn, scope: &Scope) -> Result<Vec<Counted>, Fault> {
    let rows: Vec<(Col<TicketKindId>, Col<TicketState>, i64, i64)> = visible!(ticket_ranges, scope)
        .select((ticket_ranges::ticket_kind_id, ticket_ranges::state, ticket_ranges::first_number, ticket_ranges::last_number))
        .load(conn)?;
    Ok(rows.into_iter().map(|(kind, state, first, last)| (kind.0, state.0, Range { first, last }.count())).collect())
}

/// How many unsold tickets an office has.
pub fn count_in_hand(conn: &mut Conn, scope: &Scope, office: CashOfficeId) -> Result<i64, Fault> {
    let rows: Vec<(i64, i64)> = visible!(ticket_ranges, scope)
        .filter(ticket_ranges::cash_office_id.eq(Some(Col(office))))
        .filter(ticket_ranges::state.eq(Col(TicketState::Issued)))
        .select((ticket_ranges::first_number, ticket_ranges::last_number))
        .load(conn)?;
    Ok(rows.into_iter().map(|(first, last)| Range { first, last }.count()).sum())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = ticket_movements)]
pub struct TicketMovementRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<TicketMovementId>,
    pub ticket_kind_id: Col<TicketKindId>,
    pub first_number: i64,
    pub last_number: i64,
    pub from_state: Option<Col<TicketState>>,
    pub to_state: Col<TicketState>,
    pub cash_office_id: Option<Col<CashOfficeId>>,
    pub moved_on: NaiveDate,
    pub document_sha256: Option<String>,
    pub decision: Option<String>,
    pub entry_id: Option<Col<EntryId>>,
    pub moved_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

pub fn find_ticket_movement(conn: &mut Conn, scope: &Scope, id: TicketMovementId) -> Result<TicketMovementRow, Fault> {
    Ok(visible!(ticket_movements, scope).filter(ticket_movements::id.eq(Col(id))).select(TicketMovementRow::as_select()).first(conn)?)
}

/// Which movements of tickets to list.
#[derive(Clone, Debug, Default)]
pub struct TicketMovementFilter {
    pub ticket_kind_id: Option<TicketKindId>,
    pub cash_office_id: Option<CashOfficeId>,
    pub to_state: Vec<TicketState>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

pub fn list_ticket_movements(
    conn: &mut Conn,
    scope: &Scope,
    filter: &TicketMovementFilter,
    page: &Keyset<TicketMovementId>,
) -> Result<Rows<TicketMovementRow>, Fault> {
    let mut query = visible!(ticket_movements, scope)
        .order(ticket_movements::id)
        .limit(page.probe())
        .select(TicketMovementRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(ticket_movements::id.gt(Col(after)));
    }
    if let Some(kind) = filter.ticket_kind_id {
        query = query.filter(ticket_movements::ticket_kind_id.eq(Col(kind)));
    }
    if let Some(office) = filter.cash_office_id {
        query = query.filter(ticket_movements::cash_office_id.eq(Some(Col(office))));
    }
    if !filter.to_state.is_empty() {
        query = query.filter(ticket_movements::to_state.eq_any(filter.to_state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(from) = filter.from {
        query = query.filter(ticket_movements::moved_on.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(ticket_movements::moved_on.le(to));
    }
    Ok(page.cut(query.load(conn)?))
}
