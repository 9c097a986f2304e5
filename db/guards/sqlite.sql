-- Guards that SQLite holds itself; applied again at every start.
DROP TRIGGER IF EXISTS events_no_update;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
DROP TRIGGER IF EXISTS events_no_delete;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events is append-only'); END;
DROP TRIGGER IF EXISTS event_positions_no_update;
CREATE TRIGGER event_positions_no_update BEFORE UPDATE ON event_positions BEGIN SELECT RAISE(ABORT, 'event_positions is append-only'); END;
DROP TRIGGER IF EXISTS event_positions_no_delete;
CREATE TRIGGER event_positions_no_delete BEFORE DELETE ON event_positions BEGIN SELECT RAISE(ABORT, 'event_positions is append-only'); END;
DROP TRIGGER IF EXISTS idempotency_keys_no_update;
CREATE TRIGGER idempotency_keys_no_update BEFORE UPDATE ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'idempotency_keys is append-only'); END;
DROP TRIGGER IF EXISTS idempotency_keys_no_delete;
CREATE TRIGGER idempotency_keys_no_delete BEFORE DELETE ON idempotency_keys BEGIN SELECT RAISE(ABORT, 'idempotency_keys is append-only'); END;
DROP TRIGGER IF EXISTS access_records_no_update;
CREATE TRIGGER access_records_no_update BEFORE UPDATE ON access_records BEGIN SELECT RAISE(ABORT, 'access_records is append-only'); END;
DROP TRIGGER IF EXISTS access_records_no_delete;
CREATE TRIGGER access_records_no_delete BEFORE DELETE ON access_records BEGIN SELECT RAISE(ABORT, 'access_records is append-only'); END;
DROP TRIGGER IF EXISTS access_record_subjects_no_update;
CREATE TRIGGER access_record_subjects_no_update BEFORE UPDATE ON access_record_subjects BEGIN SELECT RAISE(ABORT, 'access_record_subjects is append-only'); END;
DROP TRIGGER IF EXISTS access_record_subjects_no_delete;
CREATE TRIGGER access_record_subjects_no_delete BEFORE DELETE ON access_record_subjects BEGIN SELECT RAISE(ABORT, 'access_record_subjects is append-only'); END;
DROP TRIGGER IF EXISTS entries_no_update;
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
DROP TRIGGER IF EXISTS entries_no_delete;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
DROP TRIGGER IF EXISTS postings_no_update;
CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings BEGIN SELECT RAISE(ABORT, 'postings is append-only'); END;
DROP TRIGGER IF EXISTS postings_no_delete;
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'postings is append-only'); END;
DROP TRIGGER IF EXISTS entry_imports_no_update;
CREATE TRIGGER entry_imports_no_update BEFORE UPDATE ON entry_imports BEGIN SELECT RAISE(ABORT, 'entry_imports is append-only'); END;
DROP TRIGGER IF EXISTS entry_imports_no_delete;
CREATE TRIGGER entry_imports_no_delete BEFORE DELETE ON entry_imports BEGIN SELECT RAISE(ABORT, 'entry_imports is append-only'); END;
DROP TRIGGER IF EXISTS batches_no_update;
CREATE TRIGGER batches_no_update BEFORE UPDATE ON batches BEGIN SELECT RAISE(ABORT, 'batches is append-only'); END;
DROP TRIGGER IF EXISTS batches_no_delete;
CREATE TRIGGER batches_no_delete BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'batches is append-only'); END;
DROP TRIGGER IF EXISTS payments_no_update;
CREATE TRIGGER payments_no_update BEFORE UPDATE ON payments BEGIN SELECT RAISE(ABORT, 'payments is append-only'); END;
DROP TRIGGER IF EXISTS payments_no_delete;
CREATE TRIGGER payments_no_delete BEFORE DELETE ON payments BEGIN SELECT RAISE(ABORT, 'payments is append-only'); END;
DROP TRIGGER IF EXISTS credit_movements_no_update;
CREATE TRIGGER credit_movements_no_update BEFORE UPDATE ON credit_movements BEGIN SELECT RAISE(ABORT, 'credit_movements is append-only'); END;
DROP TRIGGER IF EXISTS credit_movements_no_delete;
CREATE TRIGGER credit_movements_no_delete BEFORE DELETE ON credit_movements BEGIN SELECT RAISE(ABORT, 'credit_movements is append-only'); END;
DROP TRIGGER IF EXISTS regularisations_no_update;
CREATE TRIGGER regularisations_no_update BEFORE UPDATE ON regularisations BEGIN SELECT RAISE(ABORT, 'regularisations is append-only'); END;
DROP TRIGGER IF EXISTS regularisations_no_delete;
CREATE TRIGGER regularisations_no_delete BEFORE DELETE ON regularisations BEGIN SELECT RAISE(ABORT, 'regularisations is append-only'); END;
DROP TRIGGER IF EXISTS deductions_no_update;
CREATE TRIGGER deductions_no_update BEFORE UPDATE ON deductions BEGIN SELECT RAISE(ABORT, 'deductions is append-only'); END;
DROP TRIGGER IF EXISTS deductions_no_delete;
CREATE TRIGGER deductions_no_delete BEFORE DELETE ON deductions BEGIN SELECT RAISE(ABORT, 'deductions is append-only'); END;
DROP TRIGGER IF EXISTS payment_returns_no_update;
CREATE TRIGGER payment_returns_no_update BEFORE UPDATE ON payment_returns BEGIN SELECT RAISE(ABORT, 'payment_returns is append-only'); END;
DROP TRIGGER IF EXISTS payment_returns_no_delete;
CREATE TRIGGER payment_returns_no_delete BEFORE DELETE ON payment_returns BEGIN SELECT RAISE(ABORT, 'payment_returns is append-only'); END;
DROP TRIGGER IF EXISTS supporting_documents_no_update;
CREATE TRIGGER supporting_documents_no_update BEFORE UPDATE ON supporting_documents BEGIN SELECT RAISE(ABORT, 'supporting_documents is append-only'); END;
DROP TRIGGER IF EXISTS supporting_documents_no_delete;
CREATE TRIGGER supporting_documents_no_delete BEFORE DELETE ON supporting_documents BEGIN SELECT RAISE(ABORT, 'supporting_documents is append-only'); END;
DROP TRIGGER IF EXISTS holds_no_update;
CREATE TRIGGER holds_no_update BEFORE UPDATE ON holds BEGIN SELECT RAISE(ABORT, 'holds is append-only'); END;
DROP TRIGGER IF EXISTS holds_no_delete;
CREATE TRIGGER holds_no_delete BEFORE DELETE ON holds BEGIN SELECT RAISE(ABORT, 'holds is append-only'); END;
DROP TRIGGER IF EXISTS requisitions_no_update;
CREATE TRIGGER requisitions_no_update BEFORE UPDATE ON requisitions BEGIN SELECT RAISE(ABORT, 'requisitions is append-only'); END;
DROP TRIGGER IF EXISTS requisitions_no_delete;
CREATE TRIGGER requisitions_no_delete BEFORE DELETE ON requisitions BEGIN SELECT RAISE(ABORT, 'requisitions is append-only'); END;
DROP TRIGGER IF EXISTS cash_movements_no_update;
CREATE TRIGGER cash_movements_no_update BEFORE UPDATE ON cash_movements BEGIN SELECT RAISE(ABORT, 'cash_movements is append-only'); END;
DROP TRIGGER IF EXISTS cash_movements_no_delete;
CREATE TRIGGER cash_movements_no_delete BEFORE DELETE ON cash_movements BEGIN SELECT RAISE(ABORT, 'cash_movements is append-only'); END;
DROP TRIGGER IF EXISTS justification_slip_expenses_no_update;
CREATE TRIGGER justification_slip_expenses_no_update BEFORE UPDATE ON justification_slip_expenses BEGIN SELECT RAISE(ABORT, 'justification_slip_expenses is append-only'); END;
DROP TRIGGER IF EXISTS justification_slip_expenses_no_delete;
CREATE TRIGGER justification_slip_expenses_no_delete BEFORE DELETE ON justification_slip_expenses BEGIN SELECT RAISE(ABORT, 'justification_slip_expenses is append-only'); END;
DROP TRIGGER IF EXISTS cash_inspections_no_update;
CREATE TRIGGER cash_inspections_no_update BEFORE UPDATE ON cash_inspections BEGIN SELECT RAISE(ABORT, 'cash_inspections is append-only'); END;
DROP TRIGGER IF EXISTS cash_inspections_no_delete;
CREATE TRIGGER cash_inspections_no_delete BEFORE DELETE ON cash_inspections BEGIN SELECT RAISE(ABORT, 'cash_inspections is append-only'); END;
DROP TRIGGER IF EXISTS ticket_movements_no_update;
CREATE TRIGGER ticket_movements_no_update BEFORE UPDATE ON ticket_movements BEGIN SELECT RAISE(ABORT, 'ticket_movements is append-only'); END;
DROP TRIGGER IF EXISTS ticket_movements_no_delete;
CREATE TRIGGER ticket_movements_no_delete BEFORE DELETE ON ticket_movements BEGIN SELECT RAISE(ABORT, 'ticket_movements is append-only'); END;
DROP TRIGGER IF EXISTS revenue_movements_no_update;
CREATE TRIGGER revenue_movements_no_update BEFORE UPDATE ON revenue_movements BEGIN SELECT RAISE(ABORT, 'revenue_movements is append-only'); END;
DROP TRIGGER IF EXISTS revenue_movements_no_delete;
CREATE TRIGGER revenue_movements_no_delete BEFORE DELETE ON revenue_movements BEGIN SELECT RAISE(ABORT, 'revenue_movements is append-only'); END;
DROP TRIGGER IF EXISTS levy_authorisations_no_update;
CREATE TRIGGER levy_authorisations_no_update BEFORE UPDATE ON levy_authorisations BEGIN SELECT RAISE(ABORT, 'levy_authorisations is append-only'); END;
DROP TRIGGER IF EXISTS levy_authorisations_no_delete;
CREATE TRIGGER levy_authorisations_no_delete BEFORE DELETE ON levy_authorisations BEGIN SELECT RAISE(ABORT, 'levy_authorisations is append-only'); END;
DROP TRIGGER IF EXISTS receipts_no_update;
CREATE TRIGGER receipts_no_update BEFORE UPDATE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts is append-only'); END;
DROP TRIGGER IF EXISTS receipts_no_delete;
CREATE TRIGGER receipts_no_delete BEFORE DELETE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts is append-only'); END;
DROP TRIGGER IF EXISTS receipt_cancellations_no_update;
CREATE TRIGGER receipt_cancellations_no_update BEFORE UPDATE ON receipt_cancellations BEGIN SELECT RAISE(ABORT, 'receipt_cancellations is append-only'); END;
DROP TRIGGER IF EXISTS receipt_cancellations_no_delete;
CREATE TRIGGER receipt_cancellations_no_delete BEFORE DELETE ON receipt_cancellations BEGIN SELECT RAISE(ABORT, 'receipt_cancellations is append-only'); END;
DROP TRIGGER IF EXISTS revenue_order_receipts_no_update;
CREATE TRIGGER revenue_order_receipts_no_update BEFORE UPDATE ON revenue_order_receipts BEGIN SELECT RAISE(ABORT, 'revenue_order_receipts is append-only'); END;
DROP TRIGGER IF EXISTS revenue_order_receipts_no_delete;
CREATE TRIGGER revenue_order_receipts_no_delete BEFORE DELETE ON revenue_order_receipts BEGIN SELECT RAISE(ABORT, 'revenue_order_receipts is append-only'); END;
DROP TRIGGER IF EXISTS receipt_regularisations_no_update;
CREATE TRIGGER receipt_regularisations_no_update BEFORE UPDATE ON receipt_regularisations BEGIN SELECT RAISE(ABORT, 'receipt_regularisations is append-only'); END;
DROP TRIGGER IF EXISTS receipt_regularisations_no_delete;
CREATE TRIGGER receipt_regularisations_no_delete BEFORE DELETE ON receipt_regularisations BEGIN SELECT RAISE(ABORT, 'receipt_regularisations is append-only'); END;
DROP TRIGGER IF EXISTS refunds_no_update;
CREATE TRIGGER refunds_no_update BEFORE UPDATE ON refunds BEGIN SELECT RAISE(ABORT, 'refunds is append-only'); END;
DROP TRIGGER IF EXISTS refunds_no_delete;
CREATE TRIGGER refunds_no_delete BEFORE DELETE ON refunds BEGIN SELECT RAISE(ABORT, 'refunds is append-only'); END;
DROP TRIGGER IF EXISTS transfer_notifications_no_update;
CREATE TRIGGER transfer_notifications_no_update BEFORE UPDATE ON transfer_notifications BEGIN SELECT RAISE(ABORT, 'transfer_notifications is append-only'); END;
DROP TRIGGER IF EXISTS transfer_notifications_no_delete;
CREATE TRIGGER transfer_notifications_no_delete BEFORE DELETE ON transfer_notifications BEGIN SELECT RAISE(ABORT, 'transfer_notifications is append-only'); END;
DROP TRIGGER IF EXISTS drawing_agreements_no_update;
CREATE TRIGGER drawing_agreements_no_update BEFORE UPDATE ON drawing_agreements BEGIN SELECT RAISE(ABORT, 'drawing_agreements is append-only'); END;
DROP TRIGGER IF EXISTS drawing_agreements_no_delete;
CREATE TRIGGER drawing_agreements_no_delete BEFORE DELETE ON drawing_agreements BEGIN SELECT RAISE(ABORT, 'drawing_agreements is append-only'); END;
DROP TRIGGER IF EXISTS drawing_agreement_lines_no_update;
CREATE TRIGGER drawing_agreement_lines_no_update BEFORE UPDATE ON drawing_agreement_lines BEGIN SELECT RAISE(ABORT, 'drawing_agreement_lines is append-only'); END;
DROP TRIGGER IF EXISTS drawing_agreement_lines_no_delete;
CREATE TRIGGER drawing_agreement_lines_no_delete BEFORE DELETE ON drawing_agreement_lines BEGIN SELECT RAISE(ABORT, 'drawing_agreement_lines is append-only'); END;
DROP TRIGGER IF EXISTS drawing_tranches_no_update;
CREATE TRIGGER drawing_tranches_no_update BEFORE UPDATE ON drawing_tranches BEGIN SELECT RAISE(ABORT, 'drawing_tranches is append-only'); END;
DROP TRIGGER IF EXISTS drawing_tranches_no_delete;
CREATE TRIGGER drawing_tranches_no_delete BEFORE DELETE ON drawing_tranches BEGIN SELECT RAISE(ABORT, 'drawing_tranches is append-only'); END;
DROP TRIGGER IF EXISTS drawing_justifications_no_update;
CREATE TRIGGER drawing_justifications_no_update BEFORE UPDATE ON drawing_justifications BEGIN SELECT RAISE(ABORT, 'drawing_justifications is append-only'); END;
DROP TRIGGER IF EXISTS drawing_justifications_no_delete;
CREATE TRIGGER drawing_justifications_no_delete BEFORE DELETE ON drawing_justifications BEGIN SELECT RAISE(ABORT, 'drawing_justifications is append-only'); END;
DROP TRIGGER IF EXISTS donors_no_update;
DROP TRIGGER IF EXISTS donors_no_delete;
CREATE TRIGGER donors_no_delete BEFORE DELETE ON donors BEGIN SELECT RAISE(ABORT, 'donors is append-only'); END;
DROP TRIGGER IF EXISTS donor_names_no_update;
DROP TRIGGER IF EXISTS donor_names_no_delete;
DROP TRIGGER IF EXISTS exchange_rates_no_update;
CREATE TRIGGER exchange_rates_no_update BEFORE UPDATE ON exchange_rates BEGIN SELECT RAISE(ABORT, 'exchange_rates is append-only'); END;
DROP TRIGGER IF EXISTS exchange_rates_no_delete;
CREATE TRIGGER exchange_rates_no_delete BEFORE DELETE ON exchange_rates BEGIN SELECT RAISE(ABORT, 'exchange_rates is append-only'); END;
DROP TRIGGER IF EXISTS fund_phases_no_update;
CREATE TRIGGER fund_phases_no_update BEFORE UPDATE ON fund_phases BEGIN SELECT RAISE(ABORT, 'fund_phases is append-only'); END;
DROP TRIGGER IF EXISTS fund_phases_no_delete;
CREATE TRIGGER fund_phases_no_delete BEFORE DELETE ON fund_phases BEGIN SELECT RAISE(ABORT, 'fund_phases is append-only'); END;
DROP TRIGGER IF EXISTS contribution_instalments_no_update;
CREATE TRIGGER contribution_instalments_no_update BEFORE UPDATE ON contribution_instalments BEGIN SELECT RAISE(ABORT, 'contribution_instalments is append-only'); END;
DROP TRIGGER IF EXISTS contribution_instalments_no_delete;
CREATE TRIGGER contribution_instalments_no_delete BEFORE DELETE ON contribution_instalments BEGIN SELECT RAISE(ABORT, 'contribution_instalments is append-only'); END;
DROP TRIGGER IF EXISTS earmarks_no_update;
CREATE TRIGGER earmarks_no_update BEFORE UPDATE ON earmarks BEGIN SELECT RAISE(ABORT, 'earmarks is append-only'); END;
DROP TRIGGER IF EXISTS earmarks_no_delete;
CREATE TRIGGER earmarks_no_delete BEFORE DELETE ON earmarks BEGIN SELECT RAISE(ABORT, 'earmarks is append-only'); END;
DROP TRIGGER IF EXISTS earmark_terms_no_update;
CREATE TRIGGER earmark_terms_no_update BEFORE UPDATE ON earmark_terms BEGIN SELECT RAISE(ABORT, 'earmark_terms is append-only'); END;
DROP TRIGGER IF EXISTS earmark_terms_no_delete;
CREATE TRIGGER earmark_terms_no_delete BEFORE DELETE ON earmark_terms BEGIN SELECT RAISE(ABORT, 'earmark_terms is append-only'); END;
DROP TRIGGER IF EXISTS fund_purpose_places_no_update;
CREATE TRIGGER fund_purpose_places_no_update BEFORE UPDATE ON fund_purpose_places BEGIN SELECT RAISE(ABORT, 'fund_purpose_places is append-only'); END;
DROP TRIGGER IF EXISTS fund_purpose_places_no_delete;
CREATE TRIGGER fund_purpose_places_no_delete BEFORE DELETE ON fund_purpose_places BEGIN SELECT RAISE(ABORT, 'fund_purpose_places is append-only'); END;
DROP TRIGGER IF EXISTS fund_movements_no_update;
CREATE TRIGGER fund_movements_no_update BEFORE UPDATE ON fund_movements BEGIN SELECT RAISE(ABORT, 'fund_movements is append-only'); END;
DROP TRIGGER IF EXISTS fund_movements_no_delete;
CREATE TRIGGER fund_movements_no_delete BEFORE DELETE ON fund_movements BEGIN SELECT RAISE(ABORT, 'fund_movements is append-only'); END;
DROP TRIGGER IF EXISTS contribution_goods_no_update;
CREATE TRIGGER contribution_goods_no_update BEFORE UPDATE ON contribution_goods BEGIN SELECT RAISE(ABORT, 'contribution_goods is append-only'); END;
DROP TRIGGER IF EXISTS contribution_goods_no_delete;
CREATE TRIGGER contribution_goods_no_delete BEFORE DELETE ON contribution_goods BEGIN SELECT RAISE(ABORT, 'contribution_goods is append-only'); END;
DROP TRIGGER IF EXISTS fund_reports_no_update;
CREATE TRIGGER fund_reports_no_update BEFORE UPDATE ON fund_reports BEGIN SELECT RAISE(ABORT, 'fund_reports is append-only'); END;
DROP TRIGGER IF EXISTS fund_reports_no_delete;
CREATE TRIGGER fund_reports_no_delete BEFORE DELETE ON fund_reports BEGIN SELECT RAISE(ABORT, 'fund_reports is append-only'); END;
DROP TRIGGER IF EXISTS fund_report_figures_no_update;
CREATE TRIGGER fund_report_figures_no_update BEFORE UPDATE ON fund_report_figures BEGIN SELECT RAISE(ABORT, 'fund_report_figures is append-only'); END;
DROP TRIGGER IF EXISTS fund_report_figures_no_delete;
CREATE TRIGGER fund_report_figures_no_delete BEFORE DELETE ON fund_report_figures BEGIN SELECT RAISE(ABORT, 'fund_report_figures is append-only'); END;
DROP TRIGGER IF EXISTS fund_report_donors_no_update;
CREATE TRIGGER fund_report_donors_no_update BEFORE UPDATE ON fund_report_donors BEGIN SELECT RAISE(ABORT, 'fund_report_donors is append-only'); END;
DROP TRIGGER IF EXISTS fund_report_donors_no_delete;
CREATE TRIGGER fund_report_donors_no_delete BEFORE DELETE ON fund_report_donors BEGIN SELECT RAISE(ABORT, 'fund_report_donors is append-only'); END;
DROP TRIGGER IF EXISTS consultations_no_update;
CREATE TRIGGER consultations_no_update BEFORE UPDATE ON consultations BEGIN SELECT RAISE(ABORT, 'consultations is append-only'); END;
DROP TRIGGER IF EXISTS consultations_no_delete;
CREATE TRIGGER consultations_no_delete BEFORE DELETE ON consultations BEGIN SELECT RAISE(ABORT, 'consultations is append-only'); END;
DROP TRIGGER IF EXISTS public_debates_no_update;
CREATE TRIGGER public_debates_no_update BEFORE UPDATE ON public_debates BEGIN SELECT RAISE(ABORT, 'public_debates is append-only'); END;
DROP TRIGGER IF EXISTS public_debates_no_delete;
CREATE TRIGGER public_debates_no_delete BEFORE DELETE ON public_debates BEGIN SELECT RAISE(ABORT, 'public_debates is append-only'); END;

