//! The tables of the fund room.

tables! {
    fund_terms (vocabulary, code) {
        vocabulary -> Vocabulary,
        code -> Text,
        label_en -> Text,
        label_fr -> Text,
        dac_code -> Nullable<Text>,
        sdg_targets -> Text,
        confidence -> Vocabulary,
        source -> Text,
        secondary_dac_codes -> Text,
    }

    donors (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        code -> Text,
        name -> Text,
        kind -> Vocabulary,
        country -> Nullable<Text>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    donor_names (organisation_id, folded) {
        organisation_id -> Identity,
        folded -> Text,
        donor_id -> Identity,
        name -> Text,
    }

    exchange_rates (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        base -> Text,
        quote -> Text,
        nanos -> BigInt,
        valid_on -> Date,
        kind -> Vocabulary,
        source -> Text,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    funds (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        code -> Text,
        name -> Text,
        kind -> Vocabulary,
        currency -> Text,
        legal_basis -> Nullable<Text>,
        fee_bps -> Integer,
        source -> Nullable<Text>,
        closed_until -> Nullable<Date>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
        indirect_bps_max -> Nullable<Integer>,
        residual_max -> BigInt,
        starts_on -> Nullable<Date>,
        ends_on -> Nullable<Date>,
    }

    fund_phases (organisation_id, fund_id, number) {
        organisation_id -> Identity,
        fund_id -> Identity,
        number -> Integer,
        name -> Text,
        envelope -> BigInt,
        themes -> Text,
    }

    contributions (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fund_id -> Identity,
        donor_id -> Nullable<Identity>,
        kind -> Vocabulary,
        reference -> Text,
        currency -> Text,
        pledged -> BigInt,
        committed -> BigInt,
        received -> BigInt,
        written_off -> BigInt,
        value -> BigInt,
        charged -> BigInt,
        repaid -> BigInt,
        allocated -> BigInt,
        disbursed -> BigInt,
        spent -> BigInt,
        returned -> BigInt,
        fee_bps -> Nullable<Integer>,
        agreement_reference -> Nullable<Text>,
        agreed_on -> Nullable<Date>,
        first_received_on -> Nullable<Date>,
        ends_on -> Nullable<Date>,
        note -> Nullable<Text>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
        passed_on -> BigInt,
        held -> BigInt,
    }

    contribution_instalments (organisation_id, contribution_id, number) {
        organisation_id -> Identity,
        contribution_id -> Identity,
        number -> Integer,
        due_on -> Date,
        amount -> BigInt,
    }

    earmarks (organisation_id, contribution_id) {
        organisation_id -> Identity,
        contribution_id -> Identity,
        gender_marker_min -> Nullable<Integer>,
        minimum_purposes -> Nullable<Integer>,
        cap_bps -> Nullable<Integer>,
    }

    earmark_terms (organisation_id, contribution_id, dimension, term) {
        organisation_id -> Identity,
        contribution_id -> Identity,
        dimension -> Vocabulary,
        term -> Text,
    }

    fund_purposes (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fund_id -> Identity,
        reference -> Text,
        title -> Text,
        folded_title -> Text,
        sector -> Text,
        objective -> Nullable<Text>,
        instrument -> Nullable<Text>,
        gender_marker -> Nullable<Integer>,
        budget -> BigInt,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
        indirect_bps -> Integer,
        closed_on -> Nullable<Date>,
        held -> Bool,
    }

    fund_purpose_places (organisation_id, purpose_id, territorial_unit_id) {
        organisation_id -> Identity,
        purpose_id -> Identity,
        territorial_unit_id -> Identity,
        bps -> Integer,
    }

    fund_allocations (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fund_id -> Identity,
        purpose_id -> Identity,
        amount -> BigInt,
        decision_reference -> Text,
        decided_on -> Date,
        decided_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    fund_allocation_lines (organisation_id, allocation_id, contribution_id) {
        organisation_id -> Identity,
        allocation_id -> Identity,
        contribution_id -> Identity,
        pooled -> Bool,
        amount -> BigInt,
        released -> BigInt,
        disbursed -> BigInt,
        spent -> BigInt,
        returned -> BigInt,
        passed_on -> BigInt,
    }

    fund_movements (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fund_id -> Identity,
        contribution_id -> Identity,
        act_id -> Identity,
        kind -> Vocabulary,
        moved_on -> Date,
        amount -> BigInt,
        value -> BigInt,
        exchange_rate_id -> Nullable<Identity>,
        allocation_id -> Nullable<Identity>,
        purpose_id -> Nullable<Identity>,
        reference -> Nullable<Text>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    contribution_goods (organisation_id, contribution_id, number) {
        organisation_id -> Identity,
        contribution_id -> Identity,
        number -> Integer,
        description -> Text,
        quantity -> Integer,
        amount -> BigInt,
    }

    fund_reports (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fund_id -> Identity,
        source -> Text,
        as_of -> Date,
        unit -> BigInt,
        allocated_bps -> Nullable<Integer>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    fund_report_figures (organisation_id, report_id, figure) {
        organisation_id -> Identity,
        report_id -> Identity,
        figure -> Vocabulary,
        amount -> BigInt,
    }

    fund_report_donors (organisation_id, report_id, name) {
        organisation_id -> Identity,
        report_id -> Identity,
        name -> Text,
    }
}
