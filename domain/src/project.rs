//! The life of a project, from what was asked for to the end of its accounts.
//!
//! One machine for every instrument: what differs between them is in their rule sets. A transition tells from where and to
//! where it leads, whose duty it is and which guards stand before it; a guard that is not met says why, with its facts.

pub mod agreement;
pub mod amendment;
pub mod ceiling;
pub mod check;
pub mod clock;
pub mod committee;
pub mod disbursement;
pub mod duty;
pub mod evidence;
pub mod finance;
pub mod guard;
pub mod handover;
pub mod indicator;
pub mod milestone;
pub mod overlap;
pub mod publication;
pub mod recipient;
pub mod release;
pub mod report;
pub mod settlement;
pub mod site;
pub mod total;

use crate::refusal::{Refusal, codes};
use crate::word::Word;
use crate::words;
use duty::Duty;
use guard::Guard;

codes! {
    PROJECT_DUPLICATE: Conflict,
        "Référence déjà prise" / "Reference already taken",
        "Un projet porte déjà la référence {reference}." / "A project already bears the reference {reference}.";
    PROJECT_SENSITIVITY_INVALID: Rule,
        "Sensibilité trop élevée" / "Sensitivity too high",
        "Le projet serait au-dessus de ce que vous pouvez voir ({clearance})." /
        "The project would be above what you may see ({clearance}).";
    PROJECT_PLACE_UNKNOWN: Rule,
        "Lieu inconnu" / "Unknown place",
        "Aucune unité territoriale n'a l'identifiant {term}." / "No territorial unit has the id {term}.";
    POSITION_INVALID: Rule,
        "Coordonnée invalide" / "Invalid coordinate",
        "Degrés décimaux, au plus six chiffres après le point ; longitude de -180 à 180, latitude de -90 à 90." /
        "Decimal degrees with at most six digits behind the point; longitude from -180 to 180, latitude from -90 to 90.";
    COORDINATES_OUT_OF_PLACE: Rule,
        "Point hors du lieu" / "Point outside of the place",
        "Le point (longitude {longitude}, latitude {latitude}) n'est pas dans {unit}." /
        "The point (longitude {longitude}, latitude {latitude}) does not lie in {unit}.";
    PROJECT_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state}. Actions possibles : {allowed}." / "State: {state}. Possible actions: {allowed}.";
    CLOSED_IMMUTABLE: Conflict,
        "Projet clos" / "Closed project",
        "Le projet est {state} ; rien ne le rouvre." / "The project is {state}; nothing reopens it.";
    SPLIT_SUM: Rule,
        "Répartition incomplète" / "Shares do not make the whole",
        "Les parts ({dimension}) font {sum} points de base ; il en faut 10 000, chaque terme une fois." /
        "The shares ({dimension}) make {sum} basis points; they must make 10,000, each term once.";
    BUDGET_SUM: Rule,
        "Budget inexact" / "Budget does not add up",
        "Les lignes font {sum} ; le budget est de {budget} ({currency})." / "The lines make {sum}; the budget is {budget} ({currency}).";
    CEILING_EXCEEDED: Rule,
        "Plafond dépassé" / "Ceiling exceeded",
        "Plafond de l'instrument : {max} {currency} ; demandé : {requested}." /
        "Ceiling of the instrument: {max} {currency}; requested: {requested}.";
    CEILING_EXCEEDED_FX: Rule,
        "Plafond dépassé par le change" / "Ceiling exceeded by the exchange",
        "Plafond de l'instrument : {max} {currency} ; au taux de la soumission : {submitted} ; au taux du jour : {requested}. L'instance de décision peut en dispenser." /
        "Ceiling of the instrument: {max} {currency}; at the rate of the submission: {submitted}; at that of the day: {requested}. The decision body may waive it.";
    CEILING_WAIVER: Rule,
        "Dispense sans objet" / "Waiver without an object",
        "Seule une motion d'approbation dispense du plafond." / "Only a motion to approve waives the ceiling.";
    DURATION_EXCEEDED: Rule,
        "Durée excessive" / "Duration exceeded",
        "Début : {from} ; fin prévue : {to} ; au plus tard : {latest}." / "Start: {from}; planned end: {to}; at the latest: {latest}.";
    AREA_NOT_ALLOWED: Rule,
        "Domaine non admis" / "Area not allowed",
        "L'instrument admet : {allowed}." / "The instrument allows: {allowed}.";
    PARTNER_MISSING: Rule,
        "Exécutant absent" / "Implementer missing",
        "Le projet ne dit pas qui l'exécute." / "The project does not tell who carries it out.";
    PARTNER_NOT_LOCAL: Rule,
        "Exécutant non admis" / "Implementer not allowed",
        "L'instrument admet : {allowed}. Exécutant : {kind}." / "The instrument allows: {allowed}. Implementer: {kind}.";
    PARTNER_INELIGIBLE: Rule,
        "Exécutant inéligible" / "Implementer not eligible",
        "L'exécutant n'a pas de numéro d'identification, est inactif ou exclu : {reasons}." /
        "The implementer has no registration, is inactive or debarred: {reasons}.";
    NEED_REQUIRED: Rule,
        "Besoin requis" / "Need required",
        "L'instrument demande un besoin classé par une réunion communautaire." /
        "The instrument asks for a need that a community meeting ranked.";
    NEED_ELSEWHERE: Rule,
        "Besoin d'un autre lieu" / "Need of another place",
        "La réunion ne s'est pas tenue dans un lieu du projet : {needs}." / "The meeting was not held in a place of the project: {needs}.";
    OVERHEAD_NOT_ALLOWED: Rule,
        "Frais indirects non admis" / "Indirect cost not allowed",
        "Frais indirects : {indirect} ; au plus {max} ({currency})." / "Indirect cost: {indirect}; at most {max} ({currency}).";
    JOINT_SPLIT: Rule,
        "Budgets des bénéficiaires inexacts" / "Budgets of recipients do not add up",
        "Les budgets des bénéficiaires font {sum} ; le budget est de {budget} ({currency})." /
        "The budgets of the recipients make {sum}; the budget is {budget} ({currency}).";
    APPRAISALS_MISSING: Rule,
        "Avis manquants" / "Appraisals missing",
        "Avis requis : {required} ; rendus : {given}." / "Appraisals required: {required}; given: {given}.";
    APPRAISAL_ADVERSE: Rule,
        "Avis défavorable" / "Adverse appraisal",
        "Un avis est défavorable : renvoyez le projet à qui le propose." /
        "An appraisal is adverse: return the project to who proposed it.";
    CSC_MISSING: Rule,
        "Contrôle de sensibilité au conflit absent" / "Conflict-sensitivity check missing",
        "Il manque : {missing}." / "Missing: {missing}.";
    CSC_EXPIRED: Rule,
        "Contrôle de sensibilité au conflit expiré" / "Conflict-sensitivity check expired",
        "Le contrôle valait jusqu'au {valid_until}." / "The check was valid until {valid_until}.";
    CSC_FAILED: Rule,
        "Contrôle de sensibilité au conflit négatif" / "Conflict-sensitivity check failed",
        "Des risques graves restent sans mesure : {questions}." / "Grave risks are left without a measure: {questions}.";
    CSC_STALE: Rule,
        "Contrôle de sensibilité au conflit dépassé" / "Conflict-sensitivity check stale",
        "Le projet a changé depuis le contrôle." / "The project changed after the check.";
    CSC_ANALYSIS_STALE: Rule,
        "Analyse de conflit trop ancienne" / "Conflict analysis too old",
        "L'analyse est du {analysed_on} ; elle vaut douze mois." / "The analysis is of {analysed_on}; it is good for twelve months.";
    CSC_QUESTION_INVALID: Rule,
        "Réponse sans question" / "Answer without a question",
        "Chaque question une fois ; inconnue ou répétée : {question}." / "Each question once; unknown or repeated: {question}.";
    STUDY_MISSING: Rule,
        "Étude requise" / "Study required",
        "Il manque une étude acceptée et récente : {missing}." / "An accepted and recent study is missing: {missing}.";
    STUDY_UNFAVOURABLE: Rule,
        "Étude défavorable" / "Unfavourable study",
        "Conclusion défavorable : {kinds}." / "Unfavourable conclusion: {kinds}.";
    GENDER_MARKER_REQUIRED: Rule,
        "Marqueur de genre requis" / "Gender marker required",
        "L'instrument demande un marqueur de genre de {minimum} à {maximum}." /
        "The instrument asks for a gender marker from {minimum} to {maximum}.";
    RISK_MARKER_REQUIRED: Rule,
        "Marqueur de risque requis" / "Risk marker required",
        "L'instrument demande un marqueur de risque." / "The instrument asks for a risk marker.";
    ELIGIBILITY_EXPIRED: Rule,
        "Pas d'éligibilité en vigueur" / "No eligibility in force",
        "Au-delà de {above} {currency}, le pays doit être éligible ; il l'était jusqu'au {until}." /
        "Above {above} {currency} the country has to be eligible; it was so until {until}.";
    SOD_VIOLATION: Forbidden,
        "Fonctions inconciliables" / "Duties kept apart",
        "La tâche {duty} ne se cumule pas, sur le même projet, avec la tâche {held}." /
        "The duty {duty} is kept apart, on the same project, from the duty {held}.";
    CONFLICT_OF_INTEREST: Forbidden,
        "Conflit d'intérêts" / "Conflict of interest",
        "Qui a déclaré un intérêt au projet n'en juge pas." / "Whoever declared an interest in the project does not judge it.";
    INTEREST_DECLARED: Conflict,
        "Intérêt déjà déclaré" / "Interest already declared",
        "Cet intérêt est déjà déclaré." / "This interest is declared already.";
    APPRAISAL_DUPLICATE: Conflict,
        "Avis déjà rendu" / "Appraisal already given",
        "Chacun rend un avis par soumission." / "Each gives one appraisal of a submission.";
    COMMITTEE_DUPLICATE: Conflict,
        "Comité déjà enregistré" / "Committee already recorded",
        "Un comité porte déjà le nom {name}." / "A committee already bears the name {name}.";
    COMMITTEE_INVALID: Rule,
        "Comité invalide" / "Invalid committee",
        "Quorum : {quorum}, plus de la moitié des {members} membres, chacun nommé une fois." /
        "Quorum: {quorum}; more than half of the {members} members, each named once.";
    COMMITTEE_ATTENDANCE_INVALID: Rule,
        "Présence invalide" / "Invalid attendance",
        "Seuls les membres du comité sont présents ou se récusent." / "Only members of the committee are present or stand back.";
    COMMITTEE_VOTER_INELIGIBLE: Rule,
        "Présent sans droit de vote" / "Present without a vote",
        "Cette personne ne peut voter sur le projet ({reason}) : elle se récuse, ou n'est pas comptée présente." /
        "This person may not vote on the project ({reason}): they stand back, or are not counted as present.";
    QUORUM: Rule,
        "Quorum non atteint" / "No quorum",
        "Votants : {voters} ; quorum : {quorum}. Qui se récuse ne compte pas." /
        "Voters: {voters}; quorum: {quorum}. Who stands back does not count.";
    MOTION_OPEN: Conflict,
        "Motion en cours" / "Motion pending",
        "Une motion sur ce projet attend des votes." / "A motion on this project waits for votes.";
    MOTION_DECIDED: Conflict,
        "Motion déjà tranchée" / "Motion already decided",
        "La motion est {state}." / "The motion is {state}.";
    MOTION_DECIDABLE: Conflict,
        "Motion encore décidable" / "Motion still to be decided",
        "La motion peut encore être adoptée : {for} voix pour, {able} membres peuvent encore voter, sur {voters} votants." /
        "The motion can still be carried: {for} votes for it, {able} members may still vote, of {voters} voters.";
    VOTER_ABSENT: Forbidden,
        "Pas parmi les votants" / "Not among the voters",
        "Seuls les membres présents qui ne se sont pas récusés votent." / "Only members who are present and did not stand back vote.";
    TERMINATION_UNDECIDED: Rule,
        "Résiliation non décidée" / "Termination not decided",
        "La dernière motion adoptée sur le projet n'est pas sa résiliation, décidée le {held_on} selon {minutes_reference}." /
        "The last motion carried on the project is not one to terminate it, decided on {held_on} as told by {minutes_reference}.";
    VOTE_DUPLICATE: Conflict,
        "Vote déjà exprimé" / "Vote already cast",
        "Chaque membre vote une fois." / "Each member votes once.";
    REASON_REQUIRED: Rule,
        "Motif requis" / "Reason required",
        "Un rejet dit son motif, les autres motions n'en ont pas." / "A rejection tells its reason; other motions have none.";
}