-- A line of a voted edition never changes.
DROP TRIGGER IF EXISTS budget_lines_no_update_after_vote;
CREATE TRIGGER budget_lines_no_update_after_vote BEFORE UPDATE ON budget_lines
WHEN OLD.edition <= (SELECT voted_edition FROM budgets WHERE organisation_id = OLD.organisation_id AND id = OLD.budget_id)
BEGIN SELECT RAISE(ABORT, 'lines of a voted budget are immutable'); END;
DROP TRIGGER IF EXISTS budget_lines_no_delete_after_vote;
CREATE TRIGGER budget_lines_no_delete_after_vote BEFORE DELETE ON budget_lines
WHEN OLD.edition <= (SELECT voted_edition FROM budgets WHERE organisation_id = OLD.organisation_id AND id = OLD.budget_id)
BEGIN SELECT RAISE(ABORT, 'lines of a voted budget are immutable'); END;
DROP TRIGGER IF EXISTS budget_lines_no_insert_after_vote;
CREATE TRIGGER budget_lines_no_insert_after_vote BEFORE INSERT ON budget_lines
WHEN NEW.edition <= (SELECT voted_edition FROM budgets WHERE organisation_id = NEW.organisation_id AND id = NEW.budget_id)
BEGIN SELECT RAISE(ABORT, 'lines of a voted budget are immutable'); END;
DROP TRIGGER IF EXISTS programme_phases_no_update;
CREATE TRIGGER programme_phases_no_update BEFORE UPDATE ON programme_phases BEGIN SELECT RAISE(ABORT, 'programme_phases is append-only'); END;
DROP TRIGGER IF EXISTS programme_phases_no_delete;
CREATE TRIGGER programme_phases_no_delete BEFORE DELETE ON programme_phases BEGIN SELECT RAISE(ABORT, 'programme_phases is append-only'); END;
DROP TRIGGER IF EXISTS community_meetings_no_update;
CREATE TRIGGER community_meetings_no_update BEFORE UPDATE ON community_meetings BEGIN SELECT RAISE(ABORT, 'community_meetings is append-only'); END;
DROP TRIGGER IF EXISTS community_meetings_no_delete;
CREATE TRIGGER community_meetings_no_delete BEFORE DELETE ON community_meetings BEGIN SELECT RAISE(ABORT, 'community_meetings is append-only'); END;
DROP TRIGGER IF EXISTS community_needs_no_update;
CREATE TRIGGER community_needs_no_update BEFORE UPDATE ON community_needs BEGIN SELECT RAISE(ABORT, 'community_needs is append-only'); END;
DROP TRIGGER IF EXISTS community_needs_no_delete;
CREATE TRIGGER community_needs_no_delete BEFORE DELETE ON community_needs BEGIN SELECT RAISE(ABORT, 'community_needs is append-only'); END;
DROP TRIGGER IF EXISTS incompatible_duties_no_update;
CREATE TRIGGER incompatible_duties_no_update BEFORE UPDATE ON incompatible_duties BEGIN SELECT RAISE(ABORT, 'incompatible_duties is append-only'); END;
DROP TRIGGER IF EXISTS incompatible_duties_no_delete;
CREATE TRIGGER incompatible_duties_no_delete BEFORE DELETE ON incompatible_duties BEGIN SELECT RAISE(ABORT, 'incompatible_duties is append-only'); END;
DROP TRIGGER IF EXISTS committee_members_no_update;
CREATE TRIGGER committee_members_no_update BEFORE UPDATE ON committee_members BEGIN SELECT RAISE(ABORT, 'committee_members is append-only'); END;
DROP TRIGGER IF EXISTS committee_members_no_delete;
CREATE TRIGGER committee_members_no_delete BEFORE DELETE ON committee_members BEGIN SELECT RAISE(ABORT, 'committee_members is append-only'); END;
DROP TRIGGER IF EXISTS project_duties_no_update;
CREATE TRIGGER project_duties_no_update BEFORE UPDATE ON project_duties BEGIN SELECT RAISE(ABORT, 'project_duties is append-only'); END;
DROP TRIGGER IF EXISTS project_duties_no_delete;
CREATE TRIGGER project_duties_no_delete BEFORE DELETE ON project_duties BEGIN SELECT RAISE(ABORT, 'project_duties is append-only'); END;
DROP TRIGGER IF EXISTS project_interests_no_update;
CREATE TRIGGER project_interests_no_update BEFORE UPDATE ON project_interests BEGIN SELECT RAISE(ABORT, 'project_interests is append-only'); END;
DROP TRIGGER IF EXISTS project_interests_no_delete;
CREATE TRIGGER project_interests_no_delete BEFORE DELETE ON project_interests BEGIN SELECT RAISE(ABORT, 'project_interests is append-only'); END;
DROP TRIGGER IF EXISTS project_overlaps_no_update;
CREATE TRIGGER project_overlaps_no_update BEFORE UPDATE ON project_overlaps BEGIN SELECT RAISE(ABORT, 'project_overlaps is append-only'); END;
DROP TRIGGER IF EXISTS project_overlaps_no_delete;
CREATE TRIGGER project_overlaps_no_delete BEFORE DELETE ON project_overlaps BEGIN SELECT RAISE(ABORT, 'project_overlaps is append-only'); END;
DROP TRIGGER IF EXISTS project_appraisals_no_update;
CREATE TRIGGER project_appraisals_no_update BEFORE UPDATE ON project_appraisals BEGIN SELECT RAISE(ABORT, 'project_appraisals is append-only'); END;
DROP TRIGGER IF EXISTS project_appraisals_no_delete;
CREATE TRIGGER project_appraisals_no_delete BEFORE DELETE ON project_appraisals BEGIN SELECT RAISE(ABORT, 'project_appraisals is append-only'); END;
DROP TRIGGER IF EXISTS conflict_checks_no_update;
CREATE TRIGGER conflict_checks_no_update BEFORE UPDATE ON conflict_checks BEGIN SELECT RAISE(ABORT, 'conflict_checks is append-only'); END;
DROP TRIGGER IF EXISTS conflict_checks_no_delete;
CREATE TRIGGER conflict_checks_no_delete BEFORE DELETE ON conflict_checks BEGIN SELECT RAISE(ABORT, 'conflict_checks is append-only'); END;
DROP TRIGGER IF EXISTS conflict_check_answers_no_update;
CREATE TRIGGER conflict_check_answers_no_update BEFORE UPDATE ON conflict_check_answers BEGIN SELECT RAISE(ABORT, 'conflict_check_answers is append-only'); END;
DROP TRIGGER IF EXISTS conflict_check_answers_no_delete;
CREATE TRIGGER conflict_check_answers_no_delete BEFORE DELETE ON conflict_check_answers BEGIN SELECT RAISE(ABORT, 'conflict_check_answers is append-only'); END;
DROP TRIGGER IF EXISTS motion_attendances_no_update;
CREATE TRIGGER motion_attendances_no_update BEFORE UPDATE ON motion_attendances BEGIN SELECT RAISE(ABORT, 'motion_attendances is append-only'); END;
DROP TRIGGER IF EXISTS motion_attendances_no_delete;
CREATE TRIGGER motion_attendances_no_delete BEFORE DELETE ON motion_attendances BEGIN SELECT RAISE(ABORT, 'motion_attendances is append-only'); END;
DROP TRIGGER IF EXISTS project_conversions_no_update;
CREATE TRIGGER project_conversions_no_update BEFORE UPDATE ON project_conversions BEGIN SELECT RAISE(ABORT, 'project_conversions is append-only'); END;
DROP TRIGGER IF EXISTS project_conversions_no_delete;
CREATE TRIGGER project_conversions_no_delete BEFORE DELETE ON project_conversions BEGIN SELECT RAISE(ABORT, 'project_conversions is append-only'); END;
DROP TRIGGER IF EXISTS motion_votes_no_update;
CREATE TRIGGER motion_votes_no_update BEFORE UPDATE ON motion_votes BEGIN SELECT RAISE(ABORT, 'motion_votes is append-only'); END;
DROP TRIGGER IF EXISTS motion_votes_no_delete;
CREATE TRIGGER motion_votes_no_delete BEFORE DELETE ON motion_votes BEGIN SELECT RAISE(ABORT, 'motion_votes is append-only'); END;
DROP TRIGGER IF EXISTS project_transitions_no_update;
CREATE TRIGGER project_transitions_no_update BEFORE UPDATE ON project_transitions BEGIN SELECT RAISE(ABORT, 'project_transitions is append-only'); END;
DROP TRIGGER IF EXISTS project_transitions_no_delete;
CREATE TRIGGER project_transitions_no_delete BEFORE DELETE ON project_transitions BEGIN SELECT RAISE(ABORT, 'project_transitions is append-only'); END;
DROP TRIGGER IF EXISTS project_tranches_no_update;
CREATE TRIGGER project_tranches_no_update BEFORE UPDATE ON project_tranches BEGIN SELECT RAISE(ABORT, 'project_tranches is append-only'); END;
DROP TRIGGER IF EXISTS project_tranches_no_delete;
CREATE TRIGGER project_tranches_no_delete BEFORE DELETE ON project_tranches BEGIN SELECT RAISE(ABORT, 'project_tranches is append-only'); END;
DROP TRIGGER IF EXISTS project_signatures_no_update;
CREATE TRIGGER project_signatures_no_update BEFORE UPDATE ON project_signatures BEGIN SELECT RAISE(ABORT, 'project_signatures is append-only'); END;
DROP TRIGGER IF EXISTS project_signatures_no_delete;
CREATE TRIGGER project_signatures_no_delete BEFORE DELETE ON project_signatures BEGIN SELECT RAISE(ABORT, 'project_signatures is append-only'); END;
DROP TRIGGER IF EXISTS project_report_lines_no_update;
CREATE TRIGGER project_report_lines_no_update BEFORE UPDATE ON project_report_lines BEGIN SELECT RAISE(ABORT, 'project_report_lines is append-only'); END;
DROP TRIGGER IF EXISTS project_report_lines_no_delete;
CREATE TRIGGER project_report_lines_no_delete BEFORE DELETE ON project_report_lines BEGIN SELECT RAISE(ABORT, 'project_report_lines is append-only'); END;
DROP TRIGGER IF EXISTS project_refunds_no_update;
CREATE TRIGGER project_refunds_no_update BEFORE UPDATE ON project_refunds BEGIN SELECT RAISE(ABORT, 'project_refunds is append-only'); END;
DROP TRIGGER IF EXISTS project_refunds_no_delete;
CREATE TRIGGER project_refunds_no_delete BEFORE DELETE ON project_refunds BEGIN SELECT RAISE(ABORT, 'project_refunds is append-only'); END;
DROP TRIGGER IF EXISTS project_settlements_no_update;
CREATE TRIGGER project_settlements_no_update BEFORE UPDATE ON project_settlements BEGIN SELECT RAISE(ABORT, 'project_settlements is append-only'); END;
DROP TRIGGER IF EXISTS project_settlements_no_delete;
CREATE TRIGGER project_settlements_no_delete BEFORE DELETE ON project_settlements BEGIN SELECT RAISE(ABORT, 'project_settlements is append-only'); END;
DROP TRIGGER IF EXISTS milestone_evidence_no_update;
CREATE TRIGGER milestone_evidence_no_update BEFORE UPDATE ON milestone_evidence BEGIN SELECT RAISE(ABORT, 'milestone_evidence is append-only'); END;
DROP TRIGGER IF EXISTS milestone_evidence_no_delete;
CREATE TRIGGER milestone_evidence_no_delete BEFORE DELETE ON milestone_evidence BEGIN SELECT RAISE(ABORT, 'milestone_evidence is append-only'); END;
DROP TRIGGER IF EXISTS monitoring_visits_no_update;
CREATE TRIGGER monitoring_visits_no_update BEFORE UPDATE ON monitoring_visits BEGIN SELECT RAISE(ABORT, 'monitoring_visits is append-only'); END;
DROP TRIGGER IF EXISTS monitoring_visits_no_delete;
CREATE TRIGGER monitoring_visits_no_delete BEFORE DELETE ON monitoring_visits BEGIN SELECT RAISE(ABORT, 'monitoring_visits is append-only'); END;
DROP TRIGGER IF EXISTS visit_members_no_update;
CREATE TRIGGER visit_members_no_update BEFORE UPDATE ON visit_members BEGIN SELECT RAISE(ABORT, 'visit_members is append-only'); END;
DROP TRIGGER IF EXISTS visit_members_no_delete;
CREATE TRIGGER visit_members_no_delete BEFORE DELETE ON visit_members BEGIN SELECT RAISE(ABORT, 'visit_members is append-only'); END;
DROP TRIGGER IF EXISTS project_indicators_no_update;
CREATE TRIGGER project_indicators_no_update BEFORE UPDATE ON project_indicators BEGIN SELECT RAISE(ABORT, 'project_indicators is append-only'); END;
DROP TRIGGER IF EXISTS project_indicators_no_delete;
CREATE TRIGGER project_indicators_no_delete BEFORE DELETE ON project_indicators BEGIN SELECT RAISE(ABORT, 'project_indicators is append-only'); END;
DROP TRIGGER IF EXISTS project_ceremonies_no_update;
CREATE TRIGGER project_ceremonies_no_update BEFORE UPDATE ON project_ceremonies BEGIN SELECT RAISE(ABORT, 'project_ceremonies is append-only'); END;
DROP TRIGGER IF EXISTS project_ceremonies_no_delete;
CREATE TRIGGER project_ceremonies_no_delete BEFORE DELETE ON project_ceremonies BEGIN SELECT RAISE(ABORT, 'project_ceremonies is append-only'); END;
DROP TRIGGER IF EXISTS ceremony_attendances_no_update;
CREATE TRIGGER ceremony_attendances_no_update BEFORE UPDATE ON ceremony_attendances BEGIN SELECT RAISE(ABORT, 'ceremony_attendances is append-only'); END;
DROP TRIGGER IF EXISTS ceremony_attendances_no_delete;
CREATE TRIGGER ceremony_attendances_no_delete BEFORE DELETE ON ceremony_attendances BEGIN SELECT RAISE(ABORT, 'ceremony_attendances is append-only'); END;
DROP TRIGGER IF EXISTS handover_certificates_no_update;
CREATE TRIGGER handover_certificates_no_update BEFORE UPDATE ON handover_certificates BEGIN SELECT RAISE(ABORT, 'handover_certificates is append-only'); END;
DROP TRIGGER IF EXISTS handover_certificates_no_delete;
CREATE TRIGGER handover_certificates_no_delete BEFORE DELETE ON handover_certificates BEGIN SELECT RAISE(ABORT, 'handover_certificates is append-only'); END;
DROP TRIGGER IF EXISTS handover_assets_no_update;
CREATE TRIGGER handover_assets_no_update BEFORE UPDATE ON handover_assets BEGIN SELECT RAISE(ABORT, 'handover_assets is append-only'); END;
DROP TRIGGER IF EXISTS handover_assets_no_delete;
CREATE TRIGGER handover_assets_no_delete BEFORE DELETE ON handover_assets BEGIN SELECT RAISE(ABORT, 'handover_assets is append-only'); END;
DROP TRIGGER IF EXISTS handover_signatures_no_update;
CREATE TRIGGER handover_signatures_no_update BEFORE UPDATE ON handover_signatures BEGIN SELECT RAISE(ABORT, 'handover_signatures is append-only'); END;
DROP TRIGGER IF EXISTS handover_signatures_no_delete;
CREATE TRIGGER handover_signatures_no_delete BEFORE DELETE ON handover_signatures BEGIN SELECT RAISE(ABORT, 'handover_signatures is append-only'); END;
DROP TRIGGER IF EXISTS municipal_assets_no_update;
CREATE TRIGGER municipal_assets_no_update BEFORE UPDATE ON municipal_assets BEGIN SELECT RAISE(ABORT, 'municipal_assets is append-only'); END;
DROP TRIGGER IF EXISTS municipal_assets_no_delete;
CREATE TRIGGER municipal_assets_no_delete BEFORE DELETE ON municipal_assets BEGIN SELECT RAISE(ABORT, 'municipal_assets is append-only'); END;
DROP TRIGGER IF EXISTS project_lessons_no_update;
CREATE TRIGGER project_lessons_no_update BEFORE UPDATE ON project_lessons BEGIN SELECT RAISE(ABORT, 'project_lessons is append-only'); END;
DROP TRIGGER IF EXISTS project_lessons_no_delete;
CREATE TRIGGER project_lessons_no_delete BEFORE DELETE ON project_lessons BEGIN SELECT RAISE(ABORT, 'project_lessons is append-only'); END;
DROP TRIGGER IF EXISTS amendment_lines_no_update;
CREATE TRIGGER amendment_lines_no_update BEFORE UPDATE ON amendment_lines BEGIN SELECT RAISE(ABORT, 'amendment_lines is append-only'); END;
DROP TRIGGER IF EXISTS amendment_lines_no_delete;
CREATE TRIGGER amendment_lines_no_delete BEFORE DELETE ON amendment_lines BEGIN SELECT RAISE(ABORT, 'amendment_lines is append-only'); END;
DROP TRIGGER IF EXISTS amendment_places_no_update;
CREATE TRIGGER amendment_places_no_update BEFORE UPDATE ON amendment_places BEGIN SELECT RAISE(ABORT, 'amendment_places is append-only'); END;
DROP TRIGGER IF EXISTS amendment_places_no_delete;
CREATE TRIGGER amendment_places_no_delete BEFORE DELETE ON amendment_places BEGIN SELECT RAISE(ABORT, 'amendment_places is append-only'); END;

