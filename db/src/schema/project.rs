//! The tables of the project room.

tables! {
    incompatible_duties (duty, other) {
        duty -> Vocabulary,
        other -> Vocabulary,
    }

    committees (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        name -> Text,
        quorum -> Integer,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    committee_members (organisation_id, committee_id, principal_id) {
        organisation_id -> Identity,
        committee_id -> Identity,
        principal_id -> Identity,
    }

    projects (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        reference -> Text,
        title -> Text,
        folded_title -> Text,
        objective -> Text,
        instrument -> Vocabulary,
        programme_id -> Nullable<Identity>,
        rule_set_version -> Nullable<Integer>,
        state -> Vocabulary,
        area -> Nullable<Text>,
        requester_kind -> Vocabulary,
        requester -> Text,
        implementer_kind -> Nullable<Vocabulary>,
        supplier_id -> Nullable<Identity>,
        fund_purpose_id -> Nullable<Identity>,
        currency -> Text,
        budget -> BigInt,
        starts_on -> Date,
        ends_on -> Date,
        gender_marker -> Nullable<Integer>,
        risk_marker -> Nullable<Integer>,
        submission -> Integer,
        approved_on -> Nullable<Date>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    project_shares (organisation_id, project_id, dimension, term) {
        organisation_id -> Identity,
        project_id -> Identity,
        dimension -> Vocabulary,
        term -> Text,
        bps -> Integer,
    }

    project_budget_lines (organisation_id, project_id, number) {
        organisation_id -> Identity,
        project_id -> Identity,
        number -> Integer,
        category -> Vocabulary,
        description -> Text,
        amount -> BigInt,
    }

    project_needs (organisation_id, project_id, need_id) {
        organisation_id -> Identity,
        project_id -> Identity,
        need_id -> Identity,
    }

    project_duties (organisation_id, project_id, principal_id, duty) {
        organisation_id -> Identity,
        project_id -> Identity,
        principal_id -> Identity,
        duty -> Vocabulary,
    }

    project_interests (organisation_id, project_id, principal_id) {
        organisation_id -> Identity,
        project_id -> Identity,
        principal_id -> Identity,
        reason -> Text,
        declared_at -> Instant,
    }

    project_overlaps (organisation_id, project_id, other_id) {
        organisation_id -> Identity,
        project_id -> Identity,
        other_id -> Identity,
        disposition -> Vocabulary,
        reason -> Text,
        reviewed_by -> Identity,
        recorded_at -> Instant,
    }

    project_appraisals (organisation_id, project_id, submission, appraised_by) {
        organisation_id -> Identity,
        project_id -> Identity,
        submission -> Integer,
        appraised_by -> Identity,
        opinion -> Vocabulary,
        comment -> Text,
        recorded_at -> Instant,
    }

    conflict_checks (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        project_id -> Identity,
        submission -> Integer,
        assessed_on -> Date,
        analysed_on -> Date,
        valid_until -> Date,
        result -> Vocabulary,
        assessed_by -> Identity,
        recorded_at -> Instant,
    }

    conflict_check_answers (organisation_id, check_id, question) {
        organisation_id -> Identity,
        check_id -> Identity,
        question -> Text,
        risk -> Integer,
        mitigation -> Nullable<Text>,
    }

    motions (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        project_id -> Identity,
        committee_id -> Identity,
        action -> Vocabulary,
        rejection_reason -> Nullable<Vocabulary>,
        held_on -> Date,
        minutes_reference -> Text,
        quorum -> Integer,
        state -> Vocabulary,
        decided_at -> Nullable<Instant>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    motion_attendances (organisation_id, motion_id, principal_id) {
        organisation_id -> Identity,
        motion_id -> Identity,
        principal_id -> Identity,
        recusal -> Nullable<Text>,
    }

    motion_votes (organisation_id, motion_id, principal_id) {
        organisation_id -> Identity,
        motion_id -> Identity,
        principal_id -> Identity,
        vote -> Vocabulary,
        recorded_at -> Instant,
    }

    project_transitions (organisation_id, project_id, number) {
        organisation_id -> Identity,
        project_id -> Identity,
        number -> Integer,
        action -> Vocabulary,
        state_before -> Nullable<Vocabulary>,
        state_after -> Vocabulary,
        rule_set_version -> Nullable<Integer>,
        reason -> Nullable<Text>,
        motion_id -> Nullable<Identity>,
        acted_by -> Identity,
        acted_on -> Date,
        recorded_at -> Instant,
    }
}
