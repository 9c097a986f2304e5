//! What is remembered of failed proofs of identity: in the database, so that a restart forgets nothing and all processes
//! count together.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::identity::throttle::{Brake, Failures};

use crate::column::Col;
use crate::connection::{Conn, Locked};
use crate::fault::Fault;
use crate::schema::throttles;

/// A counter and its rule.
#[derive(Clone, Debug)]
pub struct Counter {
    pub key_hash: [u8; 32],
    pub brake: Brake,
}

/// A counter as it was found, and as it was left.
#[derive(Clone, Copy, Debug)]
pub struct Pressed {
    pub before: Failures,
    pub after: Failures,
}

#[derive(Queryable)]
struct Kept {
    forgiven_at: Col<DateTime<Utc>>,
    blocked_until: Col<DateTime<Utc>>,
}

fn find_failures(conn: &mut Conn, key_hash: &[u8]) -> Result<Option<Failures>, Fault> {
    let query = throttles::table.filter(throttles::key_hash.eq(key_hash)).select((throttles::forgiven_at, throttles::blocked_until));
    let found: Option<Kept> = Locked(query).get_result(conn).optional()?;
    Ok(found.map(|kept| Failures { forgiven_at: kept.forgiven_at.0, blocked_until: kept.blocked_until.0 }))
}

/// Counts a try as failed before it is made, on every counter; or gives the seconds to wait, and counts nothing.
pub fn press(conn: &mut Conn, counters: &[Counter], now: DateTime<Utc>) -> Result<Result<Vec<Pressed>, i64>, Fault> {
    diesel::delete(throttles::table.filter(throttles::forgiven_at.lt(Col(now))).filter(throttles::blocked_until.lt(Col(now))))
        .execute(conn)?;
    let found = counters.iter().map(|counter| find_failures(conn, &counter.key_hash)).collect::<Result<Vec<_>, Fault>>()?;
    if let Some(seconds) = found.iter().flatten().filter_map(|failures| failures.wait(now)).max() {
        return Ok(Err(seconds));
    }
    let mut pressed = Vec::with_capacity(counters.len());
    for (counter, found) in counters.iter().zip(found) {
        let before = found.unwrap_or(Failures::none(now));
        let after = counter.brake.press(&before, now);
        match found {
            Some(_) => update(conn, &counter.key_hash, &after)?,
            None => insert(conn, &counter.key_hash, &after)?,
        }
        pressed.push(Pressed { before, after });
    }
    Ok(Ok(pressed))
}

/// Takes back what [`press`] counted, since the try succeeded.
pub fn release(conn: &mut Conn, counters: &[Counter], pressed: &[Pressed]) -> Result<(), Fault> {
    for (counter, pressed) in counters.iter().zip(pressed) {
        if let Some(present) = find_failures(conn, &counter.key_hash)? {
            update(conn, &counter.key_hash, &counter.brake.release(&present, &pressed.after, &pressed.before))?;
        }
    }
    Ok(())
}

/// Forgets a counter.
pub fn forget(conn: &mut Conn, key_hash: &[u8]) -> Result<(), Fault> {
    diesel::delete(throttles::table.filter(throttles::key_hash.eq(key_hash))).execute(conn)?;
    Ok(())
}

fn insert(conn: &mut Conn, key_hash: &[u8], failures: &Failures) -> Result<(), Fault> {
    diesel::insert_into(throttles::table)
        .values((
            throttles::key_hash.eq(key_hash),
            throttles::forgiven_at.eq(Col(failures.forgiven_at)),
            throttles::blocked_until.eq(Col(failures.blocked_until)),
        ))
        .execute(conn)
        // Another process was first: it is tried again.
        .map_err(|error| match Fault::from(error) {
            Fault::Taken(what) => Fault::Busy(what),
            fault => fault,
        })?;
    Ok(())
}

fn update(conn: &mut Conn, key_hash: &[u8], failures: &Failures) -> Result<(), Fault> {
    diesel::update(throttles::table.filter(throttles::key_hash.eq(key_hash)))
        .set((throttles::forgiven_at.eq(Col(failures.forgiven_at)), throttles::blocked_until.eq(Col(failures.blocked_until))))
        .execute(conn)?;
    Ok(())
}