-- Duties on one project that are kept apart are never one person's.
DROP TRIGGER IF EXISTS project_duties_apart;
CREATE TRIGGER project_duties_apart BEFORE INSERT ON project_duties
WHEN EXISTS (SELECT 1 FROM project_duties held JOIN incompatible_duties apart ON apart.duty = held.duty AND apart.other = NEW.duty
    WHERE held.organisation_id = NEW.organisation_id AND held.project_id = NEW.project_id AND held.principal_id = NEW.principal_id)
BEGIN SELECT RAISE(ABORT, 'duties on one project are kept apart'); END;

-- Who stood back from a motion, or declared an interest in its project, does not vote; nobody does when it is decided.
DROP TRIGGER IF EXISTS motion_votes_admitted;
CREATE TRIGGER motion_votes_admitted BEFORE INSERT ON motion_votes
WHEN EXISTS (SELECT 1 FROM motion_attendances here WHERE here.organisation_id = NEW.organisation_id AND here.motion_id = NEW.motion_id
        AND here.principal_id = NEW.principal_id AND here.recusal IS NOT NULL)
    OR EXISTS (SELECT 1 FROM motions motion JOIN project_interests interest
        ON interest.organisation_id = motion.organisation_id AND interest.project_id = motion.project_id
        WHERE motion.organisation_id = NEW.organisation_id AND motion.id = NEW.motion_id AND interest.principal_id = NEW.principal_id)
    OR EXISTS (SELECT 1 FROM motions motion
        WHERE motion.organisation_id = NEW.organisation_id AND motion.id = NEW.motion_id AND motion.state <> 'open')
