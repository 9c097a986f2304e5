-- Guards that PostgreSQL holds itself; applied again at every start.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE OR REPLACE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER event_positions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_positions EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER idempotency_keys_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON idempotency_keys EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER access_records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_records EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER access_record_subjects_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_record_subjects EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER postings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON postings EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER entry_imports_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entry_imports EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER batches_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON batches EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER payments_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payments EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER credit_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_movements EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER regularisations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON regularisations EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER deductions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON deductions EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER payment_returns_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_returns EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER supporting_documents_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON supporting_documents EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER holds_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON holds EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER requisitions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON requisitions EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER cash_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cash_movements EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER justification_slip_expenses_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON justification_slip_expenses EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER cash_inspections_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cash_inspections EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER ticket_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ticket_movements EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER revenue_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON revenue_movements EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER levy_authorisations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON levy_authorisations EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER receipts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON receipts EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER receipt_cancellations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON receipt_cancellations EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER revenue_order_receipts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON revenue_order_receipts EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER receipt_regularisations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON receipt_regularisations EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER refunds_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON refunds EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER transfer_notifications_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer_notifications EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER drawing_agreements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON drawing_agreements EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER drawing_agreement_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON drawing_agreement_lines EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER drawing_tranches_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON drawing_tranches EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER drawing_justifications_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON drawing_justifications EXECUTE FUNCTION refuse_change();
DROP TRIGGER IF EXISTS donors_append_only ON donors;
CREATE OR REPLACE TRIGGER donors_no_delete BEFORE DELETE OR TRUNCATE ON donors EXECUTE FUNCTION refuse_change();
DROP TRIGGER IF EXISTS donor_names_append_only ON donor_names;
CREATE OR REPLACE TRIGGER exchange_rates_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON exchange_rates EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER fund_phases_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_phases EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER contribution_instalments_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON contribution_instalments EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER earmarks_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON earmarks EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER earmark_terms_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON earmark_terms EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER fund_purpose_places_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_purpose_places EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER fund_movements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_movements EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER contribution_goods_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON contribution_goods EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER fund_reports_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_reports EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER fund_report_figures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_report_figures EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER fund_report_donors_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON fund_report_donors EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER consultations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON consultations EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER public_debates_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public_debates EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER programme_phases_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON programme_phases EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER community_meetings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON community_meetings EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER community_needs_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON community_needs EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER incompatible_duties_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON incompatible_duties EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER committee_members_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON committee_members EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_duties_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_duties EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_interests_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_interests EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_overlaps_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_overlaps EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_appraisals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_appraisals EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER conflict_checks_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON conflict_checks EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER conflict_check_answers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON conflict_check_answers EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER motion_attendances_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON motion_attendances EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER motion_votes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON motion_votes EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_conversions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_conversions EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_transitions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_transitions EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_tranches_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_tranches EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_signatures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_signatures EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_report_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_report_lines EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_refunds_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_refunds EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_settlements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_settlements EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER milestone_evidence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON milestone_evidence EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER monitoring_visits_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON monitoring_visits EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER visit_members_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON visit_members EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_indicators_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_indicators EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_ceremonies_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_ceremonies EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER ceremony_attendances_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ceremony_attendances EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER handover_certificates_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON handover_certificates EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER handover_assets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON handover_assets EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER handover_signatures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON handover_signatures EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER municipal_assets_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON municipal_assets EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_lessons_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON project_lessons EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER amendment_lines_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON amendment_lines EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER amendment_places_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON amendment_places EXECUTE FUNCTION refuse_change();

-- A line of a voted edition never changes.
CREATE OR REPLACE FUNCTION refuse_voted_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE line record;
BEGIN
    IF TG_OP = 'INSERT' THEN line := NEW; ELSE line := OLD; END IF;
    IF line.edition <= (SELECT voted_edition FROM budgets WHERE organisation_id = line.organisation_id AND id = line.budget_id) THEN
        RAISE EXCEPTION 'lines of a voted budget are immutable';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER budget_lines_voted BEFORE INSERT OR UPDATE OR DELETE ON budget_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_voted_line();

