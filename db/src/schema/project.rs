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
        nature -> Vocabulary,
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

    project_overlaps (organisation_id, project_id, other_id, number) {
        organisation_id -> Identity,
        project_id -> Identity,
        other_id -> Identity,
        number -> Integer,
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
        ceiling_waived -> Bool,
        lapse_reason -> Nullable<Text>,
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

    project_agreements (organisation_id, project_id) {
        organisation_id -> Identity,
        project_id -> Identity,
        kind -> Vocabulary,
        reference -> Text,
        supplier_id -> Identity,
        amount -> BigInt,
        channel -> Vocabulary,
        receiver_id -> Nullable<Identity>,
        revenue_code -> Nullable<Text>,
        expenditure_code -> Nullable<Text>,
        account_ending -> Text,
        account_sha256 -> Nullable<Text>,
        account_verified_by -> Nullable<Identity>,
        account_verified_on -> Nullable<Date>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        partner_signatory_id -> Nullable<Identity>,
    }

    project_tranches (organisation_id, project_id, number) {
        organisation_id -> Identity,
        project_id -> Identity,
        number -> Integer,
        bps -> Nullable<Integer>,
        amount -> BigInt,
        planned_on -> Nullable<Date>,
        recipient_number -> Nullable<Integer>,
    }

    project_signatures (organisation_id, project_id, side) {
        organisation_id -> Identity,
        project_id -> Identity,
        side -> Vocabulary,
        signed_by -> Identity,
        signed_on -> Date,
        document_sha256 -> Text,
        recorded_at -> Instant,
    }

    project_disbursements (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        project_id -> Identity,
        tranche -> Integer,
        amount -> BigInt,
        state -> Vocabulary,
        requested_by -> Identity,
        requested_on -> Date,
        certified_by -> Nullable<Identity>,
        certified_on -> Nullable<Date>,
        approved_by -> Nullable<Identity>,
        approved_on -> Nullable<Date>,
        paid_by -> Nullable<Identity>,
        paid_on -> Nullable<Date>,
        bank_reference -> Nullable<Text>,
        act_id -> Nullable<Identity>,
        ended_by -> Nullable<Identity>,
        ended_on -> Nullable<Date>,
        reason -> Nullable<Text>,
        recorded_at -> Instant,
        version -> BigInt,
    }

    project_expenditure_reports (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        project_id -> Identity,
        number -> Integer,
        period_from -> Date,
        period_to -> Date,
        closing -> Bool,
        amount -> BigInt,
        document_sha256 -> Text,
        state -> Vocabulary,
        submitted_by -> Identity,
        submitted_on -> Date,
        certified_by -> Nullable<Identity>,
        certified_on -> Nullable<Date>,
        accepted_by -> Nullable<Identity>,
        accepted_on -> Nullable<Date>,
        ended_by -> Nullable<Identity>,
        ended_on -> Nullable<Date>,
        reason -> Nullable<Text>,
        recorded_at -> Instant,
        version -> BigInt,
        recipient_number -> Nullable<Integer>,
    }

    project_report_lines (organisation_id, report_id, number) {
        organisation_id -> Identity,
        report_id -> Identity,
        number -> Integer,
        category -> Vocabulary,
        description -> Text,
        amount -> BigInt,
    }

    project_refunds (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        project_id -> Identity,
        amount -> BigInt,
        received_on -> Date,
        bank_reference -> Text,
        act_id -> Identity,
        recorded_by -> Identity,
        recorded_at -> Instant,
        recipient_number -> Nullable<Integer>,
    }

    project_settlements (organisation_id, project_id) {
        organisation_id -> Identity,
        project_id -> Identity,
        disbursed -> BigInt,
        accepted -> BigInt,
        refunded -> BigInt,
        rest -> BigInt,
        due_on -> Nullable<Date>,
        recorded_by -> Identity,
        recorded_at -> Instant,
    }

    project_studies (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, kind -> Vocabulary, title -> Text,
        author -> Text, conclusion -> Vocabulary, document_reference -> Text, document_sha256 -> Text, state -> Vocabulary,
        recorded_by -> Identity, recorded_at -> Instant, judged_by -> Nullable<Identity>, judged_on -> Nullable<Date>,
    }

    project_milestones (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, kind -> Vocabulary, title -> Text,
        due_on -> Date, condition_of -> Nullable<Text>, tranche -> Nullable<Integer>, state -> Vocabulary,
        reason -> Nullable<Text>, recorded_by -> Identity, recorded_at -> Instant, verified_by -> Nullable<Identity>,
        verified_on -> Nullable<Date>, superseded_by -> Nullable<Identity>,
    }

    milestone_evidence (organisation_id, project_id, milestone_number, number) {
        organisation_id -> Identity, project_id -> Identity, milestone_number -> Integer, number -> Integer,
        document_reference -> Text, document_sha256 -> Text, recorded_by -> Identity, recorded_at -> Instant,
    }

    monitoring_visits (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, visited_on -> Date, modality -> Vocabulary,
        physical_progress_bps -> Integer, next_action -> Nullable<Text>, document_reference -> Text, document_sha256 -> Text,
        recorded_by -> Identity, recorded_at -> Instant,
    }

    visit_members (organisation_id, project_id, visit_number, number) {
        organisation_id -> Identity, project_id -> Identity, visit_number -> Integer, number -> Integer, represents -> Text,
        function -> Text,
    }

    visit_findings (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, visit_number -> Integer, severity -> Vocabulary,
        description -> Text, corrective_action -> Text, owner -> Text, due_on -> Date, state -> Vocabulary,
        resolution -> Nullable<Text>, closed_by -> Nullable<Identity>, closed_on -> Nullable<Date>,
    }

    project_suspensions (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, reason -> Vocabulary, explanation -> Text,
        suspended_on -> Date, resumed_on -> Nullable<Date>, motion_id -> Nullable<Identity>, recorded_by -> Identity,
        recorded_at -> Instant,
    }

    project_amendments (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, kind -> Vocabulary, state -> Vocabulary,
        requested_on -> Date, reason -> Text, waiver_reference -> Nullable<Text>, makes_check_stale -> Bool,
        ends_on_before -> Date, ends_on_after -> Date, budget_before -> BigInt, budget_after -> BigInt,
        objective_before -> Text, objective_after -> Text, implementer_kind_before -> Nullable<Vocabulary>,
        supplier_id_before -> Nullable<Identity>, implementer_kind_after -> Nullable<Vocabulary>,
        supplier_id_after -> Nullable<Identity>, recorded_by -> Identity, recorded_at -> Instant,
        reviewed_by -> Nullable<Identity>, reviewed_on -> Nullable<Date>, decided_by -> Nullable<Identity>,
        decided_on -> Nullable<Date>, minutes_reference -> Nullable<Text>, minutes_on -> Nullable<Date>,
        applied_by -> Nullable<Identity>, applied_at -> Nullable<Instant>,
    }

    amendment_lines (organisation_id, project_id, amendment_number, side, number) {
        organisation_id -> Identity, project_id -> Identity, amendment_number -> Integer, side -> Text, number -> Integer,
        category -> Vocabulary, description -> Text, amount -> BigInt,
    }

    amendment_places (organisation_id, project_id, amendment_number, side, term) {
        organisation_id -> Identity, project_id -> Identity, amendment_number -> Integer, side -> Text, term -> Text,
        bps -> Integer,
    }

    project_ceremonies (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, kind -> Vocabulary, held_on -> Date,
        territorial_unit_id -> Identity, chair -> Text, assisted_by -> Nullable<Text>, public_link -> Nullable<Text>,
        recorded_by -> Identity, recorded_at -> Instant,
    }

    ceremony_attendances (organisation_id, project_id, ceremony_number, number) {
        organisation_id -> Identity, project_id -> Identity, ceremony_number -> Integer, number -> Integer, represents -> Text,
        function -> Text,
    }

    handover_certificates (organisation_id, project_id) {
        organisation_id -> Identity, project_id -> Identity, reference -> Text, recipient_kind -> Vocabulary, condition -> Text,
        maintained_by -> Text, maintenance_plan -> Text, currency -> Text, recorded_by -> Identity, recorded_at -> Instant,
    }

    handover_assets (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, kind -> Vocabulary, description -> Text,
        quantity -> Integer, unit_value -> BigInt,
    }

    handover_signatures (organisation_id, project_id, side) {
        organisation_id -> Identity, project_id -> Identity, side -> Vocabulary, represents -> Text, folded_represents -> Text,
        function -> Text, signed_on -> Date, document_reference -> Text, document_sha256 -> Text, recorded_by -> Identity,
        recorded_at -> Instant,
    }

    municipal_assets (organisation_id, id) {
        organisation_id -> Identity, id -> Identity, project_id -> Identity, number -> Integer, kind -> Vocabulary,
        description -> Text, quantity -> Integer, unit_value -> BigInt, value -> BigInt, currency -> Text, entered_on -> Date,
        maintained_by -> Text, recorded_by -> Identity, recorded_at -> Instant, sensitivity -> Integer,
    }

    project_lessons (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, theme -> Text, lesson -> Text,
        recorded_by -> Identity, recorded_at -> Instant,
    }

    project_narratives (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, document_reference -> Text,
        document_sha256 -> Text, submitted_by -> Identity, submitted_on -> Date, accepted_by -> Nullable<Identity>,
        accepted_on -> Nullable<Date>,
    }

    project_indicators (organisation_id, project_id, number) {
        organisation_id -> Identity, project_id -> Identity, number -> Integer, title -> Text, measure -> Vocabulary,
        unit -> Text, baseline -> Nullable<BigInt>, target -> Nullable<BigInt>, recorded_by -> Identity, recorded_at -> Instant,
    }

    indicator_periods (organisation_id, project_id, indicator_number, number) {
        organisation_id -> Identity, project_id -> Identity, indicator_number -> Integer, number -> Integer, starts_on -> Date,
        ends_on -> Date, locked_by -> Nullable<Identity>, locked_on -> Nullable<Date>,
    }

    indicator_values (organisation_id, project_id, indicator_number, period_number, sex, age_band) {
        organisation_id -> Identity, project_id -> Identity, indicator_number -> Integer, period_number -> Integer,
        sex -> Vocabulary, age_band -> Vocabulary, measure -> Vocabulary, numerator -> Nullable<BigInt>,
        denominator -> Nullable<BigInt>, description -> Nullable<Text>, state -> Vocabulary, reason -> Nullable<Text>,
        recorded_by -> Identity, recorded_at -> Instant, judged_by -> Nullable<Identity>, judged_on -> Nullable<Date>,
    }

    project_sites (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        project_id -> Identity,
        unit_id -> Identity,
        name -> Text,
        longitude -> Integer,
        latitude -> Integer,
        outside_reason -> Nullable<Text>,
        recorded_by -> Identity,
        recorded_at -> Instant,
    }

    project_conversions (organisation_id, project_id, submission, action) {
        organisation_id -> Identity,
        project_id -> Identity,
        submission -> Integer,
        action -> Vocabulary,
        exchange_rate_id -> Identity,
        amount -> BigInt,
        converted -> BigInt,
        currency -> Text,
        recorded_at -> Instant,
    }

    project_recipients (organisation_id, project_id, number) {
        organisation_id -> Identity,
        project_id -> Identity,
        number -> Integer,
        kind -> Vocabulary,
        supplier_id -> Identity,
        part -> BigInt,
    }

    project_flags (organisation_id, project_id, code) {
        organisation_id -> Identity,
        project_id -> Identity,
        code -> Text,
        legend -> Nullable<Text>,
    }

    project_publications (organisation_id, project_id, number) {
        organisation_id -> Identity,
        project_id -> Identity,
        number -> Integer,
        state -> Vocabulary,
        summary -> Text,
        summary_sha256 -> Text,
        published_by -> Identity,
        published_on -> Date,
        withdrawn_by -> Nullable<Identity>,
        withdrawn_on -> Nullable<Date>,
        withdrawal_reason -> Nullable<Text>,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }
}