BEGIN SELECT RAISE(ABORT, 'no vote of who may not vote'); END;

-- A motion that lapsed stays so.
DROP TRIGGER IF EXISTS motions_lapsed;
CREATE TRIGGER motions_lapsed BEFORE UPDATE ON motions WHEN OLD.state = 'lapsed' BEGIN SELECT RAISE(ABORT, 'a motion that lapsed stays so'); END;

-- The rules of a project are pinned by its submissions alone.
DROP TRIGGER IF EXISTS projects_rules;
CREATE TRIGGER projects_rules BEFORE UPDATE ON projects
WHEN NEW.rule_set_version IS NOT OLD.rule_set_version AND NEW.submission = OLD.submission
BEGIN SELECT RAISE(ABORT, 'the rules of a project are pinned'); END;

-- Nothing is published of a project that bears a flag without a legend.
DROP TRIGGER IF EXISTS project_publications_legends;
CREATE TRIGGER project_publications_legends BEFORE INSERT ON project_publications
WHEN EXISTS (SELECT 1 FROM project_flags flag WHERE flag.organisation_id = NEW.organisation_id AND flag.project_id = NEW.project_id
    AND flag.legend IS NULL)
BEGIN SELECT RAISE(ABORT, 'a flag without a legend is not published'); END;