-- Duties on one project that are kept apart are never one person's.
CREATE OR REPLACE FUNCTION refuse_incompatible_duty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM project_duties held JOIN incompatible_duties apart ON apart.duty = held.duty AND apart.other = NEW.duty
        WHERE held.organisation_id = NEW.organisation_id AND held.project_id = NEW.project_id AND held.principal_id = NEW.principal_id) THEN
        RAISE EXCEPTION 'duties on one project are kept apart';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_duties_apart BEFORE INSERT ON project_duties
    FOR EACH ROW EXECUTE FUNCTION refuse_incompatible_duty();

-- Who stood back from a motion, or declared an interest in its project, does not vote; nobody does when it is decided.
CREATE OR REPLACE FUNCTION refuse_vote() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM motion_attendances here WHERE here.organisation_id = NEW.organisation_id AND here.motion_id = NEW.motion_id
        AND here.principal_id = NEW.principal_id AND here.recusal IS NOT NULL)
        OR EXISTS (SELECT 1 FROM motions motion JOIN project_interests interest
            ON interest.organisation_id = motion.organisation_id AND interest.project_id = motion.project_id
            WHERE motion.organisation_id = NEW.organisation_id AND motion.id = NEW.motion_id AND interest.principal_id = NEW.principal_id)
        OR EXISTS (SELECT 1 FROM motions motion
            WHERE motion.organisation_id = NEW.organisation_id AND motion.id = NEW.motion_id AND motion.state <> 'open') THEN
        RAISE EXCEPTION 'no vote of who may not vote';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER motion_votes_admitted BEFORE INSERT ON motion_votes FOR EACH ROW EXECUTE FUNCTION refuse_vote();

-- A motion that lapsed stays so.
CREATE OR REPLACE TRIGGER motions_lapsed BEFORE UPDATE ON motions FOR EACH ROW WHEN (OLD.state = 'lapsed') EXECUTE FUNCTION refuse_change();

-- The rules of a project are pinned by its submissions alone.
CREATE OR REPLACE FUNCTION refuse_other_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.rule_set_version IS DISTINCT FROM OLD.rule_set_version AND NEW.submission = OLD.submission THEN
        RAISE EXCEPTION 'the rules of a project are pinned';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER projects_rules BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION refuse_other_rules();

-- Nothing is published of a project that bears a flag without a legend.
CREATE OR REPLACE FUNCTION refuse_flag_without_legend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM project_flags flag WHERE flag.organisation_id = NEW.organisation_id
        AND flag.project_id = NEW.project_id AND flag.legend IS NULL) THEN
        RAISE EXCEPTION 'a flag without a legend is not published';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_publications_legends BEFORE INSERT ON project_publications
    FOR EACH ROW EXECUTE FUNCTION refuse_flag_without_legend();

-- What was published stays as it was; it can only be superseded or withdrawn, once.
CREATE OR REPLACE TRIGGER project_publications_kept BEFORE DELETE OR TRUNCATE ON project_publications EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER project_publications_fixed BEFORE UPDATE ON project_publications FOR EACH ROW
    WHEN (OLD.state <> 'published' OR NEW.summary <> OLD.summary OR NEW.summary_sha256 <> OLD.summary_sha256
        OR NEW.published_by <> OLD.published_by OR NEW.published_on <> OLD.published_on OR NEW.number <> OLD.number
        OR NEW.project_id <> OLD.project_id)
    EXECUTE FUNCTION refuse_change();

-- A project that was given up before anything was paid keeps no purpose of a fund.
CREATE OR REPLACE FUNCTION refuse_kept_purpose() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state IN ('rejected', 'withdrawn', 'cancelled') AND NEW.fund_purpose_id IS NOT NULL THEN
        RAISE EXCEPTION 'a project that was given up keeps no purpose';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER projects_purpose BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION refuse_kept_purpose();

-- An agreement is on so much, with such a partner, from its beginning.
CREATE OR REPLACE FUNCTION refuse_other_agreement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.amount <> OLD.amount OR NEW.supplier_id <> OLD.supplier_id OR NEW.account_ending <> OLD.account_ending
        OR (OLD.account_verified_by IS NOT NULL AND NEW.account_verified_by IS DISTINCT FROM OLD.account_verified_by)
        OR NEW.partner_signatory_id IS DISTINCT FROM OLD.partner_signatory_id OR NEW.channel <> OLD.channel
        OR NEW.receiver_id IS DISTINCT FROM OLD.receiver_id OR NEW.revenue_code IS DISTINCT FROM OLD.revenue_code
        OR NEW.expenditure_code IS DISTINCT FROM OLD.expenditure_code THEN
        RAISE EXCEPTION 'an agreement is fixed';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_agreements_fixed BEFORE UPDATE ON project_agreements
    FOR EACH ROW EXECUTE FUNCTION refuse_other_agreement();