words! {
    /// The state of a project.
    pub enum ProjectState {
        /// Brouillon.
        Draft = "draft",
        /// Soumis: the rules of its instrument are pinned.
        Submitted = "submitted",
        /// En instruction.
        UnderReview = "under_review",
        /// Returned to its proponent.
        Returned = "returned",
        /// Recommended to the committee.
        Recommended = "recommended",
        /// Approuvé.
        Approved = "approved",
        /// Its agreement is signed.
        Contracted = "contracted",
        /// En cours.
        Active = "active",
        /// Suspendu.
        Suspended = "suspended",
        /// The work is done.
        PhysicallyCompleted = "physically_completed",
        /// Given over to those for whom it was made (remis).
        HandedOver = "handed_over",
        /// Nothing is left to be done but accounts.
        OperationallyClosed = "operationally_closed",
        /// The accounts are closed.
        FinanciallyClosed = "financially_closed",
        /// Rejected by the committee.
        Rejected = "rejected",
        /// Withdrawn by its proponent.
        Withdrawn = "withdrawn",
        /// Annulé: given up before any payment.
        Cancelled = "cancelled",
        /// Résilié: ended after payments.
        Terminated = "terminated",
    }
}

words! {
    /// As what an approved project is counted.
    pub enum StateClass {
        /// Approved, not begun.
        NotStarted = "not_started",
        /// Under way.
        Ongoing = "ongoing",
        /// Done.
        Completed = "completed",
        /// Given up after the approval.
        Cancelled = "cancelled",
    }
}