-- What was published stays as it was; it can only be superseded or withdrawn, once.
DROP TRIGGER IF EXISTS project_publications_no_delete;
CREATE TRIGGER project_publications_no_delete BEFORE DELETE ON project_publications
BEGIN SELECT RAISE(ABORT, 'project_publications are kept'); END;
DROP TRIGGER IF EXISTS project_publications_fixed;
CREATE TRIGGER project_publications_fixed BEFORE UPDATE ON project_publications
WHEN OLD.state <> 'published' OR NEW.summary <> OLD.summary OR NEW.summary_sha256 <> OLD.summary_sha256
    OR NEW.published_by <> OLD.published_by OR NEW.published_on <> OLD.published_on OR NEW.number <> OLD.number
    OR NEW.project_id <> OLD.project_id
BEGIN SELECT RAISE(ABORT, 'what was published stays as it was'); END;

-- A project that was given up before anything was paid keeps no purpose of a fund.
DROP TRIGGER IF EXISTS projects_purpose;
CREATE TRIGGER projects_purpose BEFORE UPDATE ON projects
WHEN NEW.state IN ('rejected', 'withdrawn', 'cancelled') AND NEW.fund_purpose_id IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a project that was given up keeps no purpose'); END;

-- An agreement is on so much, with such a partner, from its beginning.
DROP TRIGGER IF EXISTS project_agreements_fixed;
CREATE TRIGGER project_agreements_fixed BEFORE UPDATE ON project_agreements
WHEN NEW.amount <> OLD.amount OR NEW.supplier_id <> OLD.supplier_id OR NEW.account_ending <> OLD.account_ending
    OR (OLD.account_verified_by IS NOT NULL AND NEW.account_verified_by IS NOT OLD.account_verified_by)
    OR NEW.partner_signatory_id IS NOT OLD.partner_signatory_id OR NEW.channel <> OLD.channel OR NEW.receiver_id IS NOT OLD.receiver_id
    OR NEW.revenue_code IS NOT OLD.revenue_code OR NEW.expenditure_code IS NOT OLD.expenditure_code