-- Whoever verified the account signs for nobody.
CREATE OR REPLACE FUNCTION refuse_signature() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = NEW.organisation_id
        AND agreed.project_id = NEW.project_id AND agreed.account_verified_by = NEW.signed_by) THEN
        RAISE EXCEPTION 'who verified the account does not sign';
    END IF;
    -- Who was named to sign for the partner signs for the partner, and nobody else does.
    IF EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = NEW.organisation_id
        AND agreed.project_id = NEW.project_id AND agreed.partner_signatory_id IS NOT NULL
        AND (agreed.partner_signatory_id = NEW.signed_by) <> (NEW.side = 'partner')) THEN
        RAISE EXCEPTION 'someone else was named to sign for the partner';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_signatures_apart BEFORE INSERT ON project_signatures
    FOR EACH ROW EXECUTE FUNCTION refuse_signature();

-- What is paid and was not reversed stays within the agreement.
CREATE OR REPLACE FUNCTION refuse_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'paid' AND NEW.amount + (SELECT COALESCE(SUM(paid.amount), 0) FROM project_disbursements paid
        WHERE paid.organisation_id = NEW.organisation_id AND paid.project_id = NEW.project_id AND paid.id <> NEW.id AND paid.state = 'paid')
        > (SELECT agreed.amount FROM project_agreements agreed
            WHERE agreed.organisation_id = NEW.organisation_id AND agreed.project_id = NEW.project_id) THEN
        RAISE EXCEPTION 'more is paid than was agreed';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_disbursements_agreed BEFORE UPDATE ON project_disbursements
    FOR EACH ROW EXECUTE FUNCTION refuse_payment();
-- What is paid, reported or refunded on a project with recipients is that of one of them; on another it is of nobody's.
CREATE OR REPLACE FUNCTION refuse_recipient() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.recipient_number IS NOT NULL AND NOT EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
            AND one.project_id = NEW.project_id AND one.number = NEW.recipient_number))
        OR (NEW.recipient_number IS NULL AND EXISTS (SELECT 1 FROM project_recipients one WHERE one.organisation_id = NEW.organisation_id
            AND one.project_id = NEW.project_id)) THEN
        RAISE EXCEPTION 'no recipient of the project';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_tranches_recipient BEFORE INSERT ON project_tranches
    FOR EACH ROW EXECUTE FUNCTION refuse_recipient();
CREATE OR REPLACE TRIGGER project_expenditure_reports_recipient BEFORE INSERT ON project_expenditure_reports
    FOR EACH ROW EXECUTE FUNCTION refuse_recipient();
CREATE OR REPLACE TRIGGER project_refunds_recipient BEFORE INSERT ON project_refunds
    FOR EACH ROW EXECUTE FUNCTION refuse_recipient();
-- Recipients and their parts stay as they are once there is an agreement.
CREATE OR REPLACE FUNCTION refuse_other_recipients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'recipients are not changed';
    ELSIF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = NEW.organisation_id AND agreed.project_id = NEW.project_id) THEN
            RAISE EXCEPTION 'recipients are agreed on';
        END IF;
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT 1 FROM project_agreements agreed WHERE agreed.organisation_id = OLD.organisation_id AND agreed.project_id = OLD.project_id) THEN
        RAISE EXCEPTION 'recipients are agreed on';
    END IF;
    RETURN OLD;
END $$;
CREATE OR REPLACE TRIGGER project_recipients_fixed BEFORE INSERT OR UPDATE OR DELETE ON project_recipients
    FOR EACH ROW EXECUTE FUNCTION refuse_other_recipients();
-- Whoever brought evidence for a milestone does not verify it.
CREATE OR REPLACE FUNCTION refuse_own_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.verified_by IS NOT NULL AND EXISTS (SELECT 1 FROM milestone_evidence brought
        WHERE brought.organisation_id = NEW.organisation_id AND brought.project_id = NEW.project_id
        AND brought.milestone_number = NEW.number AND brought.recorded_by = NEW.verified_by) THEN
        RAISE EXCEPTION 'whoever brought evidence does not verify it';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_milestones_verified_by_another BEFORE UPDATE ON project_milestones
    FOR EACH ROW EXECUTE FUNCTION refuse_own_evidence();

-- A safeguard that a later check superseded stays so, and is judged by nobody.
CREATE OR REPLACE TRIGGER project_milestones_superseded BEFORE UPDATE ON project_milestones
    FOR EACH ROW WHEN (OLD.superseded_by IS NOT NULL) EXECUTE FUNCTION refuse_change();

