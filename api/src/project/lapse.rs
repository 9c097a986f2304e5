//! Motions that nobody can decide any more.

use actix_web::post;
use domain::audit::Event;
use domain::project::committee::Vote;
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::committee::{MotionPath, MotionView, motion_view};
use super::voter::standing;
use crate::answer::{Answered, done};
use crate::body::{Asked, Json};

/// A motion to close without a decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MotionLapse {
    reason: Text<500>,
}

impl Json for MotionLapse {}

/// Closes a motion that nobody can decide any more, without a decision: so many of those who were present stood back since, or lost what
/// they voted by, that with the votes of all who still may it would not be carried; or the project is no longer where the motion can take
/// it from. What was moved can be moved again, before those who may vote on it.
#[utoipa::path(tag = "project", request_body = MotionLapse, responses((status = 200, body = MotionView)))]
#[post("/v1/organisations/{organisation_id}/motions/{motion_id}/lapse")]
pub async fn lapse_motion(asked: Asked<MotionLapse>, path: MotionPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let motion = db::project::committee::find_motion(tx.conn, &scope, id)?;
            call.check_version(motion.row.version)?;
            let project = db::project::find_project(tx.conn, &scope, motion.row.project_id.0)?;
            let votes: Vec<Vote> = motion.votes.iter().map(|(_, vote)| *vote).collect();
            let state = standing(tx, call, &project, &motion, &votes)?.lapse(motion.row.state.0)?;
            db::project::committee::update_lapsed(tx, &motion.row, state, body.reason.as_str())?;
            let version = motion.row.version + 1;
            let event =
                Event::of("motion.lapsed", "motion", id.0, version).ranked(project.row.sensitivity()?).moved(motion.row.state.0, state);
            let after = db::project::committee::find_motion(tx.conn, &tx.all(), id)?;
            Ok((done(version, &motion_view(after))?, event.into()))
        })
        .await
}
