//! Typed identifiers: a budget's id can never be passed where a commitment's is meant.
//!
//! Ids are UUIDs. The program makes version 7 (ordered by time); a client that works offline may bring its own.

use uuid::Uuid;

/// A typed identifier.
pub trait Identifier: Copy {
    fn uuid(&self) -> &Uuid;
    fn from_uuid(uuid: Uuid) -> Self;
}

impl Identifier for Uuid {
    fn uuid(&self) -> &Uuid {
        self
    }

    fn from_uuid(uuid: Uuid) -> Self {
        uuid
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier, ordered by the time of its making.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Identifier for $name {
            fn uuid(&self) -> &Uuid {
                &self.0
            }

            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// An organisation: what owns data.
    OrganisationId,
    /// A person or a partner system.
    PrincipalId,
    /// A role held in an organisation from a date to a date.
    RoleAssignmentId,
    /// A session: a sign-in and the tokens that follow from it.
    SessionId,
    /// A key of a partner system.
    ClientKeyId,
    /// A record of a sensitive read.
    AccessRecordId,
    /// An identity at another identity provider.
    ExternalIdentityId,
    /// A delegation of signature.
    DelegationId,
    /// A grave request that waits for a second person.
    ProposalId,
    /// A declaration of kinship.
    KinshipId,
    /// A region, a cercle or a commune as it existed during a period.
    TerritorialUnitId,
    /// A consultation of a village, a fraction or a quarter.
    ConsultationId,
    /// A public debate.
    PublicDebateId,
    /// A budget.
    BudgetId,
    /// A line of a budget.
    BudgetLineId,
    /// An entry of the ledger.
    EntryId,
    /// An import of entries kept in another program.
    EntryImportId,
    /// A supplier's file.
    SupplierId,
    /// A commitment (engagement).
    CommitmentId,
    /// A verification (liquidation).
    VerificationId,
    /// A payment order (mandat).
    PaymentOrderId,
    /// A batch of payment orders (bordereau).
    BatchId,
    /// A correction of an accepted payment order.
    CorrectionId,
    /// A supporting document.
    DocumentId,
    /// A payment.
    PaymentId,
    /// A regularisation: a charge without payment (mandat de régularisation).
    RegularisationId,
    /// A debt of an earlier year, carried by the opening balances.
    CarriedDebtId,
    /// A cash office (régie).
    CashOfficeId,
    /// A movement of a cash office's money.
    CashMovementId,
    /// An expense paid out of an imprest.
    ImprestExpenseId,
    /// A justification slip (bordereau de justification).
    JustificationSlipId,
    /// An inspection of a cash office.
    CashInspectionId,
    /// A kind of ticket.
    TicketKindId,
    /// A range of tickets.
    TicketRangeId,
    /// A movement of tickets.
    TicketMovementId,
    /// A debtor's file (redevable).
    DebtorId,
    /// The council's authorisation of a levy for a year.
    LevyAuthorisationId,
    /// A revenue order or a tax roll (titre de recette, rôle).
    RevenueOrderId,
    /// A receipt (quittance).
    ReceiptId,
    /// A refund of what was paid in excess.
    RefundId,
    /// A reduction, cancellation, write-off or waiver of a revenue order.
    RevenueAdjustmentId,
    /// A notification of a transfer to come.
    TransferNotificationId,
    /// A campaign that divides an endowment.
    EndowmentCampaignId,
    /// A drawing right (droit de tirage).
    DrawingRightId,
    /// An agreement on a drawing right (convention).
    DrawingAgreementId,
    /// A donor.
    DonorId,
    /// A rate of exchange.
    ExchangeRateId,
    /// A fund.
    FundId,
    /// A donor's contribution to a fund, or the fund's own account.
    ContributionId,
    /// What money of a fund is allocated to.
    FundPurposeId,
    /// An allocation of a fund's money to a purpose.
    FundAllocationId,
    /// A movement of a fund's money.
    FundMovementId,
    /// What was told of a fund elsewhere.
    FundReportId,
    /// A programme.
    ProgrammeId,
    /// A meeting of a community on what it needs.
    CommunityMeetingId,
    /// A need that a community ranked.
    CommunityNeedId,
    /// A project.
    ProjectId,
    /// A point where a project stands.
    ProjectSiteId,
    /// An asset of a local government.
    MunicipalAssetId,
    /// A committee.
    CommitteeId,
    /// A motion before a committee.
    MotionId,
    /// A check of what a project does to the conflict.
    ConflictCheckId,
    /// A disbursement of a project.
    ProjectDisbursementId,
    /// An expenditure report of a project.
    ExpenditureReportId,
    /// A refund of a project.
    ProjectRefundId,
}

/// The namespace of the ids that every installation computes alike (reference data).
const REFERENCE: Uuid = Uuid::from_u128(0x5167_1da0_0000_5000_8000_6d61_6c69_0001);

/// The id of a piece of reference data, the same in every installation.
pub fn reference(name: &str) -> Uuid {
    Uuid::new_v5(&REFERENCE, name.as_bytes())
}

impl OrganisationId {
    /// The organisation that owns what belongs to nobody else: reference data, installations, platform administrators.
    pub fn platform() -> Self {
        Self(reference("organisation/platform"))
    }
}
