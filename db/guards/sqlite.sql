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
DROP TRIGGER IF EXISTS entries_no_update;
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
DROP TRIGGER IF EXISTS entries_no_delete;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
DROP TRIGGER IF EXISTS postings_no_update;
CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings BEGIN SELECT RAISE(ABORT, 'postings is append-only'); END;
DROP TRIGGER IF EXISTS postings_no_delete;
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'postings is append-only'); END;
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