-- What was accepted or rejected stays so.
CREATE OR REPLACE FUNCTION refuse_second_judgement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'submitted' THEN
        RAISE EXCEPTION 'a study is judged once';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER project_studies_judged_once BEFORE UPDATE ON project_studies
    FOR EACH ROW EXECUTE FUNCTION refuse_second_judgement();

-- Values of a period that is locked stay as they are, and so does the lock.
CREATE OR REPLACE FUNCTION refuse_locked_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.state = 'approved' THEN
            RAISE EXCEPTION 'an approved value stays';
        END IF;
        RETURN OLD;
    END IF;
    IF EXISTS (SELECT 1 FROM indicator_periods period WHERE period.organisation_id = NEW.organisation_id
        AND period.project_id = NEW.project_id AND period.indicator_number = NEW.indicator_number
        AND period.number = NEW.period_number AND period.locked_on IS NOT NULL) THEN
        RAISE EXCEPTION 'the period is locked';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER indicator_values_locked BEFORE INSERT OR UPDATE OR DELETE ON indicator_values
    FOR EACH ROW EXECUTE FUNCTION refuse_locked_value();
CREATE OR REPLACE FUNCTION refuse_locked_period() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.locked_on IS NOT NULL THEN
        RAISE EXCEPTION 'the period is locked';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER indicator_periods_locked BEFORE UPDATE ON indicator_periods
    FOR EACH ROW EXECUTE FUNCTION refuse_locked_period();
CREATE OR REPLACE TRIGGER proposals_decided_once BEFORE UPDATE ON proposals FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER proposals_no_delete BEFORE DELETE OR TRUNCATE ON proposals EXECUTE FUNCTION refuse_change();

-- Statistics of a table that grew within one import belong to its owner; whoever imports may not take them otherwise.
CREATE OR REPLACE FUNCTION note_growth() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path FROM CURRENT SET default_statistics_target = 10 AS $$
BEGIN
    ANALYZE (SKIP_LOCKED) entries;
END $$;

-- The second wall: of every table with organisation_id a transaction sees and changes only the rows of the organisations that it
-- named, the owner of the table not excepted. A new table is covered by itself; see db/src/wall.rs.
DO $$
DECLARE
    owned record;
    named constant text := 'organisation_id = ANY ((SELECT string_to_array(NULLIF(current_setting(''sigida.organisations'', true), ''*''), '','')'
        '::uuid[])::uuid[]) OR (SELECT current_setting(''sigida.organisations'', true) = ''*'')';
BEGIN
    FOR owned IN
        SELECT c.oid, c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS walled FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::text::regnamespace ORDER BY c.relname
    LOOP
        -- A change of this policy gets another name.
        IF NOT EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = owned.oid AND polname = 'second_wall_1') THEN
            EXECUTE format('CREATE POLICY second_wall_1 ON %I USING (%s)', owned.name, named);
        END IF;
        IF NOT owned.walled THEN
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned.name);
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned.name);
        END IF;
    END LOOP;
    -- A key is its principal's, in whatever organisation it was used: used again elsewhere, it is refused. A transaction names the
    -- principals whose keys it asks for, and sees those of nobody else.
    IF NOT EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = 'idempotency_keys'::regclass AND polname = 'of_principals_2') THEN
        DROP POLICY IF EXISTS of_principals_1 ON idempotency_keys;
        CREATE POLICY of_principals_2 ON idempotency_keys FOR SELECT
            USING (principal_id = ANY ((SELECT string_to_array(current_setting('sigida.principals', true), ',')::uuid[])::uuid[]));
    END IF;
END $$;

-- The role as which the service works: made here by those who may, else by whoever sets up the database.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'sigida_service') THEN
        BEGIN
            CREATE ROLE sigida_service NOLOGIN;
        EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
            RAISE LOG 'sigida_service was not made here: %', SQLERRM;
        END;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'sigida_service') THEN
        RETURN;
    END IF;
    BEGIN
        SET LOCAL ROLE sigida_service;
        SET LOCAL ROLE NONE;
    EXCEPTION WHEN insufficient_privilege THEN
        BEGIN
            GRANT sigida_service TO CURRENT_USER;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE LOG 'sigida_service is not ours: %', SQLERRM;
        END;
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO sigida_service', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO sigida_service', current_schema());
    REVOKE INSERT, UPDATE, DELETE ON __diesel_schema_migrations FROM sigida_service;
END $$;