BEGIN SELECT RAISE(ABORT, 'an agreement is fixed'); END;

-- Whoever verified the account signs for nobody.
DROP TRIGGER IF EXISTS project_signatures_apart;
CREATE TRIGGER project_signatures_apart BEFORE INSERT ON project_signatures
WHEN EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = NEW.organisation_id
    AND agreed.project_id = NEW.project_id AND agreed.account_verified_by = NEW.signed_by)
BEGIN SELECT RAISE(ABORT, 'who verified the account does not sign'); END;

-- Who was named to sign for the partner signs for the partner, and nobody else does.
DROP TRIGGER IF EXISTS project_signatures_named;
CREATE TRIGGER project_signatures_named BEFORE INSERT ON project_signatures
WHEN EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = NEW.organisation_id
    AND agreed.project_id = NEW.project_id AND agreed.partner_signatory_id IS NOT NULL
    AND (agreed.partner_signatory_id = NEW.signed_by) <> (NEW.side = 'partner'))
BEGIN SELECT RAISE(ABORT, 'someone else was named to sign for the partner'); END;

-- What is paid and was not reversed stays within the agreement.
DROP TRIGGER IF EXISTS project_disbursements_agreed;
CREATE TRIGGER project_disbursements_agreed BEFORE UPDATE ON project_disbursements
WHEN NEW.state = 'paid' AND NEW.amount + (SELECT COALESCE(SUM(paid.amount), 0) FROM project_disbursements paid
    WHERE paid.organisation_id = NEW.organisation_id AND paid.project_id = NEW.project_id AND paid.id <> NEW.id AND paid.state = 'paid')
    > (SELECT agreed.amount FROM project_agreements agreed
        WHERE agreed.organisation_id = NEW.organisation_id AND agreed.project_id = NEW.project_id)
