//! How lists, totals and maps of projects are narrowed: the same way.

/// Query parameters that narrow projects, beside those of the operation itself.
macro_rules! narrowing {
    ($name:ident { $($(#[$about:meta])* $field:ident: $kind:ty,)* }) => {
        #[derive(serde::Deserialize, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            $($(#[$about])* $field: $kind,)*
            /// A part of the title, without regard to accents and case.
            #[param(max_length = 100)]
            q: Option<String>,
            /// Only projects under this instrument.
            instrument: Option<domain::programme::Instrument>,
            /// Only projects in this state.
            state: Option<domain::project::ProjectState>,
            /// Only projects that are counted as this.
            state_class: Option<domain::project::StateClass>,
            /// Only projects with a share in this unit, or in what lies in it.
            territorial_unit_id: Option<domain::id::TerritorialUnitId>,
            /// Only projects with a share in this sector.
            #[param(max_length = 60)]
            sector: Option<String>,
            /// Only projects with a share in a sector whose purpose code (OECD-DAC) begins with this.
            #[param(max_length = 5, example = "151")]
            purpose_code: Option<String>,
            /// Only projects with a share in this country (ISO 3166-1).
            #[param(max_length = 2, example = "ML")]
            country: Option<String>,
            /// Only projects of which this is a recipient, by its file.
            recipient_id: Option<domain::id::SupplierId>,
            /// Only joint projects, with two recipients or more; or only the others.
            joint: Option<bool>,
            /// Only projects of this programme.
            programme_id: Option<domain::id::ProgrammeId>,
            /// Only projects to which something was allocated from a contribution of this donor.
            donor_id: Option<domain::id::DonorId>,
            /// Only projects that are planned to go on, on this day or later.
            #[serde(default, deserialize_with = "crate::wire::maybe_day")]
            from: Option<chrono::NaiveDate>,
            /// Only projects that are planned to begin on this day or earlier.
            #[serde(default, deserialize_with = "crate::wire::maybe_day")]
            to: Option<chrono::NaiveDate>,
        }

        impl $name {
            fn filter(&self) -> db::project::filter::ProjectFilter {
                db::project::filter::ProjectFilter {
                    text: self.q.clone(),
                    instrument: self.instrument,
                    state: self.state,
                    class: self.state_class,
                    place: self.territorial_unit_id,
                    sector: self.sector.clone(),
                    purpose_code: self.purpose_code.clone(),
                    country: self.country.clone(),
                    recipient: self.recipient_id,
                    joint: self.joint,
                    programme: self.programme_id,
                    donor: self.donor_id,
                    from: self.from,
                    to: self.to,
                }
            }
        }
    };
}
pub(super) use narrowing;
