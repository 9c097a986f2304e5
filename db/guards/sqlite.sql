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
