//! Consultations of villages and quarters, and public debates: public records that never change.

use actix_web::{get, post, web};
use chrono::NaiveDate;
use db::participation::{Meeting, MeetingFilter};
use domain::audit::Event;
use domain::calendar::{FiscalYear, not_future};
use domain::id::{ConsultationId, OrganisationId, PublicDebateId};
use domain::participation::accept_attendance;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::Sha256Hex;

/// A meeting to record. The record is public and never changes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMeeting {
    /// The fiscal year whose budget was discussed.
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// The village, fraction or quarter; as the budget's lines name their location.
    place: Text<200>,
    /// Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    /// Women present.
    #[schema(minimum = 0, maximum = 1_000_000)]
    women: i32,
    /// Men present.
    #[schema(minimum = 0, maximum = 1_000_000)]
    men: i32,
    /// Digest of the signed minutes, so that a later change of them shows.
    minutes_sha256: Sha256Hex,
    /// What was said, in a few sentences. No names of private persons.
    summary: Text<2000>,
}

impl Json for NewMeeting {}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MeetingQuery {
    /// Only meetings on the budget of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// First day of the meetings.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the meetings.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// A part of the place, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

macro_rules! meetings {
    (
        $path:literal, $segment:literal, $view:ident, $id:ident, $row:ident, $list:ident, $record:ident, $insert:ident,
        $kind:literal, $subject:literal, $doc_view:literal, $doc_list:literal, $doc_record:literal
    ) => {
        #[doc = $doc_view]
        #[derive(Serialize, ToSchema)]
        pub struct $view {
            id: $id,
            #[schema(minimum = 1960, maximum = 2200)]
            fiscal_year: i32,
            #[schema(max_length = 200)]
            place: String,
            held_on: NaiveDate,
            /// Women present.
            #[schema(minimum = 0)]
            women: i32,
            /// Men present.
            #[schema(minimum = 0)]
            men: i32,
            /// Digest of the signed minutes.
            #[schema(min_length = 64, max_length = 64)]
            minutes_sha256: String,
            #[schema(max_length = 2000)]
            summary: String,
        }

        impl From<db::participation::$row> for $view {
            fn from(row: db::participation::$row) -> Self {
                Self {
                    id: row.id.0,
                    fiscal_year: row.fiscal_year,
                    place: row.place,
                    held_on: row.held_on,
                    women: row.women,
                    men: row.men,
                    minutes_sha256: row.minutes_sha256,
                    summary: row.summary,
                }
            }
        }

        #[doc = $doc_list]
        #[utoipa::path(tag = "participation", params(MeetingQuery), responses((status = 200, body = Page<$view>)))]
        #[get($path)]
        pub async fn $list(call: Call, _path: web::Path<OrganisationId>, query: Query<MeetingQuery>) -> Answered {
            let query = query.0;
            let keys = keyset::<$id>(&call, query.after.as_deref(), query.limit)?;
            let filter = MeetingFilter { fiscal_year: query.fiscal_year, from: query.from, to: query.to, query: query.q };
            let scope = call.scope()?;
            let asked = keys.clone();
            let rows = call.store().read(move |conn| db::participation::$list(conn, &scope, &filter, &asked)).await?;
            listed(&call, page(&call, &keys, rows, |row| row.id.0, $view::from))
        }

        #[doc = $doc_record]
        #[utoipa::path(tag = "participation", request_body = NewMeeting, responses((status = 201, body = $view)))]
        #[post($path)]
        pub async fn $record(asked: Asked<NewMeeting>, path: web::Path<OrganisationId>) -> Answered {
            let organisation = path.into_inner();
            let id = $id::new();
            asked
                .write(move |call, body, tx| {
                    FiscalYear::new(body.fiscal_year)?;
                    not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
                    accept_attendance(body.women, body.men)?;
                    let meeting = Meeting {
                        fiscal_year: body.fiscal_year,
                        place: body.place.as_str().to_owned(),
                        held_on: body.held_on,
                        women: body.women,
                        men: body.men,
                        minutes_sha256: body.minutes_sha256.0.clone(),
                        summary: body.summary.as_str().to_owned(),
                    };
                    db::participation::$insert(tx, id, &meeting)?;
                    let event = Event::of($kind, $subject, id.0, 1)
                        .with("fiscal_year", meeting.fiscal_year)
                        .with("held_on", meeting.held_on)
                        .with("minutes_sha256", &meeting.minutes_sha256);
                    let view = $view {
                        id,
                        fiscal_year: meeting.fiscal_year,
                        place: meeting.place,
                        held_on: meeting.held_on,
                        women: meeting.women,
                        men: meeting.men,
                        minutes_sha256: meeting.minutes_sha256,
                        summary: meeting.summary,
                    };
                    let location = format!("/v1/organisations/{organisation}/{}/{id}", $segment);
                    Ok((created(location, 1, &view)?, event.into()))
                })
                .await
        }
    };
}

meetings!(
    "/v1/organisations/{organisation_id}/consultations",
    "consultations",
    ConsultationView,
    ConsultationId,
    ConsultationRow,
    list_consultations,
    record_consultation,
    insert_consultation,
    "consultation.recorded",
    "consultation",
    "A consultation of a village, a fraction or a quarter.",
    "The consultations held on the organisation's budgets.",
    "Records a consultation of a village, a fraction or a quarter on a coming budget."
);

meetings!(
    "/v1/organisations/{organisation_id}/public-debates",
    "public-debates",
    PublicDebateView,
    PublicDebateId,
    PublicDebateRow,
    list_public_debates,
    record_public_debate,
    insert_public_debate,
    "public_debate.recorded",
    "public_debate",
    "A public debate.",
    "The public debates held on the organisation's budgets.",
    "Records a public debate on a coming budget. The vote of the budget comes after it (loi 2017-051, art. 245)."
);