BEGIN SELECT RAISE(ABORT, 'more is paid than was agreed'); END;
-- What is paid, reported or refunded on a project with recipients is that of one of them; on another it is of nobody's.
DROP TRIGGER IF EXISTS project_tranches_recipient;
CREATE TRIGGER project_tranches_recipient BEFORE INSERT ON project_tranches
WHEN (NEW.recipient_number IS NOT NULL AND NOT EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
        AND one.project_id = NEW.project_id AND one.number = NEW.recipient_number))
    OR (NEW.recipient_number IS NULL AND EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
        AND one.project_id = NEW.project_id))
BEGIN SELECT RAISE(ABORT, 'no recipient of the project'); END;
DROP TRIGGER IF EXISTS project_expenditure_reports_recipient;
CREATE TRIGGER project_expenditure_reports_recipient BEFORE INSERT ON project_expenditure_reports
WHEN (NEW.recipient_number IS NOT NULL AND NOT EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
        AND one.project_id = NEW.project_id AND one.number = NEW.recipient_number))
    OR (NEW.recipient_number IS NULL AND EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
        AND one.project_id = NEW.project_id))
BEGIN SELECT RAISE(ABORT, 'no recipient of the project'); END;
DROP TRIGGER IF EXISTS project_refunds_recipient;
CREATE TRIGGER project_refunds_recipient BEFORE INSERT ON project_refunds
WHEN (NEW.recipient_number IS NOT NULL AND NOT EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
        AND one.project_id = NEW.project_id AND one.number = NEW.recipient_number))
    OR (NEW.recipient_number IS NULL AND EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
        AND one.project_id = NEW.project_id))
