//! Organisations: what owns data. A commune, a cercle, a region, a ministry, a Treasury post, a partner, a supplier.

pub mod supplier;

use crate::refusal::codes;
use crate::words;

codes! {
    ORGANISATION_UNIT_REQUIRED: Rule,
        "Unité territoriale requise" / "Territorial unit required",
        "Une collectivité territoriale est liée à une unité du même niveau : {level}." /
        "A local government is tied to a territorial unit of the same level: {level}.";
    ORGANISATION_UNIT_UNEXPECTED: Rule,
        "Unité territoriale inattendue" / "Unexpected territorial unit",
        "Une organisation de type {kind} n'est pas une collectivité territoriale." /
        "An organisation of kind {kind} is not a local government.";
    ORGANISATION_DUPLICATE: Conflict,
        "Organisation déjà enregistrée" / "Organisation already registered",
        "Une organisation porte déjà ce code, ou cette unité a déjà sa collectivité." /
        "An organisation already bears this code, or this unit already has its local government.";
    SUPERVISOR_WRONG: Forbidden,
        "Autorité de tutelle incompétente" / "Wrong supervising authority",
        "L'autorité compétente est : {competent}." / "The competent authority is: {competent}.";
}

words! {
    /// What an organisation is.
    pub enum OrganisationKind {
        /// A commune (collectivité territoriale).
        Commune = "commune",
        /// A cercle (collectivité territoriale).
        Cercle = "cercle",
        /// A region (collectivité territoriale).
        Region = "region",
        /// The District of Bamako.
        District = "district",
        /// A ministry or a national directorate.
        Ministry = "ministry",
        /// A post of the Treasury, where the public accountants of local governments sit (perception, trésorerie).
        TreasuryPost = "treasury_post",
        /// A representative of the State: prefecture, governorate.
        StateRepresentation = "state_representation",
        /// An association of local governments.
        Association = "association",
        /// A donor, an agency or another partner.
        Partner = "partner",
        /// An auditing or jurisdictional body.
        AuditBody = "audit_body",
        /// A supplier of goods, works or services.
        Supplier = "supplier",
        /// The service itself: reference data and platform administration.
        Platform = "platform",
    }
}

impl OrganisationKind {
    /// Whether it is a local government, tied to a territorial unit of its level.
    pub fn is_local_government(self) -> bool {
        matches!(self, Self::Commune | Self::Cercle | Self::Region | Self::District)
    }
}