words! {
    /// What is done to a project.
    pub enum ProjectAction {
        /// Draft it.
        Create = "create",
        /// Submit it.
        Submit = "submit",
        /// Screen it and begin its review.
        StartReview = "start_review",
        /// Return it to its proponent.
        Return = "return",
        /// Recommend it to the committee.
        Recommend = "recommend",
        /// Approve it.
        Approve = "approve",
        /// Reject it.
        Reject = "reject",
        /// Withdraw it.
        Withdraw = "withdraw",
        /// Sign its agreement.
        Sign = "sign",
        /// Begin it.
        Start = "start",
        /// Suspend it.
        Suspend = "suspend",
        /// Resume it.
        Resume = "resume",
        /// Say that the work is done.
        Complete = "complete",
        /// Hand over what was made.
        HandOver = "hand_over",
        /// Close its work.
        CloseOperational = "close_operational",
        /// Close its accounts.
        CloseFinancial = "close_financial",
        /// Give it up before any payment.
        Cancel = "cancel",
        /// End it after payments.
        Terminate = "terminate",
    }
}

words! {
    /// Why a project is rejected.
    pub enum ProjectRejectionReason {
        /// It does not serve the community.
        NotCommunityInterest = "not_community_interest",
        /// Who carries it out is no legal person.
        NoLegalPersonality = "no_legal_personality",
        /// It is done already, or by others.
        Duplicate = "duplicate",
        /// It asks for too much.
        OverCeiling = "over_ceiling",
        /// It builds no confidence.
        NotConfidenceBuilding = "not_confidence_building",
        /// It cannot be done safely.
        Security = "security",
        /// Another reason.
        Other = "other",
    }
}