BEGIN SELECT RAISE(ABORT, 'no recipient of the project'); END;
-- Recipients and their parts stay as they are once there is an agreement.
DROP TRIGGER IF EXISTS project_recipients_fixed;
CREATE TRIGGER project_recipients_fixed BEFORE UPDATE ON project_recipients
BEGIN SELECT RAISE(ABORT, 'recipients are not changed'); END;
DROP TRIGGER IF EXISTS project_recipients_agreed_insert;
CREATE TRIGGER project_recipients_agreed_insert BEFORE INSERT ON project_recipients
WHEN EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = NEW.organisation_id AND agreed.project_id = NEW.project_id)
BEGIN SELECT RAISE(ABORT, 'recipients are agreed on'); END;
DROP TRIGGER IF EXISTS project_recipients_agreed_delete;
CREATE TRIGGER project_recipients_agreed_delete BEFORE DELETE ON project_recipients
WHEN EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = OLD.organisation_id AND agreed.project_id = OLD.project_id)
BEGIN SELECT RAISE(ABORT, 'recipients are agreed on'); END;
-- Whoever brought evidence for a milestone does not verify it.
DROP TRIGGER IF EXISTS project_milestones_verified_by_another;
CREATE TRIGGER project_milestones_verified_by_another BEFORE UPDATE ON project_milestones
WHEN NEW.verified_by IS NOT NULL AND EXISTS (SELECT 1 FROM milestone_evidence brought WHERE brought.organisation_id = NEW.organisation_id
    AND brought.project_id = NEW.project_id AND brought.milestone_number = NEW.number AND brought.recorded_by = NEW.verified_by)
BEGIN SELECT RAISE(ABORT, 'whoever brought evidence does not verify it'); END;

-- A safeguard that a later check superseded stays so, and is judged by nobody.
DROP TRIGGER IF EXISTS project_milestones_superseded;
CREATE TRIGGER project_milestones_superseded BEFORE UPDATE ON project_milestones WHEN OLD.superseded_by IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a safeguard that was superseded stays so'); END;

-- What was accepted or rejected stays so.
DROP TRIGGER IF EXISTS project_studies_judged_once;
CREATE TRIGGER project_studies_judged_once BEFORE UPDATE ON project_studies
WHEN OLD.state <> 'submitted'
BEGIN SELECT RAISE(ABORT, 'a study is judged once'); END;

-- Values of a period that is locked stay as they are, and so does the lock.
DROP TRIGGER IF EXISTS indicator_values_locked;
CREATE TRIGGER indicator_values_locked BEFORE INSERT ON indicator_values
WHEN EXISTS (SELECT 1 FROM indicator_periods period WHERE period.organisation_id = NEW.organisation_id AND period.project_id = NEW.project_id
    AND period.indicator_number = NEW.indicator_number AND period.number = NEW.period_number AND period.locked_on IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the period is locked'); END;
DROP TRIGGER IF EXISTS indicator_values_locked_update;
CREATE TRIGGER indicator_values_locked_update BEFORE UPDATE ON indicator_values
WHEN EXISTS (SELECT 1 FROM indicator_periods period WHERE period.organisation_id = NEW.organisation_id AND period.project_id = NEW.project_id
    AND period.indicator_number = NEW.indicator_number AND period.number = NEW.period_number AND period.locked_on IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'the period is locked'); END;
DROP TRIGGER IF EXISTS indicator_values_locked_delete;
CREATE TRIGGER indicator_values_locked_delete BEFORE DELETE ON indicator_values
WHEN OLD.state = 'approved'
BEGIN SELECT RAISE(ABORT, 'an approved value stays'); END;
DROP TRIGGER IF EXISTS indicator_periods_locked;
CREATE TRIGGER indicator_periods_locked BEFORE UPDATE ON indicator_periods
WHEN OLD.locked_on IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'the period is locked'); END;
DROP TRIGGER IF EXISTS proposals_decided_once;
CREATE TRIGGER proposals_decided_once BEFORE UPDATE ON proposals WHEN OLD.state <> 'open' BEGIN SELECT RAISE(ABORT, 'a proposal is decided once'); END;
DROP TRIGGER IF EXISTS proposals_no_delete;
CREATE TRIGGER proposals_no_delete BEFORE DELETE ON proposals BEGIN SELECT RAISE(ABORT, 'proposals are kept'); END;
