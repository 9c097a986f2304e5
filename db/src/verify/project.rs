//! Projects: every state is reached by its steps, every step is a way of the machine, every decided motion was decided by its votes.

use diesel::prelude::*;
use domain::id::{OrganisationId, ProjectId};
use domain::project::ProjectState;
use domain::project::committee::tally;
use domain::sensitivity::{Scope, Sensitivity};

use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::page::Keyset;
use crate::project::committee::list_motions;
use crate::project::steps_of;
use crate::schema::projects;

/// Walks through the life of every project, and counts the votes of every motion again. Says how many were checked.
pub fn verify_projects(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<usize, Failure> {
    let scope = Scope { organisation, clearance: Sensitivity::Sealed };
    let rows: Vec<(Col<ProjectId>, String, Col<ProjectState>)> = projects::table
        .filter(projects::organisation_id.eq(Col(organisation)))
        .order(projects::id)
        .select((projects::id, projects::reference, projects::state))
        .load(conn)?;
    let mut count = rows.len();
    for (id, reference, state) in rows {
        let mut at: Option<ProjectState> = None;
        for step in steps_of(conn, &scope, id.0)? {
            let way = step.action.0.transition();
            let known = way.is_some_and(|way| way.to == step.state_after.0 && at.map_or(way.from.is_empty(), |at| way.from.contains(&at)));
            if !known || step.state_before.map(|before| before.0) != at {
                return wrong(format!("{code}, project {reference}: step {} is no way of the machine", step.number));
            }
            at = Some(step.state_after.0);
        }
        if at != Some(state.0) {
            return wrong(format!("{code}, project {reference}: kept {}, its steps lead elsewhere", state.0));
        }
    }
    let mut keys = Keyset { after: None, limit: 500 };
    loop {
        let motions = list_motions(conn, &scope, None, None, &keys)?;
        count += motions.rows.len();
        for motion in &motions.rows {
            let votes: Vec<_> = motion.votes.iter().map(|(_, vote)| *vote).collect();
            if tally(motion.voters.len(), &votes) != motion.row.state.0 {
                return wrong(format!("{code}, motion {}: kept {}, its votes say otherwise", motion.row.id.0, motion.row.state.0));
            }
        }
        keys.after = motions.rows.last().map(|motion| motion.row.id.0);
        if !motions.more {
            return Ok(count);
        }
    }
}