/// One line of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    pub action: ProjectAction,
    /// Nothing, for what makes a project.
    pub from: &'static [ProjectState],
    pub to: ProjectState,
    pub duty: Duty,
    pub guards: &'static [Guard],
}

use Guard as G;
use ProjectAction as A;
use ProjectState as S;

/// The machine: every way from one state to another.
pub const TRANSITIONS: &[Transition] = &[
    Transition { action: A::Create, from: &[], to: S::Draft, duty: Duty::Proponent, guards: &[G::Requester] },
    Transition {
        action: A::Submit,
        from: &[S::Draft, S::Returned],
        to: S::Submitted,
        duty: Duty::Proponent,
        guards: &[
            G::Requester,
            G::Splits,
            G::Budget,
            G::Ceiling,
            G::Duration,
            G::Area,
            G::Need,
            G::Implementer,
            G::Overhead,
            G::Recipients,
        ],
    },
    Transition { action: A::StartReview, from: &[S::Submitted], to: S::UnderReview, duty: Duty::ProgrammeOfficer, guards: &[G::Overlaps] },
    Transition { action: A::Return, from: &[S::UnderReview], to: S::Returned, duty: Duty::ProgrammeOfficer, guards: &[] },
    Transition {
        action: A::Recommend,
        from: &[S::UnderReview],
        to: S::Recommended,
        duty: Duty::TechnicalReviewer,
        // What only a revision can put right is asked for here, where the project can still be returned.
        guards: &[G::Appraisals, G::ConflictCheck, G::Studies, G::FundPurpose, G::GenderMarker, G::RiskMarker],
    },
    Transition {
        action: A::Approve,
        from: &[S::Recommended],
        to: S::Approved,
        duty: Duty::CommitteeMember,
        guards: &[
            G::Ceiling,
            G::Overlaps,
            G::Funds,
            G::ConflictCheck,
            G::Studies,
            G::GenderMarker,
            G::RiskMarker,
            G::Eligibility,
            G::Recipients,
        ],
    },
    Transition { action: A::Reject, from: &[S::UnderReview, S::Recommended], to: S::Rejected, duty: Duty::CommitteeMember, guards: &[] },
    Transition {
        action: A::Withdraw,
        from: &[S::Draft, S::Submitted, S::UnderReview, S::Returned, S::Recommended],
        to: S::Withdrawn,
        duty: Duty::Proponent,
        guards: &[],
    },
    Transition { action: A::Sign, from: &[S::Approved], to: S::Contracted, duty: Duty::Signatory, guards: &[G::Agreement] },
    Transition { action: A::Start, from: &[S::Contracted], to: S::Active, duty: Duty::ProgrammeManager, guards: &[G::FirstPayment] },
    Transition { action: A::Suspend, from: &[S::Active], to: S::Suspended, duty: Duty::ProgrammeManager, guards: &[] },
    Transition { action: A::Resume, from: &[S::Suspended], to: S::Active, duty: Duty::CommitteeMember, guards: &[] },
    Transition { action: A::Complete, from: &[S::Active], to: S::PhysicallyCompleted, duty: Duty::FocalPoint, guards: &[G::Outputs] },
    Transition {
        action: A::HandOver,
        from: &[S::PhysicallyCompleted],
        to: S::HandedOver,
        duty: Duty::FocalPoint,
        guards: &[G::Certificate],
    },
    Transition {
        action: A::CloseOperational,
        from: &[S::PhysicallyCompleted, S::HandedOver],
        to: S::OperationallyClosed,
        duty: Duty::ProgrammeManager,
        guards: &[G::FinalNarrative],
    },
    Transition {
        action: A::CloseFinancial,
        from: &[S::OperationallyClosed],
        to: S::FinanciallyClosed,
        duty: Duty::FinanceApprover,
        guards: &[G::FinalAccounts],
    },
    Transition {
        action: A::Cancel,
        from: &[S::Approved, S::Contracted],
        to: S::Cancelled,
        duty: Duty::CommitteeMember,
        guards: &[G::Unpaid, G::Released],
    },
    Transition {
        action: A::Terminate,
        from: &[S::Active, S::Suspended],
        to: S::Terminated,
        duty: Duty::CommitteeMember,
        guards: &[G::Settlement],
    },
];

impl ProjectAction {
    /// The line of the machine; each action has one.
    pub fn transition(self) -> Option<&'static Transition> {
        TRANSITIONS.iter().find(|transition| transition.action == self)
    }
}

impl ProjectState {
    /// As what a project in this state is counted, if it was ever approved.
    pub fn class(self) -> Option<StateClass> {
        match self {
            S::Draft | S::Submitted | S::UnderReview | S::Returned | S::Recommended | S::Rejected | S::Withdrawn => None,
            S::Approved | S::Contracted => Some(StateClass::NotStarted),
            S::Active | S::Suspended | S::PhysicallyCompleted => Some(StateClass::Ongoing),
            S::HandedOver | S::OperationallyClosed | S::FinanciallyClosed => Some(StateClass::Completed),
            S::Cancelled | S::Terminated => Some(StateClass::Cancelled),
        }
    }

    /// Whether it was given up before anything was paid: what was set aside for it is free for another.
    pub fn is_given_up(self) -> bool {
        matches!(self, S::Rejected | S::Withdrawn | S::Cancelled)
    }

    /// Whether what it asks for may still be changed.
    pub fn is_editable(self) -> bool {
        matches!(self, S::Draft | S::Returned)
    }

    /// Nothing leads out of it.
    pub fn is_final(self) -> bool {
        self.transitions().next().is_none()
    }

    /// The ways out of it.
    pub fn transitions(self) -> impl Iterator<Item = &'static Transition> {
        TRANSITIONS.iter().filter(move |transition| transition.from.contains(&self))
    }

    /// The way of an action from this state, or a refusal that names what is possible.
    pub fn act(self, action: ProjectAction) -> Result<&'static Transition, Refusal> {
        let mut ways = self.transitions();
        if let Some(way) = ways.find(|way| way.action == action) {
            return Ok(way);
        }
        self.require_open().and(Err(self.refuse()))
    }

    fn refuse(self) -> Refusal {
        let allowed: Vec<String> = self.transitions().map(|way| way.action.as_str().to_owned()).collect();
        PROJECT_STATE_INVALID.refuse().with("state", self).with("allowed", allowed)
    }

    /// Refuses what would be added to a project that is over.
    pub fn require_open(self) -> Result<(), Refusal> {
        if self.is_final() { Err(CLOSED_IMMUTABLE.refuse().with("state", self)) } else { Ok(()) }
    }

    /// Refuses to change what a project asks for when it is with others.
    pub fn require_editable(self) -> Result<(), Refusal> {
        self.change(None).map(drop)
    }
}

#[cfg(test)]
mod tests;
