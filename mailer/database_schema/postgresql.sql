-- Made by `make schema`: cdb2c64cce551d795e7f642258cc2e61
CREATE FUNCTION public.account_active_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.is_active IS DISTINCT FROM OLD.is_active THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'active', CASE WHEN OLD.is_active THEN 'yes' ELSE 'no' END, CASE WHEN NEW.is_active THEN 'yes' ELSE 'no' END, clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_change_kept() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'the record of account changes is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN OLD; END $$;
CREATE FUNCTION public.account_change_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.id IS DISTINCT FROM OLD.id OR NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.actor_id IS DISTINCT FROM OLD.actor_id OR NEW.what IS DISTINCT FROM OLD.what OR NEW.before IS DISTINCT FROM OLD.before OR NEW.after IS DISTINCT FROM OLD.after OR NEW.at IS DISTINCT FROM OLD.at THEN RAISE EXCEPTION 'the record of account changes is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.account_created_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'created', '', NEW.username || ' <' || NEW.email || '>', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_created_superuser() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.is_superuser THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'superuser', '', 'yes', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_email_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.email IS DISTINCT FROM OLD.email THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'email', OLD.email, NEW.email, clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_added() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group', '', COALESCE((SELECT name FROM auth_group WHERE id = NEW.group_id), ''), clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_moved_from() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT OLD.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group', COALESCE((SELECT name FROM auth_group WHERE id = OLD.group_id), ''), '', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_moved_to() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group', '', COALESCE((SELECT name FROM auth_group WHERE id = NEW.group_id), ''), clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_permission_added() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT member.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group_permission', '', COALESCE((SELECT name FROM auth_group WHERE id = NEW.group_id), '') || ': ' || COALESCE((SELECT codename FROM auth_permission WHERE id = NEW.permission_id), ''), clock_timestamp() FROM auth_user_groups member WHERE member.group_id = NEW.group_id; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_permission_moved_from() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT member.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group_permission', COALESCE((SELECT name FROM auth_group WHERE id = OLD.group_id), '') || ': ' || COALESCE((SELECT codename FROM auth_permission WHERE id = OLD.permission_id), ''), '', clock_timestamp() FROM auth_user_groups member WHERE member.group_id = OLD.group_id; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_permission_moved_to() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT member.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group_permission', '', COALESCE((SELECT name FROM auth_group WHERE id = NEW.group_id), '') || ': ' || COALESCE((SELECT codename FROM auth_permission WHERE id = NEW.permission_id), ''), clock_timestamp() FROM auth_user_groups member WHERE member.group_id = NEW.group_id; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_permission_removed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT member.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group_permission', COALESCE((SELECT name FROM auth_group WHERE id = OLD.group_id), '') || ': ' || COALESCE((SELECT codename FROM auth_permission WHERE id = OLD.permission_id), ''), '', clock_timestamp() FROM auth_user_groups member WHERE member.group_id = OLD.group_id; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_group_removed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT OLD.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'group', COALESCE((SELECT name FROM auth_group WHERE id = OLD.group_id), ''), '', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_name_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.first_name IS DISTINCT FROM OLD.first_name OR NEW.last_name IS DISTINCT FROM OLD.last_name THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'name', OLD.first_name || ' ' || OLD.last_name, NEW.first_name || ' ' || NEW.last_name, clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_password_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.password IS DISTINCT FROM OLD.password THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'password', '', '', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_permission_added() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'permission', '', COALESCE((SELECT codename FROM auth_permission WHERE id = NEW.permission_id), ''), clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_permission_moved_from() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT OLD.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'permission', COALESCE((SELECT codename FROM auth_permission WHERE id = OLD.permission_id), ''), '', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_permission_moved_to() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'permission', '', COALESCE((SELECT codename FROM auth_permission WHERE id = NEW.permission_id), ''), clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_permission_removed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT OLD.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'permission', COALESCE((SELECT codename FROM auth_permission WHERE id = OLD.permission_id), ''), '', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_second_factor_added() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'second_factor', '', NEW.type, clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_second_factor_moved_from() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT OLD.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'second_factor', OLD.type, '', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_second_factor_moved_to() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'second_factor', '', NEW.type, clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_second_factor_removed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT OLD.user_id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'second_factor', OLD.type, '', clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_superuser_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.is_superuser IS DISTINCT FROM OLD.is_superuser THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'superuser', CASE WHEN OLD.is_superuser THEN 'yes' ELSE 'no' END, CASE WHEN NEW.is_superuser THEN 'yes' ELSE 'no' END, clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.account_username_recorded() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.username IS DISTINCT FROM OLD.username THEN INSERT INTO mailer_accountchange (user_id, actor_id, what, before, after, at) SELECT NEW.id, CAST(NULLIF(current_setting('mailer.acting_user', true), '') AS integer), 'username', OLD.username, NEW.username, clock_timestamp() ; END IF; RETURN NULL; END $$;
CREATE FUNCTION public.approval_by_independent_account() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM mailer_accountinfluence i JOIN mailer_snapshot c ON c.id = NEW.snapshot_id WHERE i.user_id = NEW.approver_id AND (c.submitted_by_id = i.author_id OR c.manifest LIKE '%<' || i.author_id || '>%' OR EXISTS (SELECT 1 FROM mailer_snapshotauthor a WHERE a.snapshot_id = c.id AND a.user_id = i.author_id))) THEN RAISE EXCEPTION 'an author changed the account of the approver' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.approval_not_by_author() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM mailer_snapshotauthor a WHERE a.snapshot_id = NEW.snapshot_id AND a.user_id = NEW.approver_id) OR EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND (c.submitted_by_id = NEW.approver_id OR c.manifest LIKE '%<' || NEW.approver_id || '>%')) THEN RAISE EXCEPTION 'an author may not approve' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.approval_not_by_creator_of_author() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM mailer_accountcontrol i JOIN mailer_snapshot c ON c.id = NEW.snapshot_id WHERE i.author_id = NEW.approver_id AND (c.submitted_by_id = i.user_id OR c.manifest LIKE '%<' || i.user_id || '>%' OR EXISTS (SELECT 1 FROM mailer_snapshotauthor a WHERE a.snapshot_id = c.id AND a.user_id = i.user_id))) THEN RAISE EXCEPTION 'the approver created or changed the account of an author' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.approval_of_a_part() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF replace(NEW.language, '>', '') <> NEW.language OR EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND replace(c.approval_parts, '<' || NEW.language || '>', '') = c.approval_parts) THEN RAISE EXCEPTION 'an approval is for a part that the snapshot names' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.approval_of_open_snapshot() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND c.sha256 = NEW.sha256 AND c.state = 'submitted') THEN RAISE EXCEPTION 'an approval must name the hash of a submitted snapshot' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.approval_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'an approval is never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.audit_entry_kept() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN OLD; END $$;
CREATE FUNCTION public.audit_entry_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.id IS DISTINCT FROM OLD.id OR NEW.content_type_id IS DISTINCT FROM OLD.content_type_id OR NEW.object_id IS DISTINCT FROM OLD.object_id OR NEW.action IS DISTINCT FROM OLD.action OR NEW.user_id IS DISTINCT FROM OLD.user_id OR NEW.timestamp IS DISTINCT FROM OLD.timestamp OR NEW.uuid IS DISTINCT FROM OLD.uuid OR NEW.revision_id IS DISTINCT FROM OLD.revision_id OR NEW.content_changed IS DISTINCT FROM OLD.content_changed OR NEW.deleted IS DISTINCT FROM OLD.deleted OR ((NEW.label IS DISTINCT FROM OLD.label OR CAST(NEW.data AS TEXT) IS DISTINCT FROM CAST(OLD.data AS TEXT)) AND (NOT EXISTS (SELECT 1 FROM mailer_auditrecord r WHERE r.entry_id = OLD.id) OR EXISTS (SELECT 1 FROM mailer_auditrecord r WHERE r.entry_id = OLD.id AND length(r.salt) > 0))) THEN RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.audit_record_kept() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN OLD; END $$;
CREATE FUNCTION public.audit_record_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.sequence IS DISTINCT FROM OLD.sequence OR NEW.entry_id IS DISTINCT FROM OLD.entry_id OR NEW.redaction IS DISTINCT FROM OLD.redaction OR NEW.fixed_digest IS DISTINCT FROM OLD.fixed_digest OR NEW.content_digest IS DISTINCT FROM OLD.content_digest OR NEW.mac IS DISTINCT FROM OLD.mac OR (NEW.salt IS DISTINCT FROM OLD.salt AND length(NEW.salt) > 0) THEN RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.authorship_kept() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'the record of authorship is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN OLD; END $$;
CREATE FUNCTION public.authorship_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'the record of authorship is never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.consent_record_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.mailing_list_id IS DISTINCT FROM OLD.mailing_list_id OR NEW.event IS DISTINCT FROM OLD.event OR NEW.channel IS DISTINCT FROM OLD.channel OR NEW.at IS DISTINCT FROM OLD.at OR NEW.text_id IS DISTINCT FROM OLD.text_id OR NEW.source IS DISTINCT FROM OLD.source OR NEW.attested_by IS DISTINCT FROM OLD.attested_by THEN RAISE EXCEPTION 'subscribers_consentrecord is only added to' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.list_change_by_second_person() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.state = 'approved' AND (NEW.decided_by_id IS NULL OR NEW.decided_by_id = NEW.proposed_by_id OR EXISTS (SELECT 1 FROM mailer_accountinfluence i WHERE i.user_id = NEW.decided_by_id AND i.author_id = NEW.proposed_by_id)) THEN RAISE EXCEPTION 'a second person approves a change of a list' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.list_change_not_by_creator_of_author() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.state = 'approved' AND EXISTS (SELECT 1 FROM mailer_accountcontrol i WHERE i.author_id = NEW.decided_by_id AND i.user_id = NEW.proposed_by_id) THEN RAISE EXCEPTION 'who approves a change of a list did not create the account of who proposed it' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.list_change_proposed_first() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.state <> 'proposed' THEN RAISE EXCEPTION 'a change of a list is proposed first' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.list_change_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF OLD.state <> 'proposed' OR NEW.mailing_list_id IS DISTINCT FROM OLD.mailing_list_id OR NEW.sender_name IS DISTINCT FROM OLD.sender_name OR NEW.sender_email IS DISTINCT FROM OLD.sender_email OR NEW.proposed_by_id IS DISTINCT FROM OLD.proposed_by_id OR NEW.proposed_at IS DISTINCT FROM OLD.proposed_at OR CAST(NEW.welcome_texts AS TEXT) IS DISTINCT FROM CAST(OLD.welcome_texts AS TEXT) THEN RAISE EXCEPTION 'a proposed change of a list is never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.list_emails_approved() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF (NEW.sender_name IS DISTINCT FROM OLD.sender_name OR NEW.sender_email IS DISTINCT FROM OLD.sender_email OR CAST(NEW.welcome_texts AS TEXT) IS DISTINCT FROM CAST(OLD.welcome_texts AS TEXT)) AND NOT EXISTS (SELECT 1 FROM mailer_listchange k WHERE k.mailing_list_id = NEW.id AND k.state = 'approved' AND k.sender_name = NEW.sender_name AND k.sender_email = NEW.sender_email AND CAST(k.welcome_texts AS TEXT) = CAST(NEW.welcome_texts AS TEXT)) THEN RAISE EXCEPTION 'a second person approves the sender and welcome texts of a list' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.mailing_keeps_approval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.snapshot_id <> OLD.snapshot_id OR NEW.dry_run_to <> OLD.dry_run_to OR (NEW.state = 'sending' AND ((NEW.dry_run_to = '' AND NOT EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND c.edition_id = NEW.edition_id AND c.state IN ('approved', 'scheduled') AND NOT ((SELECT count(*) FROM mailer_approval p WHERE p.snapshot_id = c.id AND p.sha256 = c.sha256) < (length(c.approval_parts) - length(replace(c.approval_parts, '<', '')))))) OR (NEW.dry_run_to <> '' AND NOT EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND c.edition_id = NEW.edition_id AND c.state IN ('submitted', 'approved', 'scheduled'))))) THEN RAISE EXCEPTION 'only an approved snapshot can be sent' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.mailing_needs_approval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF ((NEW.dry_run_to = '' AND NOT EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND c.edition_id = NEW.edition_id AND c.state IN ('approved', 'scheduled') AND NOT ((SELECT count(*) FROM mailer_approval p WHERE p.snapshot_id = c.id AND p.sha256 = c.sha256) < (length(c.approval_parts) - length(replace(c.approval_parts, '<', '')))))) OR (NEW.dry_run_to <> '' AND NOT EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND c.edition_id = NEW.edition_id AND c.state IN ('submitted', 'approved', 'scheduled')))) THEN RAISE EXCEPTION 'only an approved snapshot can be sent' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.rejection_by_independent_account() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM mailer_accountinfluence i JOIN mailer_snapshot c ON c.id = NEW.snapshot_id WHERE i.user_id = NEW.rejected_by_id AND (c.submitted_by_id = i.author_id OR c.manifest LIKE '%<' || i.author_id || '>%' OR EXISTS (SELECT 1 FROM mailer_snapshotauthor a WHERE a.snapshot_id = c.id AND a.user_id = i.author_id))) THEN RAISE EXCEPTION 'an author changed the account of the person who rejects' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.rejection_not_by_author() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM mailer_snapshotauthor a WHERE a.snapshot_id = NEW.snapshot_id AND a.user_id = NEW.rejected_by_id) OR EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND (c.submitted_by_id = NEW.rejected_by_id OR c.manifest LIKE '%<' || NEW.rejected_by_id || '>%')) THEN RAISE EXCEPTION 'an author may not reject' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.rejection_not_by_creator_of_author() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF EXISTS (SELECT 1 FROM mailer_accountcontrol i JOIN mailer_snapshot c ON c.id = NEW.snapshot_id WHERE i.author_id = NEW.rejected_by_id AND (c.submitted_by_id = i.user_id OR c.manifest LIKE '%<' || i.user_id || '>%' OR EXISTS (SELECT 1 FROM mailer_snapshotauthor a WHERE a.snapshot_id = c.id AND a.user_id = i.user_id))) THEN RAISE EXCEPTION 'the person who rejects created or changed the account of an author' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.rejection_of_open_snapshot() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NOT EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.snapshot_id AND c.sha256 = NEW.sha256 AND c.state = 'submitted') THEN RAISE EXCEPTION 'a rejection must name the hash of a submitted snapshot' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.rejection_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'a rejection is never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.snapshot_approved_by_approval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF (NEW.state IN ('approved', 'scheduled') OR NEW.approved_at IS DISTINCT FROM OLD.approved_at) AND EXISTS (SELECT 1 FROM mailer_snapshot c WHERE c.id = NEW.id AND (SELECT count(*) FROM mailer_approval p WHERE p.snapshot_id = c.id AND p.sha256 = c.sha256) < (length(c.approval_parts) - length(replace(c.approval_parts, '<', '')))) THEN RAISE EXCEPTION 'a snapshot without an approval keeps its state' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.snapshot_author_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF 1 = 1 THEN RAISE EXCEPTION 'the authors of a snapshot are never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.snapshot_not_born_approved() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.approved_at IS NOT NULL THEN RAISE EXCEPTION 'a snapshot is approved by its approvals' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.snapshot_rejected_for_good() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF (OLD.state = 'rejected' AND NEW.state <> 'rejected') OR (NEW.state = 'rejected' AND NOT EXISTS (SELECT 1 FROM mailer_rejection r WHERE r.snapshot_id = NEW.id AND r.sha256 = NEW.sha256)) THEN RAISE EXCEPTION 'a snapshot is rejected by a rejection, and stays so' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.snapshot_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.edition_id <> OLD.edition_id OR NEW.sha256 <> OLD.sha256 OR NEW.content <> OLD.content OR NEW.manifest <> OLD.manifest OR NEW.audience_count <> OLD.audience_count OR NEW.submitted_by_id <> OLD.submitted_by_id OR NEW.window_from <> OLD.window_from OR NEW.note <> OLD.note OR NEW.approval_parts <> OLD.approval_parts OR NEW.window_until <> OLD.window_until OR CAST(NEW.audience AS TEXT) <> CAST(OLD.audience AS TEXT) OR CAST(NEW.readers AS TEXT) <> CAST(OLD.readers AS TEXT) OR CAST(NEW.must_check AS TEXT) <> CAST(OLD.must_check AS TEXT) THEN RAISE EXCEPTION 'a snapshot is never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE FUNCTION public.snapshot_variant_unchanged() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN IF NEW.snapshot_id <> OLD.snapshot_id OR NEW.key <> OLD.key OR NEW.language <> OLD.language OR NEW.stories <> OLD.stories OR NEW.subject <> OLD.subject OR NEW.preheader <> OLD.preheader OR NEW.html <> OLD.html OR NEW.text <> OLD.text OR NEW.sha256 <> OLD.sha256 THEN RAISE EXCEPTION 'a snapshot variant is never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;
CREATE TABLE public.account_emailaddress (
    id integer NOT NULL,
    email character varying(254) NOT NULL,
    verified boolean NOT NULL,
    "primary" boolean NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.account_emailaddress ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.account_emailaddress_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.account_emailconfirmation (
    id integer NOT NULL,
    created timestamp with time zone NOT NULL,
    sent timestamp with time zone,
    key character varying(64) NOT NULL,
    email_address_id integer NOT NULL
);
ALTER TABLE public.account_emailconfirmation ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.account_emailconfirmation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.auth_group (
    id integer NOT NULL,
    name character varying(150) NOT NULL
);
ALTER TABLE public.auth_group ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.auth_group_permissions (
    id bigint NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);
ALTER TABLE public.auth_group_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_group_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.auth_permission (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    content_type_id integer NOT NULL,
    codename character varying(100) NOT NULL
);
ALTER TABLE public.auth_permission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_permission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.auth_user (
    id integer NOT NULL,
    password character varying(128) NOT NULL,
    last_login timestamp with time zone,
    is_superuser boolean NOT NULL,
    username character varying(150) NOT NULL,
    first_name character varying(150) NOT NULL,
    last_name character varying(150) NOT NULL,
    email character varying(254) NOT NULL,
    is_staff boolean NOT NULL,
    is_active boolean NOT NULL,
    date_joined timestamp with time zone NOT NULL
);
CREATE TABLE public.auth_user_groups (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    group_id integer NOT NULL
);
ALTER TABLE public.auth_user_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.auth_user ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.auth_user_user_permissions (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    permission_id integer NOT NULL
);
ALTER TABLE public.auth_user_user_permissions ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.auth_user_user_permissions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.django_content_type (
    id integer NOT NULL,
    app_label character varying(100) NOT NULL,
    model character varying(100) NOT NULL
);
ALTER TABLE public.django_content_type ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_content_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.django_migrations (
    id bigint NOT NULL,
    app character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    applied timestamp with time zone NOT NULL
);
ALTER TABLE public.django_migrations ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.django_migrations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.django_session (
    session_key character varying(40) NOT NULL,
    session_data text NOT NULL,
    expire_date timestamp with time zone NOT NULL
);
CREATE TABLE public.mailer_accountchange (
    id bigint NOT NULL,
    what character varying(20) NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    at timestamp with time zone NOT NULL,
    notified_at timestamp with time zone,
    actor_id integer,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_accountchange ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_accountchange_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW public.mailer_accountcontrol AS
 WITH RECURSIVE recent(actor_id, user_id, at) AS (
         SELECT mailer_accountchange.actor_id,
            mailer_accountchange.user_id,
            mailer_accountchange.at
           FROM public.mailer_accountchange
          WHERE ((mailer_accountchange.actor_id <> mailer_accountchange.user_id) AND (mailer_accountchange.at > (clock_timestamp() - '30 days'::interval)) AND ((mailer_accountchange.what)::text = ANY ((ARRAY['created'::character varying, 'email'::character varying, 'password'::character varying, 'second_factor'::character varying])::text[])))
        ), influence(author_id, user_id, at) AS (
         SELECT recent.actor_id,
            recent.user_id,
            recent.at
           FROM recent
        UNION
         SELECT i.author_id,
            r.user_id,
            r.at
           FROM (influence i
             JOIN recent r ON (((r.actor_id = i.user_id) AND (r.at >= i.at))))
        )
 SELECT DISTINCT author_id,
    user_id
   FROM influence;
CREATE VIEW public.mailer_accountinfluence AS
 WITH RECURSIVE recent(actor_id, user_id, at) AS (
         SELECT mailer_accountchange.actor_id,
            mailer_accountchange.user_id,
            mailer_accountchange.at
           FROM public.mailer_accountchange
          WHERE ((mailer_accountchange.actor_id <> mailer_accountchange.user_id) AND (mailer_accountchange.at > (clock_timestamp() - '30 days'::interval)))
        ), influence(author_id, user_id, at) AS (
         SELECT recent.actor_id,
            recent.user_id,
            recent.at
           FROM recent
        UNION
         SELECT i.author_id,
            r.user_id,
            r.at
           FROM (influence i
             JOIN recent r ON (((r.actor_id = i.user_id) AND (r.at >= i.at))))
        )
 SELECT DISTINCT author_id,
    user_id
   FROM influence;
CREATE TABLE public.mailer_alert (
    id bigint NOT NULL,
    key character varying(80) NOT NULL,
    kind character varying(60) NOT NULL,
    message character varying(500) NOT NULL,
    sending_stopped boolean NOT NULL,
    path character varying(200) NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    mailing_id bigint
);
ALTER TABLE public.mailer_alert ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_alert_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_alertpost (
    id bigint NOT NULL,
    webhook character varying(32) NOT NULL,
    due_at timestamp with time zone,
    attempts smallint NOT NULL,
    accepted_at timestamp with time zone,
    reply character varying(60) NOT NULL,
    alert_id bigint NOT NULL,
    CONSTRAINT mailer_alertpost_attempts_check CHECK ((attempts >= 0))
);
ALTER TABLE public.mailer_alertpost ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_alertpost_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_apikey (
    id bigint NOT NULL,
    name character varying(80) NOT NULL,
    public_id character varying(8) NOT NULL,
    digest character varying(64) NOT NULL,
    scopes jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revoked_by character varying(150) NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_apikey ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_apikey_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_approval (
    id bigint NOT NULL,
    language character varying(12) NOT NULL,
    sha256 character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL,
    by_command boolean NOT NULL,
    by_link boolean NOT NULL,
    approver_id integer NOT NULL,
    snapshot_id bigint NOT NULL
);
ALTER TABLE public.mailer_approval ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_approval_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_approvallink (
    id bigint NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    code_digest character varying(64) NOT NULL,
    code_expires_at timestamp with time zone,
    code_failures smallint NOT NULL,
    used_at timestamp with time zone,
    requested_by_id integer NOT NULL,
    user_id integer NOT NULL,
    snapshot_id bigint NOT NULL,
    CONSTRAINT mailer_approvallink_code_failures_check CHECK ((code_failures >= 0))
);
ALTER TABLE public.mailer_approvallink ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_approvallink_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_audiencecount (
    id bigint NOT NULL,
    key character varying(64) NOT NULL,
    combinations jsonb NOT NULL,
    total integer NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT mailer_audiencecount_total_check CHECK ((total >= 0))
);
ALTER TABLE public.mailer_audiencecount ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_audiencecount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_auditrecord (
    sequence bigint NOT NULL,
    redaction boolean NOT NULL,
    fixed_digest bytea NOT NULL,
    content_digest bytea NOT NULL,
    salt bytea NOT NULL,
    mac bytea NOT NULL,
    entry_id integer NOT NULL
);
CREATE TABLE public.mailer_authorship (
    id bigint NOT NULL,
    action character varying(250) NOT NULL,
    fingerprint character varying(80) NOT NULL,
    at timestamp with time zone NOT NULL,
    segment_id bigint,
    user_id integer,
    edition_id bigint,
    newsletter_id bigint,
    story_id bigint,
    CONSTRAINT authorship_one_subject CHECK ((((edition_id IS NOT NULL) AND (newsletter_id IS NULL) AND (segment_id IS NULL) AND (story_id IS NULL)) OR ((edition_id IS NULL) AND (newsletter_id IS NULL) AND (segment_id IS NULL) AND (story_id IS NOT NULL)) OR ((edition_id IS NULL) AND (newsletter_id IS NOT NULL) AND (segment_id IS NULL) AND (story_id IS NULL)) OR ((edition_id IS NULL) AND (newsletter_id IS NULL) AND (segment_id IS NOT NULL) AND (story_id IS NULL))))
);
ALTER TABLE public.mailer_authorship ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_authorship_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_bouncewave (
    id bigint NOT NULL,
    domain character varying(255) NOT NULL,
    reply_fingerprint character varying(32) NOT NULL,
    reply character varying(200) NOT NULL,
    state character varying(10) NOT NULL,
    bounced integer NOT NULL,
    mailable integer,
    started_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by character varying(150) NOT NULL,
    CONSTRAINT mailer_bouncewave_bounced_check CHECK ((bounced >= 0)),
    CONSTRAINT mailer_bouncewave_mailable_check CHECK ((mailable >= 0))
);
ALTER TABLE public.mailer_bouncewave ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_bouncewave_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_cache (
    cache_key character varying(255) NOT NULL,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE TABLE public.mailer_calendaraddress (
    id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_calendaraddress ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_calendaraddress_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_checkrun (
    id bigint NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    requested_by character varying(150) NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    waiting_for character varying(120) NOT NULL,
    results jsonb NOT NULL
);
ALTER TABLE public.mailer_checkrun ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_checkrun_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_claim (
    id bigint NOT NULL,
    owner character varying(64) NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    mailing_id bigint NOT NULL
);
ALTER TABLE public.mailer_claim ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_claim_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_contributorcountries (
    id bigint NOT NULL,
    countries character varying(800) NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_contributorcountries ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_contributorcountries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_dailyeventcount (
    id bigint NOT NULL,
    kind character varying(5) NOT NULL,
    link_number smallint NOT NULL,
    day date NOT NULL,
    is_bot boolean NOT NULL,
    count integer NOT NULL,
    variant_id bigint NOT NULL,
    CONSTRAINT mailer_dailyeventcount_count_check CHECK ((count >= 0)),
    CONSTRAINT mailer_dailyeventcount_link_number_check CHECK ((link_number >= 0))
);
ALTER TABLE public.mailer_dailyeventcount ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_dailyeventcount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_delivery (
    id bigint NOT NULL,
    subscriber bigint NOT NULL,
    state character varying(10) NOT NULL,
    countries character varying(800) NOT NULL,
    reason character varying(40) NOT NULL,
    claimed_by character varying(64) NOT NULL,
    lease_until timestamp with time zone,
    attempts smallint NOT NULL,
    doubts smallint NOT NULL,
    due_at timestamp with time zone,
    reply character varying(500) NOT NULL,
    accepted_at timestamp with time zone,
    rejected_at timestamp with time zone,
    bounced_at timestamp with time zone,
    complained_at timestamp with time zone,
    refusal_processed_at timestamp with time zone,
    mailing_id bigint NOT NULL,
    variant_id bigint,
    CONSTRAINT mailer_delivery_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT mailer_delivery_doubts_check CHECK ((doubts >= 0))
);
ALTER TABLE public.mailer_delivery ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_draftcheck (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    sizes jsonb NOT NULL,
    findings jsonb NOT NULL,
    edition_id bigint NOT NULL
);
ALTER TABLE public.mailer_draftcheck ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_draftcheck_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_edition (
    id bigint NOT NULL,
    live boolean NOT NULL,
    has_unpublished_changes boolean NOT NULL,
    first_published_at timestamp with time zone,
    last_published_at timestamp with time zone,
    go_live_at timestamp with time zone,
    expire_at timestamp with time zone,
    expired boolean NOT NULL,
    slug character varying(80) NOT NULL,
    period character varying(16) NOT NULL,
    name character varying(80) NOT NULL,
    number integer NOT NULL,
    body jsonb NOT NULL,
    left_out jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    excluded_id bigint,
    latest_revision_id integer,
    live_revision_id integer,
    segment_id bigint,
    newsletter_id bigint NOT NULL,
    CONSTRAINT mailer_edition_number_check CHECK ((number >= 0))
);
ALTER TABLE public.mailer_edition ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_edition_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_editionplan (
    id bigint NOT NULL,
    period character varying(16) NOT NULL,
    state character varying(10) NOT NULL,
    assemble_at timestamp with time zone NOT NULL,
    stories integer NOT NULL,
    send_at timestamp with time zone,
    offices_reminded_at timestamp with time zone,
    asked_at timestamp with time zone,
    approvers_reminded_at timestamp with time zone,
    scheduled_at timestamp with time zone,
    held_at timestamp with time zone,
    edition_id bigint,
    newsletter_id bigint NOT NULL,
    CONSTRAINT mailer_editionplan_stories_check CHECK ((stories >= 0))
);
ALTER TABLE public.mailer_editionplan ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_editionplan_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_editiontext (
    id bigint NOT NULL,
    language character varying(12) NOT NULL,
    subject character varying(150) NOT NULL,
    preheader character varying(200) NOT NULL,
    edition_id bigint NOT NULL
);
ALTER TABLE public.mailer_editiontext ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_editiontext_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_feedbackevent (
    id bigint NOT NULL,
    kind character varying(12) NOT NULL,
    bounce_class character varying(8) NOT NULL,
    reason character varying(40) NOT NULL,
    status character varying(12) NOT NULL,
    diagnostic text NOT NULL,
    rule character varying(120) NOT NULL,
    identity character varying(20) NOT NULL,
    provider character varying(255) NOT NULL,
    subscriber bigint,
    address_hash bytea,
    reply_fingerprint character varying(32) NOT NULL,
    newsletter bigint,
    at timestamp with time zone NOT NULL,
    counted_at timestamp with time zone,
    source_key character varying(128),
    delivery_id bigint,
    mailing_id bigint,
    message_id bigint
);
ALTER TABLE public.mailer_feedbackevent ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_feedbackevent_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_glossaryterm (
    id bigint NOT NULL,
    names jsonb NOT NULL,
    forbidden jsonb NOT NULL,
    note character varying(200) NOT NULL,
    newsletter_id bigint
);
ALTER TABLE public.mailer_glossaryterm ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_glossaryterm_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_idempotentrequest (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    answer bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    key_id bigint NOT NULL,
    CONSTRAINT mailer_idempotentrequest_status_check CHECK ((status >= 0))
);
ALTER TABLE public.mailer_idempotentrequest ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_idempotentrequest_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_inboundsource (
    id bigint NOT NULL,
    url character varying(255) NOT NULL,
    "position" character varying(60) NOT NULL,
    last_read_at timestamp with time zone,
    failed_messages integer NOT NULL,
    failing_since timestamp with time zone,
    failures integer NOT NULL,
    error character varying(500) NOT NULL,
    next_poll_at timestamp with time zone,
    notified_at timestamp with time zone,
    CONSTRAINT mailer_inboundsource_failed_messages_check CHECK ((failed_messages >= 0)),
    CONSTRAINT mailer_inboundsource_failures_check CHECK ((failures >= 0))
);
ALTER TABLE public.mailer_inboundsource ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_inboundsource_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_instance (
    id bigint NOT NULL,
    identity character varying(32) NOT NULL,
    database character varying(64) NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    last_backup_at timestamp with time zone,
    no_send_since timestamp with time zone,
    no_send_reason character varying(8) NOT NULL
);
ALTER TABLE public.mailer_instance ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_instance_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_intervention (
    id bigint NOT NULL,
    action character varying(8) NOT NULL,
    metric character varying(12) NOT NULL,
    provider character varying(255) NOT NULL,
    cases integer NOT NULL,
    total integer NOT NULL,
    "limit" double precision NOT NULL,
    total_cases integer NOT NULL,
    message character varying(300) NOT NULL,
    at timestamp with time zone NOT NULL,
    counted_from timestamp with time zone NOT NULL,
    mailing_id bigint NOT NULL,
    CONSTRAINT mailer_intervention_cases_check CHECK ((cases >= 0)),
    CONSTRAINT mailer_intervention_total_cases_check CHECK ((total_cases >= 0)),
    CONSTRAINT mailer_intervention_total_check CHECK ((total >= 0))
);
ALTER TABLE public.mailer_intervention ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_intervention_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_invitation (
    id bigint NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    invited_by_id integer,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_invitation ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_invitation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_jobstats (
    id bigint NOT NULL,
    job character varying(60) NOT NULL,
    runs bigint NOT NULL,
    failures bigint NOT NULL,
    seconds double precision NOT NULL,
    succeeded_at timestamp with time zone,
    failed_at timestamp with time zone,
    CONSTRAINT mailer_jobstats_failures_check CHECK ((failures >= 0)),
    CONSTRAINT mailer_jobstats_runs_check CHECK ((runs >= 0))
);
ALTER TABLE public.mailer_jobstats ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_jobstats_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_linkcheck (
    id bigint NOT NULL,
    key character varying(64) NOT NULL,
    url text NOT NULL,
    state character varying(10) NOT NULL,
    status smallint NOT NULL,
    final_url text NOT NULL,
    checked_at timestamp with time zone,
    due_at timestamp with time zone NOT NULL,
    wanted_until timestamp with time zone NOT NULL,
    failures smallint NOT NULL,
    CONSTRAINT mailer_linkcheck_failures_check CHECK ((failures >= 0)),
    CONSTRAINT mailer_linkcheck_status_check CHECK ((status >= 0))
);
ALTER TABLE public.mailer_linkcheck ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_linkcheck_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_listchange (
    id bigint NOT NULL,
    sender_name character varying(120) NOT NULL,
    sender_email character varying(254) NOT NULL,
    welcome_texts jsonb NOT NULL,
    state character varying(10) NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by_id integer,
    mailing_list_id bigint NOT NULL,
    proposed_by_id integer NOT NULL
);
ALTER TABLE public.mailer_listchange ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_listchange_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_mailing (
    id bigint NOT NULL,
    state character varying(12) NOT NULL,
    audience integer,
    reason character varying(300) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    planned_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    stopped_at timestamp with time zone,
    expires_at timestamp with time zone,
    released_up_to bigint,
    step smallint,
    step_completed_at timestamp with time zone,
    counted_from timestamp with time zone,
    dry_run_to character varying(320) NOT NULL,
    dry_run_limit integer,
    cancelled_unsent boolean NOT NULL,
    edition_id bigint NOT NULL,
    snapshot_id bigint NOT NULL,
    CONSTRAINT mailer_mailing_audience_check CHECK ((audience >= 0)),
    CONSTRAINT mailer_mailing_dry_run_limit_check CHECK ((dry_run_limit >= 0)),
    CONSTRAINT mailer_mailing_step_check CHECK ((step >= 0))
);
ALTER TABLE public.mailer_mailing ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_mailing_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_mailingstats (
    mailing_id bigint NOT NULL,
    stats jsonb NOT NULL,
    totals jsonb NOT NULL,
    unsubscribes integer NOT NULL,
    event_count integer NOT NULL,
    collected_at timestamp with time zone NOT NULL,
    collect_seconds double precision NOT NULL,
    CONSTRAINT mailer_mailingstats_event_count_check CHECK ((event_count >= 0)),
    CONSTRAINT mailer_mailingstats_unsubscribes_check CHECK ((unsubscribes >= 0))
);
CREATE TABLE public.mailer_newsletter (
    id bigint NOT NULL,
    slug character varying(50) NOT NULL,
    name character varying(120) NOT NULL,
    office character varying(160) NOT NULL,
    postal_address character varying(240) NOT NULL,
    sender_name character varying(120) NOT NULL,
    sender_email character varying(254) NOT NULL,
    reply_to character varying(254) NOT NULL,
    countries character varying(800) NOT NULL,
    languages character varying(800) NOT NULL,
    fallbacks character varying(800) NOT NULL,
    zone character varying(64) NOT NULL,
    assemble_on character varying(120) NOT NULL,
    schedule_since timestamp with time zone,
    period_kind character varying(10) NOT NULL,
    period_offset smallint NOT NULL,
    on_holidays character varying(10) NOT NULL,
    cutoff_hours smallint NOT NULL,
    office_reminder_days smallint,
    thin_below smallint NOT NULL,
    thin_rule character varying(10) NOT NULL,
    send_on character varying(120) NOT NULL,
    schedules_itself boolean NOT NULL,
    approval_reminder_hours smallint NOT NULL,
    window_days smallint NOT NULL,
    review_rule character varying(10) NOT NULL,
    approval_rule character varying(10) NOT NULL,
    translation_rule character varying(10) NOT NULL,
    approval_languages character varying(800) NOT NULL,
    own_countries_first boolean NOT NULL,
    lead_rule character varying(10) NOT NULL,
    max_per_country smallint,
    min_stories smallint,
    silent_rule character varying(10) NOT NULL,
    theme jsonb NOT NULL,
    templates jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    logo_id integer,
    logo_dark_id integer,
    CONSTRAINT mailer_newsletter_approval_reminder_hours_check CHECK ((approval_reminder_hours >= 0)),
    CONSTRAINT mailer_newsletter_cutoff_hours_check CHECK ((cutoff_hours >= 0)),
    CONSTRAINT mailer_newsletter_max_per_country_check CHECK ((max_per_country >= 0)),
    CONSTRAINT mailer_newsletter_min_stories_check CHECK ((min_stories >= 0)),
    CONSTRAINT mailer_newsletter_office_reminder_days_check CHECK ((office_reminder_days >= 0)),
    CONSTRAINT mailer_newsletter_thin_below_check CHECK ((thin_below >= 0)),
    CONSTRAINT mailer_newsletter_window_days_check CHECK ((window_days >= 0))
);
ALTER TABLE public.mailer_newsletter ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_newsletter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_newsletter_lists (
    id bigint NOT NULL,
    newsletter_id bigint NOT NULL,
    mailinglist_id bigint NOT NULL
);
ALTER TABLE public.mailer_newsletter_lists ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_newsletter_lists_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_newslettertext (
    id bigint NOT NULL,
    language character varying(12) NOT NULL,
    tagline character varying(160) NOT NULL,
    name character varying(120) NOT NULL,
    office character varying(160) NOT NULL,
    postal_address character varying(240) NOT NULL,
    logo_alt character varying(160) NOT NULL,
    newsletter_id bigint NOT NULL
);
ALTER TABLE public.mailer_newslettertext ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_newslettertext_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_notification (
    id bigint NOT NULL,
    event character varying(20) NOT NULL,
    text character varying(300) NOT NULL,
    path character varying(200) NOT NULL,
    at timestamp with time zone NOT NULL,
    read_at timestamp with time zone,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_notification ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_notificationchoice (
    id bigint NOT NULL,
    ways jsonb NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_notificationchoice ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_notificationchoice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_outboxmessage (
    id bigint NOT NULL,
    sender character varying(320) NOT NULL,
    recipient character varying(320) NOT NULL,
    message bytea NOT NULL,
    state character varying(8) NOT NULL,
    attempts smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    reply character varying(500) NOT NULL,
    CONSTRAINT mailer_outboxmessage_attempts_check CHECK ((attempts >= 0))
);
ALTER TABLE public.mailer_outboxmessage ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_outboxmessage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_outcomebatch (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    domains text NOT NULL,
    attempts integer NOT NULL,
    failed integer NOT NULL,
    blocked integer NOT NULL,
    reply character varying(200) NOT NULL,
    errors text NOT NULL,
    mailing_id bigint NOT NULL,
    CONSTRAINT mailer_outcomebatch_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT mailer_outcomebatch_blocked_check CHECK ((blocked >= 0)),
    CONSTRAINT mailer_outcomebatch_failed_check CHECK ((failed >= 0))
);
ALTER TABLE public.mailer_outcomebatch ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_outcomebatch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_outcometotal (
    id bigint NOT NULL,
    provider character varying(64) NOT NULL,
    outcome character varying(20) NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT mailer_outcometotal_count_check CHECK ((count >= 0))
);
ALTER TABLE public.mailer_outcometotal ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_outcometotal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_passwordresetrequest (
    id bigint NOT NULL,
    login character varying(254) NOT NULL,
    network character varying(50) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
ALTER TABLE public.mailer_passwordresetrequest ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_passwordresetrequest_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_providerhour (
    id bigint NOT NULL,
    provider character varying(255) NOT NULL,
    since timestamp with time zone NOT NULL,
    attempted integer NOT NULL,
    accepted integer NOT NULL,
    bounced integer NOT NULL,
    blocked integer NOT NULL,
    complained integer NOT NULL,
    mailing_id bigint NOT NULL,
    CONSTRAINT mailer_providerhour_accepted_check CHECK ((accepted >= 0)),
    CONSTRAINT mailer_providerhour_attempted_check CHECK ((attempted >= 0)),
    CONSTRAINT mailer_providerhour_blocked_check CHECK ((blocked >= 0)),
    CONSTRAINT mailer_providerhour_bounced_check CHECK ((bounced >= 0)),
    CONSTRAINT mailer_providerhour_complained_check CHECK ((complained >= 0))
);
ALTER TABLE public.mailer_providerhour ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_providerhour_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_rejection (
    id bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    reason character varying(1000) NOT NULL,
    at timestamp with time zone NOT NULL,
    by_command boolean NOT NULL,
    by_link boolean NOT NULL,
    rejected_by_id integer NOT NULL,
    snapshot_id bigint NOT NULL,
    CONSTRAINT rejection_has_reason CHECK ((NOT ((reason)::text = ''::text)))
);
ALTER TABLE public.mailer_rejection ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_rejection_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_replyanswer (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    recipient character varying(254) NOT NULL,
    sender character varying(254) NOT NULL,
    subject character varying(200) NOT NULL,
    body text NOT NULL,
    answered_by_id integer NOT NULL,
    message_id bigint NOT NULL
);
ALTER TABLE public.mailer_replyanswer ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_replyanswer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_returnedmessage (
    id bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    kind character varying(12) NOT NULL,
    raw bytea NOT NULL,
    service character varying(16) NOT NULL,
    received_at timestamp with time zone NOT NULL,
    sender character varying(200) NOT NULL,
    subject character varying(200) NOT NULL,
    triaged_at timestamp with time zone,
    triaged_by character varying(150) NOT NULL,
    triage_result character varying(12) NOT NULL,
    subscriber bigint
);
ALTER TABLE public.mailer_returnedmessage ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_returnedmessage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_reviewcomment (
    id bigint NOT NULL,
    story_key character varying(100) NOT NULL,
    text character varying(1000) NOT NULL,
    at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    done_by_id integer,
    user_id integer NOT NULL,
    snapshot_id bigint NOT NULL
);
ALTER TABLE public.mailer_reviewcomment ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_reviewcomment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_signinfailures (
    id bigint NOT NULL,
    key character varying(120) NOT NULL,
    failures integer NOT NULL,
    last_failed_at timestamp with time zone NOT NULL,
    locked_until timestamp with time zone,
    CONSTRAINT mailer_signinfailures_failures_check CHECK ((failures >= 0))
);
ALTER TABLE public.mailer_signinfailures ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_signinfailures_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_skippedstep (
    id bigint NOT NULL,
    step character varying(30) NOT NULL,
    reason character varying(200) NOT NULL,
    skipped_by character varying(150) NOT NULL,
    skipped_at timestamp with time zone NOT NULL
);
ALTER TABLE public.mailer_skippedstep ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_skippedstep_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_snapshot (
    id bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    content text NOT NULL,
    manifest text NOT NULL,
    audience jsonb NOT NULL,
    audience_count integer NOT NULL,
    readers jsonb NOT NULL,
    findings jsonb NOT NULL,
    window_from timestamp with time zone NOT NULL,
    window_until timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone NOT NULL,
    note text NOT NULL,
    must_check jsonb NOT NULL,
    approval_parts text NOT NULL,
    state character varying(12) NOT NULL,
    approved_at timestamp with time zone,
    send_at timestamp with time zone,
    local_hour smallint,
    invalidated_reason character varying(300) NOT NULL,
    edition_id bigint NOT NULL,
    scheduled_by_id integer,
    submitted_by_id integer NOT NULL,
    invalidated_at timestamp with time zone,
    CONSTRAINT mailer_snapshot_audience_count_check CHECK ((audience_count >= 0)),
    CONSTRAINT mailer_snapshot_local_hour_check CHECK ((local_hour >= 0)),
    CONSTRAINT snapshot_needs_approval CHECK ((approval_parts ~~ '<%'::text))
);
ALTER TABLE public.mailer_snapshot ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_snapshot_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_snapshotauthor (
    id bigint NOT NULL,
    reason character varying(300) NOT NULL,
    snapshot_id bigint NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_snapshotauthor ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_snapshotauthor_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_snapshotvariant (
    id bigint NOT NULL,
    key character varying(16) NOT NULL,
    language character varying(12) NOT NULL,
    stories text NOT NULL,
    subject character varying(200) NOT NULL,
    preheader character varying(250) NOT NULL,
    html text NOT NULL,
    text text NOT NULL,
    sha256 character varying(64) NOT NULL,
    snapshot_id bigint NOT NULL
);
ALTER TABLE public.mailer_snapshotvariant ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_snapshotvariant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_staffnotice (
    id bigint NOT NULL,
    key character varying(60) NOT NULL,
    at timestamp with time zone NOT NULL
);
ALTER TABLE public.mailer_staffnotice ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_staffnotice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_story (
    id bigint NOT NULL,
    live boolean NOT NULL,
    has_unpublished_changes boolean NOT NULL,
    first_published_at timestamp with time zone,
    last_published_at timestamp with time zone,
    go_live_at timestamp with time zone,
    expire_at timestamp with time zone,
    expired boolean NOT NULL,
    key character varying(120) NOT NULL,
    kind character varying(12) NOT NULL,
    date date NOT NULL,
    starts time without time zone,
    ends time without time zone,
    zone character varying(64) NOT NULL,
    countries character varying(800) NOT NULL,
    link character varying(500) NOT NULL,
    source_language character varying(12) NOT NULL,
    from_period character varying(16) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    latest_revision_id integer,
    live_revision_id integer,
    picture_id integer
);
ALTER TABLE public.mailer_story ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_story_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_storycomment (
    id bigint NOT NULL,
    text text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    author_id integer,
    resolved_by_id integer,
    story_id bigint NOT NULL
);
ALTER TABLE public.mailer_storycomment ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_storycomment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_storymail (
    id bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    raw bytea NOT NULL,
    received_at timestamp with time zone NOT NULL,
    tag character varying(64) NOT NULL,
    state character varying(12) NOT NULL,
    sender character varying(254) NOT NULL,
    subject character varying(200) NOT NULL,
    authentication jsonb NOT NULL,
    warnings jsonb NOT NULL,
    source_id bigint
);
ALTER TABLE public.mailer_storymail ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_storymail_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_storyoverride (
    id bigint NOT NULL,
    size character varying(8) NOT NULL,
    headlines jsonb NOT NULL,
    picture_alts jsonb NOT NULL,
    edition_id bigint NOT NULL,
    picture_id integer,
    story_id bigint NOT NULL
);
ALTER TABLE public.mailer_storyoverride ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_storyoverride_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_storysource (
    id bigint NOT NULL,
    name character varying(120) NOT NULL,
    kind character varying(12) NOT NULL,
    url character varying(500) NOT NULL,
    folder character varying(500) NOT NULL,
    mail_tag character varying(40) NOT NULL,
    senders text NOT NULL,
    language character varying(12) NOT NULL,
    countries character varying(800) NOT NULL,
    category_countries jsonb NOT NULL,
    active boolean NOT NULL,
    poll_minutes integer NOT NULL,
    validators jsonb NOT NULL,
    next_poll_at timestamp with time zone,
    last_success_at timestamp with time zone,
    problem character varying(400) NOT NULL,
    warnings jsonb NOT NULL,
    failures integer NOT NULL,
    moved_to character varying(500) NOT NULL,
    CONSTRAINT mailer_storysource_failures_check CHECK ((failures >= 0)),
    CONSTRAINT mailer_storysource_poll_minutes_check CHECK ((poll_minutes >= 0))
);
ALTER TABLE public.mailer_storysource ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_storysource_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_storysourceitem (
    id bigint NOT NULL,
    item_id character varying(500) NOT NULL,
    digest character varying(64) NOT NULL,
    role character varying(12) NOT NULL,
    link character varying(500) NOT NULL,
    language character varying(12) NOT NULL,
    published timestamp with time zone,
    translation_of character varying(500) NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    picture_digest character varying(64) NOT NULL,
    picture_problem character varying(400) NOT NULL,
    content jsonb NOT NULL,
    suggestion jsonb NOT NULL,
    reviewed_at timestamp with time zone,
    update jsonb NOT NULL,
    updated_at timestamp with time zone,
    similar_reason character varying(12) NOT NULL,
    reviewed_by_id integer,
    similar_to_id bigint,
    source_id bigint NOT NULL,
    story_id bigint,
    kept_at timestamp with time zone,
    missing_since timestamp with time zone,
    modified timestamp with time zone,
    picture_url character varying(500) DEFAULT ''::character varying NOT NULL
);
ALTER TABLE public.mailer_storysourceitem ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_storysourceitem_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_storysourceitemkey (
    id bigint NOT NULL,
    key character varying(40) NOT NULL,
    item_id bigint NOT NULL
);
ALTER TABLE public.mailer_storysourceitemkey ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_storysourceitemkey_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_storytext (
    id bigint NOT NULL,
    language character varying(12) NOT NULL,
    headline character varying(200) NOT NULL,
    summary text NOT NULL,
    body text NOT NULL,
    link_label character varying(80) NOT NULL,
    venue character varying(160) NOT NULL,
    picture_alt character varying(250) NOT NULL,
    translated_from character varying(16) NOT NULL,
    story_id bigint NOT NULL
);
ALTER TABLE public.mailer_storytext ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_storytext_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_suppressiondecision (
    id bigint NOT NULL,
    subscriber bigint NOT NULL,
    address_hash bytea NOT NULL,
    domain character varying(255) NOT NULL,
    state character varying(10) NOT NULL,
    rule character varying(20) NOT NULL,
    reason character varying(300) NOT NULL,
    had_deliveries boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    applied_at timestamp with time zone,
    unsubscribed_lists jsonb NOT NULL,
    probed_at timestamp with time zone,
    closed_at timestamp with time zone,
    closed_by character varying(150) NOT NULL,
    probe_id bigint,
    suppression_id bigint,
    wave_id bigint
);
CREATE TABLE public.mailer_suppressiondecision_events (
    id bigint NOT NULL,
    suppressiondecision_id bigint CONSTRAINT mailer_suppressiondecision_even_suppressiondecision_id_not_null NOT NULL,
    feedbackevent_id bigint NOT NULL
);
ALTER TABLE public.mailer_suppressiondecision_events ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_suppressiondecision_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.mailer_suppressiondecision ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_suppressiondecision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_templateversion (
    id bigint NOT NULL,
    part character varying(160) NOT NULL,
    source text,
    at timestamp with time zone NOT NULL,
    author_id integer,
    newsletter_id bigint NOT NULL
);
ALTER TABLE public.mailer_templateversion ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_templateversion_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_throttlestate (
    id bigint NOT NULL,
    key character varying(120) NOT NULL,
    data jsonb NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
ALTER TABLE public.mailer_throttlestate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_throttlestate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_trackingevent (
    id bigint NOT NULL,
    kind character varying(5) NOT NULL,
    link_number smallint NOT NULL,
    at timestamp with time zone NOT NULL,
    client_hash character varying(16),
    filter_reason character varying(10) NOT NULL,
    finalized boolean NOT NULL,
    subscriber_id bigint,
    variant_id bigint NOT NULL,
    CONSTRAINT mailer_trackingevent_link_number_check CHECK ((link_number >= 0))
);
ALTER TABLE public.mailer_trackingevent ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_trackingevent_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_variantaudience (
    id bigint NOT NULL,
    recipients integer NOT NULL,
    countries character varying(800) NOT NULL,
    link_count smallint NOT NULL,
    variant_id bigint NOT NULL,
    CONSTRAINT mailer_variantaudience_link_count_check CHECK ((link_count >= 0)),
    CONSTRAINT mailer_variantaudience_recipients_check CHECK ((recipients >= 0))
);
ALTER TABLE public.mailer_variantaudience ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_variantaudience_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_variantcheck (
    id bigint NOT NULL,
    variant_key character varying(16) NOT NULL,
    at timestamp with time zone NOT NULL,
    snapshot_id bigint NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.mailer_variantcheck ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_variantcheck_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_webhookattempt (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    status smallint,
    error character varying(200) NOT NULL,
    milliseconds integer NOT NULL,
    message_id bigint NOT NULL,
    CONSTRAINT mailer_webhookattempt_milliseconds_check CHECK ((milliseconds >= 0)),
    CONSTRAINT mailer_webhookattempt_status_check CHECK ((status >= 0))
);
ALTER TABLE public.mailer_webhookattempt ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_webhookattempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_webhookendpoint (
    id bigint NOT NULL,
    name character varying(80) NOT NULL,
    url character varying(500) NOT NULL,
    event_types jsonb NOT NULL,
    secret bytea NOT NULL,
    old_secret bytea NOT NULL,
    old_secret_until timestamp with time zone,
    active boolean NOT NULL,
    created_by character varying(150) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    failing_since timestamp with time zone,
    failures integer NOT NULL,
    next_attempt_at timestamp with time zone,
    error character varying(300) NOT NULL,
    CONSTRAINT mailer_webhookendpoint_failures_check CHECK ((failures >= 0))
);
ALTER TABLE public.mailer_webhookendpoint ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_webhookendpoint_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_webhookheartbeat (
    id bigint NOT NULL,
    service character varying(16) NOT NULL,
    last_received_at timestamp with time zone NOT NULL,
    payload_count bigint NOT NULL,
    CONSTRAINT mailer_webhookheartbeat_payload_count_check CHECK ((payload_count >= 0))
);
ALTER TABLE public.mailer_webhookheartbeat ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_webhookheartbeat_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_webhookmessage (
    id bigint NOT NULL,
    message_id character varying(40) NOT NULL,
    event_type character varying(40) NOT NULL,
    body text NOT NULL,
    state character varying(10) NOT NULL,
    attempts smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    delivered_at timestamp with time zone,
    endpoint_id bigint NOT NULL,
    CONSTRAINT mailer_webhookmessage_attempts_check CHECK ((attempts >= 0))
);
ALTER TABLE public.mailer_webhookmessage ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_webhookmessage_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_webhookpayload (
    id bigint NOT NULL,
    service character varying(16) NOT NULL,
    body bytea NOT NULL,
    received_at timestamp with time zone NOT NULL,
    attempts smallint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    CONSTRAINT mailer_webhookpayload_attempts_check CHECK ((attempts >= 0))
);
ALTER TABLE public.mailer_webhookpayload ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_webhookpayload_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mailer_workerprocess (
    id bigint NOT NULL,
    name character varying(100) NOT NULL,
    machine character varying(80) NOT NULL,
    engine character varying(12) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);
ALTER TABLE public.mailer_workerprocess ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mailer_workerprocess_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mfa_authenticator (
    id bigint NOT NULL,
    type character varying(20) NOT NULL,
    data jsonb NOT NULL,
    user_id integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
);
ALTER TABLE public.mfa_authenticator ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.mfa_authenticator_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.socialaccount_socialaccount (
    id integer NOT NULL,
    provider character varying(200) NOT NULL,
    uid character varying(191) NOT NULL,
    last_login timestamp with time zone NOT NULL,
    date_joined timestamp with time zone NOT NULL,
    extra_data jsonb NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.socialaccount_socialaccount ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.socialaccount_socialaccount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.socialaccount_socialapp (
    id integer NOT NULL,
    provider character varying(30) NOT NULL,
    name character varying(40) NOT NULL,
    client_id character varying(191) NOT NULL,
    secret character varying(191) NOT NULL,
    key character varying(191) NOT NULL,
    provider_id character varying(200) NOT NULL,
    settings jsonb NOT NULL
);
ALTER TABLE public.socialaccount_socialapp ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.socialaccount_socialapp_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.socialaccount_socialtoken (
    id integer NOT NULL,
    token text NOT NULL,
    token_secret text NOT NULL,
    expires_at timestamp with time zone,
    account_id integer NOT NULL,
    app_id integer
);
ALTER TABLE public.socialaccount_socialtoken ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.socialaccount_socialtoken_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_addresschange (
    id bigint NOT NULL,
    old_email character varying(254) NOT NULL,
    new_email character varying(254) NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    needs_old boolean NOT NULL,
    old_confirmed_at timestamp with time zone,
    new_confirmed_at timestamp with time zone,
    lists jsonb NOT NULL,
    changed_at timestamp with time zone,
    new_is_known boolean NOT NULL,
    rejected_at timestamp with time zone,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_addresschange ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_addresschange_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_bulkchange (
    id bigint NOT NULL,
    row_id bigint,
    old_state character varying(12) NOT NULL,
    job_id bigint NOT NULL,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_bulkchange ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_bulkchange_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_bulkjob (
    id bigint NOT NULL,
    "position" bigint NOT NULL,
    error text NOT NULL,
    worker character varying(36) NOT NULL,
    lease_until timestamp with time zone,
    created_by character varying(150) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_by character varying(150) NOT NULL,
    ended_at timestamp with time zone,
    action character varying(10) NOT NULL,
    target bigint,
    target_name character varying(200) NOT NULL,
    reason character varying(500) NOT NULL,
    selection jsonb NOT NULL,
    state character varying(12) NOT NULL,
    last_subscriber bigint NOT NULL,
    changed integer NOT NULL,
    skipped integer NOT NULL,
    reverted integer NOT NULL,
    kept integer NOT NULL,
    CONSTRAINT subscribers_bulkjob_changed_check CHECK ((changed >= 0)),
    CONSTRAINT subscribers_bulkjob_kept_check CHECK ((kept >= 0)),
    CONSTRAINT subscribers_bulkjob_reverted_check CHECK ((reverted >= 0)),
    CONSTRAINT subscribers_bulkjob_skipped_check CHECK ((skipped >= 0))
);
ALTER TABLE public.subscribers_bulkjob ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_bulkjob_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_consentrecord (
    id bigint NOT NULL,
    event character varying(16) NOT NULL,
    channel character varying(12) NOT NULL,
    at timestamp with time zone NOT NULL,
    source character varying(200) NOT NULL,
    attested_by character varying(150) NOT NULL,
    network character varying(49) NOT NULL,
    user_agent character varying(200) NOT NULL,
    text_id bigint,
    mailing_list_id bigint,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_consentrecord ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_consentrecord_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_consenttext (
    id bigint NOT NULL,
    sha256 character varying(64) NOT NULL,
    language character varying(12) NOT NULL,
    text text NOT NULL
);
ALTER TABLE public.subscribers_consenttext ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_consenttext_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_customfield (
    id bigint NOT NULL,
    name character varying(60) NOT NULL,
    kind character varying(8) NOT NULL,
    choices text NOT NULL
);
ALTER TABLE public.subscribers_customfield ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_customfield_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_datalink (
    id bigint NOT NULL,
    address_hash bytea NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_datalink ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_datalink_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_fieldvalue (
    id bigint NOT NULL,
    text character varying(200) NOT NULL,
    number double precision,
    date date,
    field_id bigint NOT NULL,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_fieldvalue ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_fieldvalue_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_formeraddress (
    id bigint NOT NULL,
    address_hash bytea NOT NULL,
    merged_subscriber_id bigint,
    is_own boolean NOT NULL,
    replaced_at timestamp with time zone NOT NULL,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_formeraddress ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_formeraddress_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_importchange (
    id bigint NOT NULL,
    subscriber bigint NOT NULL,
    kind character varying(12) NOT NULL,
    old_name character varying(200),
    old_language character varying(12),
    old_countries character varying(800),
    new_name character varying(200),
    new_language character varying(12),
    new_countries character varying(800),
    attributes text NOT NULL,
    job_id bigint NOT NULL
);
ALTER TABLE public.subscribers_importchange ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_importchange_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_importjob (
    id bigint NOT NULL,
    "position" bigint NOT NULL,
    error text NOT NULL,
    worker character varying(36) NOT NULL,
    lease_until timestamp with time zone,
    created_by character varying(150) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_by character varying(150) NOT NULL,
    ended_at timestamp with time zone,
    file_name character varying(200) NOT NULL,
    sha256 character varying(64) NOT NULL,
    source character varying(200) NOT NULL,
    language character varying(12) NOT NULL,
    options jsonb NOT NULL,
    state character varying(12) NOT NULL,
    upload character varying(100) NOT NULL,
    applied_by character varying(150) NOT NULL,
    applied_at timestamp with time zone,
    expected jsonb NOT NULL,
    result jsonb NOT NULL,
    undo_result jsonb NOT NULL,
    samples jsonb NOT NULL,
    last_line integer NOT NULL,
    suppress_do_not_mail boolean NOT NULL,
    mailing_list_id bigint NOT NULL,
    CONSTRAINT subscribers_importjob_last_line_check CHECK ((last_line >= 0))
);
ALTER TABLE public.subscribers_importjob ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_importjob_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_importrow (
    id bigint NOT NULL,
    line integer NOT NULL,
    address_hash bytea NOT NULL,
    email character varying(254) NOT NULL,
    name character varying(200) NOT NULL,
    language character varying(12) NOT NULL,
    countries character varying(800) NOT NULL,
    warning character varying(300) NOT NULL,
    attributes text NOT NULL,
    job_id bigint NOT NULL,
    CONSTRAINT subscribers_importrow_line_check CHECK ((line >= 0))
);
ALTER TABLE public.subscribers_importrow ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_importrow_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_keycanary (
    id bigint NOT NULL,
    fingerprint bytea NOT NULL,
    created_at timestamp with time zone NOT NULL
);
ALTER TABLE public.subscribers_keycanary ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_keycanary_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_listgrowth (
    id bigint NOT NULL,
    months jsonb NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    mailing_list_id bigint NOT NULL
);
ALTER TABLE public.subscribers_listgrowth ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_listgrowth_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_mailinglist (
    id bigint NOT NULL,
    slug character varying(50) NOT NULL,
    name character varying(200) NOT NULL,
    description character varying(400) NOT NULL,
    public boolean NOT NULL,
    opt_in character varying(8) NOT NULL,
    sender_name character varying(120) NOT NULL,
    sender_email character varying(254) NOT NULL,
    welcome_texts jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL
);
ALTER TABLE public.subscribers_mailinglist ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_mailinglist_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_ratelimitcounter (
    id bigint NOT NULL,
    key character varying(300) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    count integer NOT NULL,
    CONSTRAINT subscribers_ratelimitcounter_count_check CHECK ((count >= 0))
);
ALTER TABLE public.subscribers_ratelimitcounter ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_ratelimitcounter_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_reconfirmationcampaign (
    id bigint NOT NULL,
    "position" bigint NOT NULL,
    error text NOT NULL,
    worker character varying(36) NOT NULL,
    lease_until timestamp with time zone,
    created_by character varying(150) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_by character varying(150) NOT NULL,
    ended_at timestamp with time zone,
    rule jsonb NOT NULL,
    segment_name character varying(120) NOT NULL,
    deadline date NOT NULL,
    state character varying(12) NOT NULL,
    mailing_list_id bigint NOT NULL
);
ALTER TABLE public.subscribers_reconfirmationcampaign ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_reconfirmationcampaign_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_reconfirmationrequest (
    id bigint NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    campaign_id bigint NOT NULL,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_reconfirmationrequest ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_reconfirmationrequest_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_rejectedrow (
    id bigint NOT NULL,
    line integer NOT NULL,
    kind character varying(12) NOT NULL,
    reason character varying(300) NOT NULL,
    status character varying(16) NOT NULL,
    address_hash bytea,
    cells text NOT NULL,
    job_id bigint NOT NULL,
    CONSTRAINT subscribers_rejectedrow_line_check CHECK ((line >= 0))
);
ALTER TABLE public.subscribers_rejectedrow ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_rejectedrow_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_reversibleerasure (
    id bigint NOT NULL,
    change_ids jsonb NOT NULL,
    address_hashes jsonb NOT NULL,
    encrypted bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
ALTER TABLE public.subscribers_reversibleerasure ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_reversibleerasure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_rulecount (
    id bigint NOT NULL,
    key character varying(64) NOT NULL,
    matching integer NOT NULL,
    reachable integer NOT NULL,
    newest jsonb NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    seconds double precision NOT NULL,
    CONSTRAINT subscribers_rulecount_matching_check CHECK ((matching >= 0)),
    CONSTRAINT subscribers_rulecount_reachable_check CHECK ((reachable >= 0))
);
ALTER TABLE public.subscribers_rulecount ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_rulecount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_segment (
    id bigint NOT NULL,
    name character varying(120) NOT NULL,
    rule jsonb NOT NULL,
    version integer NOT NULL,
    changed_by character varying(150) NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT subscribers_segment_version_check CHECK ((version >= 0))
);
ALTER TABLE public.subscribers_segment ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_segment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_subscriber (
    id bigint NOT NULL,
    email character varying(254) NOT NULL,
    address_hash bytea NOT NULL,
    name character varying(200) NOT NULL,
    language character varying(12) NOT NULL,
    countries character varying(800) NOT NULL,
    tracking_consent_at timestamp with time zone,
    paused_until timestamp with time zone,
    signup_email_at timestamp with time zone,
    data_by_link boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
ALTER TABLE public.subscribers_subscriber ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_subscriber_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_subscription (
    id bigint NOT NULL,
    state character varying(12) NOT NULL,
    source character varying(200) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    ended_at timestamp with time zone,
    mailing_list_id bigint NOT NULL,
    subscriber_id bigint NOT NULL
);
ALTER TABLE public.subscribers_subscription ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_subscription_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_suppression (
    id bigint NOT NULL,
    address_hash bytea NOT NULL,
    email character varying(254) NOT NULL,
    reason character varying(16) NOT NULL,
    evidence text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    lifted_at timestamp with time zone,
    lifted_by character varying(150) NOT NULL,
    reopened_at timestamp with time zone,
    reopened_by character varying(150) NOT NULL
);
ALTER TABLE public.subscribers_suppression ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_suppression_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_tag (
    id bigint NOT NULL,
    name character varying(60) NOT NULL
);
ALTER TABLE public.subscribers_tag ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_tag_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.subscribers_tagging (
    id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    tag_id bigint NOT NULL
);
ALTER TABLE public.subscribers_tagging ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.subscribers_tagging_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.taggit_tag (
    id integer NOT NULL,
    name character varying(100) NOT NULL,
    slug character varying(100) NOT NULL
);
ALTER TABLE public.taggit_tag ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.taggit_tag_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.taggit_taggeditem (
    id integer NOT NULL,
    object_id integer NOT NULL,
    content_type_id integer NOT NULL,
    tag_id integer NOT NULL
);
ALTER TABLE public.taggit_taggeditem ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.taggit_taggeditem_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.usersessions_usersession (
    id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ip inet NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    session_key character varying(40) NOT NULL,
    user_agent character varying(200) NOT NULL,
    data jsonb NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.usersessions_usersession ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.usersessions_usersession_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailadmin_admin (
    id integer NOT NULL
);
ALTER TABLE public.wagtailadmin_admin ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailadmin_admin_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailadmin_editingsession (
    id integer NOT NULL,
    object_id character varying(255) NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    content_type_id integer NOT NULL,
    user_id integer NOT NULL,
    is_editing boolean NOT NULL
);
ALTER TABLE public.wagtailadmin_editingsession ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailadmin_editingsession_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailadmin_formstate (
    id integer NOT NULL,
    data text NOT NULL,
    object_id character varying(255) NOT NULL,
    parent_object_id character varying(255) NOT NULL,
    last_updated_at timestamp with time zone NOT NULL,
    content_type_id integer NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.wagtailadmin_formstate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailadmin_formstate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_apitoken (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    key_hash character varying(64) NOT NULL,
    prefix character varying(16) NOT NULL,
    created timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    user_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_apitoken ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_apitoken_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_collection (
    id integer NOT NULL,
    path character varying(255) NOT NULL COLLATE pg_catalog."C",
    depth integer NOT NULL,
    numchild integer NOT NULL,
    name character varying(255) NOT NULL,
    CONSTRAINT wagtailcore_collection_depth_check CHECK ((depth >= 0)),
    CONSTRAINT wagtailcore_collection_numchild_check CHECK ((numchild >= 0))
);
ALTER TABLE public.wagtailcore_collection ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_collection_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_collectionviewrestriction (
    id integer NOT NULL,
    restriction_type character varying(20) NOT NULL,
    password character varying(255) NOT NULL,
    collection_id integer NOT NULL
);
CREATE TABLE public.wagtailcore_collectionviewrestriction_groups (
    id bigint NOT NULL,
    collectionviewrestriction_id integer CONSTRAINT wagtailcore_collectionviewr_collectionviewrestriction__not_null NOT NULL,
    group_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_collectionviewrestriction_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_collectionviewrestriction_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.wagtailcore_collectionviewrestriction ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_collectionviewrestriction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_comment (
    id integer NOT NULL,
    text text NOT NULL,
    contentpath text NOT NULL,
    "position" text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    page_id integer NOT NULL,
    resolved_by_id integer,
    revision_created_id integer,
    user_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_comment ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_comment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_commentreply (
    id integer NOT NULL,
    text text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    comment_id integer NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_commentreply ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_commentreply_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_groupapprovaltask (
    task_ptr_id integer NOT NULL
);
CREATE TABLE public.wagtailcore_groupapprovaltask_groups (
    id bigint NOT NULL,
    groupapprovaltask_id integer CONSTRAINT wagtailcore_groupapprovaltask_gro_groupapprovaltask_id_not_null NOT NULL,
    group_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_groupapprovaltask_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_groupapprovaltask_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_groupcollectionpermission (
    id integer NOT NULL,
    collection_id integer NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_groupcollectionpermission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_groupcollectionpermission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_grouppagepermission (
    id integer NOT NULL,
    group_id integer NOT NULL,
    page_id integer NOT NULL,
    permission_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_grouppagepermission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_grouppagepermission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_groupsitepermission (
    id integer NOT NULL,
    group_id integer NOT NULL,
    permission_id integer NOT NULL,
    site_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_groupsitepermission ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_groupsitepermission_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_locale (
    id integer NOT NULL,
    language_code character varying(100) NOT NULL
);
ALTER TABLE public.wagtailcore_locale ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_locale_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_modellogentry (
    id integer NOT NULL,
    label text NOT NULL,
    action character varying(255) NOT NULL,
    data jsonb CONSTRAINT wagtailcore_modellogentry_data_json_not_null NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    content_changed boolean NOT NULL,
    deleted boolean NOT NULL,
    object_id character varying(255) NOT NULL,
    content_type_id integer,
    user_id integer,
    uuid uuid,
    revision_id integer
);
ALTER TABLE public.wagtailcore_modellogentry ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_modellogentry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_page (
    id integer NOT NULL,
    path character varying(255) NOT NULL COLLATE pg_catalog."C",
    depth integer NOT NULL,
    numchild integer NOT NULL,
    title character varying(255) NOT NULL,
    slug character varying(255) NOT NULL,
    live boolean NOT NULL,
    has_unpublished_changes boolean NOT NULL,
    url_path text NOT NULL,
    seo_title character varying(255) NOT NULL,
    show_in_menus boolean NOT NULL,
    search_description text NOT NULL,
    go_live_at timestamp with time zone,
    expire_at timestamp with time zone,
    expired boolean NOT NULL,
    content_type_id integer NOT NULL,
    owner_id integer,
    locked boolean NOT NULL,
    latest_revision_created_at timestamp with time zone,
    first_published_at timestamp with time zone,
    live_revision_id integer,
    last_published_at timestamp with time zone,
    draft_title character varying(255) NOT NULL,
    locked_at timestamp with time zone,
    locked_by_id integer,
    translation_key uuid NOT NULL,
    locale_id integer NOT NULL,
    alias_of_id integer,
    latest_revision_id integer,
    CONSTRAINT wagtailcore_page_depth_check CHECK ((depth >= 0)),
    CONSTRAINT wagtailcore_page_numchild_check CHECK ((numchild >= 0))
);
ALTER TABLE public.wagtailcore_page ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_page_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_pagelogentry (
    id integer NOT NULL,
    label text NOT NULL,
    action character varying(255) NOT NULL,
    data jsonb CONSTRAINT wagtailcore_pagelogentry_data_json_not_null NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    content_changed boolean NOT NULL,
    deleted boolean NOT NULL,
    content_type_id integer,
    page_id integer NOT NULL,
    revision_id integer,
    user_id integer,
    uuid uuid
);
ALTER TABLE public.wagtailcore_pagelogentry ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_pagelogentry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_revision (
    id integer CONSTRAINT wagtailcore_pagerevision_id_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT wagtailcore_pagerevision_created_at_not_null NOT NULL,
    content jsonb CONSTRAINT wagtailcore_pagerevision_content_json_not_null NOT NULL,
    approved_go_live_at timestamp with time zone,
    object_id character varying(255) CONSTRAINT wagtailcore_pagerevision_page_id_not_null NOT NULL,
    user_id integer,
    content_type_id integer NOT NULL,
    base_content_type_id integer NOT NULL,
    object_str text NOT NULL
);
ALTER TABLE public.wagtailcore_revision ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_pagerevision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_pagesubscription (
    id integer NOT NULL,
    comment_notifications boolean NOT NULL,
    page_id integer NOT NULL,
    user_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_pagesubscription ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_pagesubscription_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_pageviewrestriction (
    id integer NOT NULL,
    password character varying(255) NOT NULL,
    page_id integer NOT NULL,
    restriction_type character varying(20) NOT NULL
);
CREATE TABLE public.wagtailcore_pageviewrestriction_groups (
    id bigint NOT NULL,
    pageviewrestriction_id integer CONSTRAINT wagtailcore_pageviewrestriction_pageviewrestriction_id_not_null NOT NULL,
    group_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_pageviewrestriction_groups ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_pageviewrestriction_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE public.wagtailcore_pageviewrestriction ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_pageviewrestriction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_referenceindex (
    id integer NOT NULL,
    object_id character varying(255) NOT NULL,
    to_object_id character varying(255) NOT NULL,
    model_path text NOT NULL,
    content_path text NOT NULL,
    content_path_hash uuid NOT NULL,
    base_content_type_id integer NOT NULL,
    content_type_id integer NOT NULL,
    to_content_type_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_referenceindex ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_referenceindex_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_site (
    id integer NOT NULL,
    hostname character varying(255) NOT NULL,
    port integer NOT NULL,
    is_default_site boolean NOT NULL,
    root_page_id integer NOT NULL,
    site_name character varying(255) NOT NULL
);
ALTER TABLE public.wagtailcore_site ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_site_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_task (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    active boolean NOT NULL,
    content_type_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_task ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_task_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_taskstate (
    id integer NOT NULL,
    status character varying(50) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    content_type_id integer NOT NULL,
    revision_id integer CONSTRAINT wagtailcore_taskstate_page_revision_id_not_null NOT NULL,
    task_id integer NOT NULL,
    workflow_state_id integer NOT NULL,
    finished_by_id integer,
    comment text NOT NULL
);
ALTER TABLE public.wagtailcore_taskstate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_taskstate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_uploadedfile (
    id integer NOT NULL,
    file character varying(200) NOT NULL,
    for_content_type_id integer,
    uploaded_by_user_id integer
);
ALTER TABLE public.wagtailcore_uploadedfile ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_uploadedfile_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_workflow (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    active boolean NOT NULL
);
ALTER TABLE public.wagtailcore_workflow ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_workflow_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_workflowcontenttype (
    content_type_id integer NOT NULL,
    workflow_id integer NOT NULL
);
CREATE TABLE public.wagtailcore_workflowpage (
    page_id integer NOT NULL,
    workflow_id integer NOT NULL
);
CREATE TABLE public.wagtailcore_workflowstate (
    id integer NOT NULL,
    status character varying(50) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    current_task_state_id integer,
    object_id character varying(255) CONSTRAINT wagtailcore_workflowstate_page_id_not_null NOT NULL,
    requested_by_id integer,
    workflow_id integer NOT NULL,
    content_type_id integer NOT NULL,
    base_content_type_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_workflowstate ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_workflowstate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailcore_workflowtask (
    id integer NOT NULL,
    sort_order integer,
    task_id integer NOT NULL,
    workflow_id integer NOT NULL
);
ALTER TABLE public.wagtailcore_workflowtask ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailcore_workflowtask_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtaildocs_document (
    id integer NOT NULL,
    title character varying(255) NOT NULL,
    file character varying(100) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    uploaded_by_user_id integer,
    collection_id integer NOT NULL,
    file_size bigint,
    file_hash character varying(40) NOT NULL,
    CONSTRAINT wagtaildocs_document_file_size_check CHECK ((file_size >= 0))
);
ALTER TABLE public.wagtaildocs_document ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtaildocs_document_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailimages_image (
    id integer NOT NULL,
    title character varying(255) NOT NULL,
    file character varying(100) NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    focal_point_x integer,
    focal_point_y integer,
    focal_point_width integer,
    focal_point_height integer,
    uploaded_by_user_id integer,
    file_size integer,
    collection_id integer NOT NULL,
    file_hash character varying(40) NOT NULL,
    description character varying(255) NOT NULL,
    CONSTRAINT wagtailimages_image_file_size_check CHECK ((file_size >= 0)),
    CONSTRAINT wagtailimages_image_focal_point_height_check CHECK ((focal_point_height >= 0)),
    CONSTRAINT wagtailimages_image_focal_point_width_check CHECK ((focal_point_width >= 0)),
    CONSTRAINT wagtailimages_image_focal_point_x_check CHECK ((focal_point_x >= 0)),
    CONSTRAINT wagtailimages_image_focal_point_y_check CHECK ((focal_point_y >= 0))
);
ALTER TABLE public.wagtailimages_image ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailimages_image_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailimages_rendition (
    id integer NOT NULL,
    file character varying(100) NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    focal_point_key character varying(16) NOT NULL,
    filter_spec character varying(255) NOT NULL,
    image_id integer NOT NULL
);
ALTER TABLE public.wagtailimages_rendition ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailimages_rendition_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailsearch_indexentry (
    id integer NOT NULL,
    object_id character varying(50) NOT NULL,
    title_norm double precision NOT NULL,
    content_type_id integer NOT NULL,
    autocomplete tsvector NOT NULL,
    title tsvector NOT NULL,
    body tsvector NOT NULL,
    title_text text NOT NULL,
    body_text text NOT NULL
);
ALTER TABLE public.wagtailsearch_indexentry ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailsearch_indexentry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.wagtailusers_userprofile (
    id integer NOT NULL,
    submitted_notifications boolean NOT NULL,
    approved_notifications boolean NOT NULL,
    rejected_notifications boolean NOT NULL,
    user_id integer NOT NULL,
    preferred_language character varying(10) NOT NULL,
    current_time_zone character varying(40) NOT NULL,
    avatar character varying(100) NOT NULL,
    updated_comments_notifications boolean CONSTRAINT wagtailusers_userprofile_updated_comments_notification_not_null NOT NULL,
    dismissibles jsonb NOT NULL,
    theme character varying(40) NOT NULL,
    density character varying(40) NOT NULL,
    contrast character varying(40) NOT NULL,
    keyboard_shortcuts boolean NOT NULL
);
ALTER TABLE public.wagtailusers_userprofile ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.wagtailusers_userprofile_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO public.auth_group VALUES (1, 'Moderators');
INSERT INTO public.auth_group VALUES (2, 'Editors');
INSERT INTO public.auth_group_permissions VALUES (1, 1, 1);
INSERT INTO public.auth_group_permissions VALUES (2, 1, 2);
INSERT INTO public.auth_group_permissions VALUES (3, 1, 3);
INSERT INTO public.auth_group_permissions VALUES (4, 2, 1);
INSERT INTO public.auth_group_permissions VALUES (5, 2, 2);
INSERT INTO public.auth_group_permissions VALUES (6, 2, 3);
INSERT INTO public.auth_group_permissions VALUES (7, 1, 4);
INSERT INTO public.auth_group_permissions VALUES (8, 2, 4);
INSERT INTO public.auth_group_permissions VALUES (9, 1, 5);
INSERT INTO public.auth_group_permissions VALUES (10, 2, 5);
INSERT INTO public.auth_group_permissions VALUES (11, 1, 114);
INSERT INTO public.auth_group_permissions VALUES (12, 1, 115);
INSERT INTO public.auth_group_permissions VALUES (13, 1, 116);
INSERT INTO public.auth_group_permissions VALUES (14, 2, 114);
INSERT INTO public.auth_group_permissions VALUES (15, 2, 115);
INSERT INTO public.auth_group_permissions VALUES (16, 2, 116);
INSERT INTO public.auth_group_permissions VALUES (17, 1, 117);
INSERT INTO public.auth_group_permissions VALUES (18, 2, 117);
INSERT INTO public.auth_permission VALUES (1, 'Can add image', 2, 'add_image');
INSERT INTO public.auth_permission VALUES (2, 'Can change image', 2, 'change_image');
INSERT INTO public.auth_permission VALUES (3, 'Can delete image', 2, 'delete_image');
INSERT INTO public.auth_permission VALUES (4, 'Can access Wagtail admin', 3, 'access_admin');
INSERT INTO public.auth_permission VALUES (5, 'Can choose image', 2, 'choose_image');
INSERT INTO public.auth_permission VALUES (6, 'Can add locale', 5, 'add_locale');
INSERT INTO public.auth_permission VALUES (7, 'Can change locale', 5, 'change_locale');
INSERT INTO public.auth_permission VALUES (8, 'Can delete locale', 5, 'delete_locale');
INSERT INTO public.auth_permission VALUES (9, 'Can view locale', 5, 'view_locale');
INSERT INTO public.auth_permission VALUES (10, 'Can add site', 6, 'add_site');
INSERT INTO public.auth_permission VALUES (11, 'Can change site', 6, 'change_site');
INSERT INTO public.auth_permission VALUES (12, 'Can delete site', 6, 'delete_site');
INSERT INTO public.auth_permission VALUES (13, 'Can view site', 6, 'view_site');
INSERT INTO public.auth_permission VALUES (14, 'Can add group site permission', 7, 'add_groupsitepermission');
INSERT INTO public.auth_permission VALUES (15, 'Can change group site permission', 7, 'change_groupsitepermission');
INSERT INTO public.auth_permission VALUES (16, 'Can delete group site permission', 7, 'delete_groupsitepermission');
INSERT INTO public.auth_permission VALUES (17, 'Can view group site permission', 7, 'view_groupsitepermission');
INSERT INTO public.auth_permission VALUES (18, 'Can add API token', 8, 'add_apitoken');
INSERT INTO public.auth_permission VALUES (19, 'Can change API token', 8, 'change_apitoken');
INSERT INTO public.auth_permission VALUES (20, 'Can delete API token', 8, 'delete_apitoken');
INSERT INTO public.auth_permission VALUES (21, 'Can view API token', 8, 'view_apitoken');
INSERT INTO public.auth_permission VALUES (22, 'Can add model log entry', 9, 'add_modellogentry');
INSERT INTO public.auth_permission VALUES (23, 'Can change model log entry', 9, 'change_modellogentry');
INSERT INTO public.auth_permission VALUES (24, 'Can delete model log entry', 9, 'delete_modellogentry');
INSERT INTO public.auth_permission VALUES (25, 'Can view model log entry', 9, 'view_modellogentry');
INSERT INTO public.auth_permission VALUES (26, 'Can add revision', 10, 'add_revision');
INSERT INTO public.auth_permission VALUES (27, 'Can change revision', 10, 'change_revision');
INSERT INTO public.auth_permission VALUES (28, 'Can delete revision', 10, 'delete_revision');
INSERT INTO public.auth_permission VALUES (29, 'Can view revision', 10, 'view_revision');
INSERT INTO public.auth_permission VALUES (30, 'Can add collection view restriction', 11, 'add_collectionviewrestriction');
INSERT INTO public.auth_permission VALUES (31, 'Can change collection view restriction', 11, 'change_collectionviewrestriction');
INSERT INTO public.auth_permission VALUES (32, 'Can delete collection view restriction', 11, 'delete_collectionviewrestriction');
INSERT INTO public.auth_permission VALUES (33, 'Can view collection view restriction', 11, 'view_collectionviewrestriction');
INSERT INTO public.auth_permission VALUES (34, 'Can add collection', 12, 'add_collection');
INSERT INTO public.auth_permission VALUES (35, 'Can change collection', 12, 'change_collection');
INSERT INTO public.auth_permission VALUES (36, 'Can delete collection', 12, 'delete_collection');
INSERT INTO public.auth_permission VALUES (37, 'Can view collection', 12, 'view_collection');
INSERT INTO public.auth_permission VALUES (38, 'Can add group collection permission', 13, 'add_groupcollectionpermission');
INSERT INTO public.auth_permission VALUES (39, 'Can change group collection permission', 13, 'change_groupcollectionpermission');
INSERT INTO public.auth_permission VALUES (40, 'Can delete group collection permission', 13, 'delete_groupcollectionpermission');
INSERT INTO public.auth_permission VALUES (41, 'Can view group collection permission', 13, 'view_groupcollectionpermission');
INSERT INTO public.auth_permission VALUES (42, 'Can add uploaded file', 14, 'add_uploadedfile');
INSERT INTO public.auth_permission VALUES (43, 'Can change uploaded file', 14, 'change_uploadedfile');
INSERT INTO public.auth_permission VALUES (44, 'Can delete uploaded file', 14, 'delete_uploadedfile');
INSERT INTO public.auth_permission VALUES (45, 'Can view uploaded file', 14, 'view_uploadedfile');
INSERT INTO public.auth_permission VALUES (46, 'Can add workflow content type', 15, 'add_workflowcontenttype');
INSERT INTO public.auth_permission VALUES (47, 'Can change workflow content type', 15, 'change_workflowcontenttype');
INSERT INTO public.auth_permission VALUES (48, 'Can delete workflow content type', 15, 'delete_workflowcontenttype');
INSERT INTO public.auth_permission VALUES (49, 'Can view workflow content type', 15, 'view_workflowcontenttype');
INSERT INTO public.auth_permission VALUES (50, 'Can add Workflow state', 16, 'add_workflowstate');
INSERT INTO public.auth_permission VALUES (51, 'Can change Workflow state', 16, 'change_workflowstate');
INSERT INTO public.auth_permission VALUES (52, 'Can delete Workflow state', 16, 'delete_workflowstate');
INSERT INTO public.auth_permission VALUES (53, 'Can view Workflow state', 16, 'view_workflowstate');
INSERT INTO public.auth_permission VALUES (54, 'Can add workflow', 17, 'add_workflow');
INSERT INTO public.auth_permission VALUES (55, 'Can change workflow', 17, 'change_workflow');
INSERT INTO public.auth_permission VALUES (56, 'Can delete workflow', 17, 'delete_workflow');
INSERT INTO public.auth_permission VALUES (57, 'Can view workflow', 17, 'view_workflow');
INSERT INTO public.auth_permission VALUES (58, 'Can add workflow task order', 18, 'add_workflowtask');
INSERT INTO public.auth_permission VALUES (59, 'Can change workflow task order', 18, 'change_workflowtask');
INSERT INTO public.auth_permission VALUES (60, 'Can delete workflow task order', 18, 'delete_workflowtask');
INSERT INTO public.auth_permission VALUES (61, 'Can view workflow task order', 18, 'view_workflowtask');
INSERT INTO public.auth_permission VALUES (62, 'Can add task', 19, 'add_task');
INSERT INTO public.auth_permission VALUES (63, 'Can change task', 19, 'change_task');
INSERT INTO public.auth_permission VALUES (64, 'Can delete task', 19, 'delete_task');
INSERT INTO public.auth_permission VALUES (65, 'Can view task', 19, 'view_task');
INSERT INTO public.auth_permission VALUES (66, 'Can add Group approval task', 4, 'add_groupapprovaltask');
INSERT INTO public.auth_permission VALUES (67, 'Can change Group approval task', 4, 'change_groupapprovaltask');
INSERT INTO public.auth_permission VALUES (68, 'Can delete Group approval task', 4, 'delete_groupapprovaltask');
INSERT INTO public.auth_permission VALUES (69, 'Can view Group approval task', 4, 'view_groupapprovaltask');
INSERT INTO public.auth_permission VALUES (70, 'Can add Task state', 20, 'add_taskstate');
INSERT INTO public.auth_permission VALUES (71, 'Can change Task state', 20, 'change_taskstate');
INSERT INTO public.auth_permission VALUES (72, 'Can delete Task state', 20, 'delete_taskstate');
INSERT INTO public.auth_permission VALUES (73, 'Can view Task state', 20, 'view_taskstate');
INSERT INTO public.auth_permission VALUES (74, 'Can add page', 1, 'add_page');
INSERT INTO public.auth_permission VALUES (75, 'Can change page', 1, 'change_page');
INSERT INTO public.auth_permission VALUES (76, 'Can delete page', 1, 'delete_page');
INSERT INTO public.auth_permission VALUES (77, 'Can view page', 1, 'view_page');
INSERT INTO public.auth_permission VALUES (78, 'Delete pages with children', 1, 'bulk_delete_page');
INSERT INTO public.auth_permission VALUES (79, 'Lock/unlock pages you''ve locked', 1, 'lock_page');
INSERT INTO public.auth_permission VALUES (80, 'Publish any page', 1, 'publish_page');
INSERT INTO public.auth_permission VALUES (81, 'Unlock any page', 1, 'unlock_page');
INSERT INTO public.auth_permission VALUES (82, 'Can add group page permission', 21, 'add_grouppagepermission');
INSERT INTO public.auth_permission VALUES (83, 'Can change group page permission', 21, 'change_grouppagepermission');
INSERT INTO public.auth_permission VALUES (84, 'Can delete group page permission', 21, 'delete_grouppagepermission');
INSERT INTO public.auth_permission VALUES (85, 'Can view group page permission', 21, 'view_grouppagepermission');
INSERT INTO public.auth_permission VALUES (86, 'Can add page view restriction', 22, 'add_pageviewrestriction');
INSERT INTO public.auth_permission VALUES (87, 'Can change page view restriction', 22, 'change_pageviewrestriction');
INSERT INTO public.auth_permission VALUES (88, 'Can delete page view restriction', 22, 'delete_pageviewrestriction');
INSERT INTO public.auth_permission VALUES (89, 'Can view page view restriction', 22, 'view_pageviewrestriction');
INSERT INTO public.auth_permission VALUES (90, 'Can add workflow page', 23, 'add_workflowpage');
INSERT INTO public.auth_permission VALUES (91, 'Can change workflow page', 23, 'change_workflowpage');
INSERT INTO public.auth_permission VALUES (92, 'Can delete workflow page', 23, 'delete_workflowpage');
INSERT INTO public.auth_permission VALUES (93, 'Can view workflow page', 23, 'view_workflowpage');
INSERT INTO public.auth_permission VALUES (94, 'Can add page log entry', 24, 'add_pagelogentry');
INSERT INTO public.auth_permission VALUES (95, 'Can change page log entry', 24, 'change_pagelogentry');
INSERT INTO public.auth_permission VALUES (96, 'Can delete page log entry', 24, 'delete_pagelogentry');
INSERT INTO public.auth_permission VALUES (97, 'Can view page log entry', 24, 'view_pagelogentry');
INSERT INTO public.auth_permission VALUES (98, 'Can add comment', 25, 'add_comment');
INSERT INTO public.auth_permission VALUES (99, 'Can change comment', 25, 'change_comment');
INSERT INTO public.auth_permission VALUES (100, 'Can delete comment', 25, 'delete_comment');
INSERT INTO public.auth_permission VALUES (101, 'Can view comment', 25, 'view_comment');
INSERT INTO public.auth_permission VALUES (102, 'Can add comment reply', 26, 'add_commentreply');
INSERT INTO public.auth_permission VALUES (103, 'Can change comment reply', 26, 'change_commentreply');
INSERT INTO public.auth_permission VALUES (104, 'Can delete comment reply', 26, 'delete_commentreply');
INSERT INTO public.auth_permission VALUES (105, 'Can view comment reply', 26, 'view_commentreply');
INSERT INTO public.auth_permission VALUES (106, 'Can add page subscription', 27, 'add_pagesubscription');
INSERT INTO public.auth_permission VALUES (107, 'Can change page subscription', 27, 'change_pagesubscription');
INSERT INTO public.auth_permission VALUES (108, 'Can delete page subscription', 27, 'delete_pagesubscription');
INSERT INTO public.auth_permission VALUES (109, 'Can view page subscription', 27, 'view_pagesubscription');
INSERT INTO public.auth_permission VALUES (110, 'Can add reference index', 28, 'add_referenceindex');
INSERT INTO public.auth_permission VALUES (111, 'Can change reference index', 28, 'change_referenceindex');
INSERT INTO public.auth_permission VALUES (112, 'Can delete reference index', 28, 'delete_referenceindex');
INSERT INTO public.auth_permission VALUES (113, 'Can view reference index', 28, 'view_referenceindex');
INSERT INTO public.auth_permission VALUES (114, 'Can add document', 29, 'add_document');
INSERT INTO public.auth_permission VALUES (115, 'Can change document', 29, 'change_document');
INSERT INTO public.auth_permission VALUES (116, 'Can delete document', 29, 'delete_document');
INSERT INTO public.auth_permission VALUES (117, 'Can choose document', 29, 'choose_document');
INSERT INTO public.auth_permission VALUES (118, 'Can add audience count', 30, 'add_audiencecount');
INSERT INTO public.auth_permission VALUES (119, 'Can change audience count', 30, 'change_audiencecount');
INSERT INTO public.auth_permission VALUES (120, 'Can delete audience count', 30, 'delete_audiencecount');
INSERT INTO public.auth_permission VALUES (121, 'Can view audience count', 30, 'view_audiencecount');
INSERT INTO public.auth_permission VALUES (122, 'Can add check run', 31, 'add_checkrun');
INSERT INTO public.auth_permission VALUES (123, 'Can change check run', 31, 'change_checkrun');
INSERT INTO public.auth_permission VALUES (124, 'Can delete check run', 31, 'delete_checkrun');
INSERT INTO public.auth_permission VALUES (125, 'Can view check run', 31, 'view_checkrun');
INSERT INTO public.auth_permission VALUES (126, 'Can add inbound source', 32, 'add_inboundsource');
INSERT INTO public.auth_permission VALUES (127, 'Can change inbound source', 32, 'change_inboundsource');
INSERT INTO public.auth_permission VALUES (128, 'Can delete inbound source', 32, 'delete_inboundsource');
INSERT INTO public.auth_permission VALUES (129, 'Can view inbound source', 32, 'view_inboundsource');
INSERT INTO public.auth_permission VALUES (130, 'Can add instance', 33, 'add_instance');
INSERT INTO public.auth_permission VALUES (131, 'Can change instance', 33, 'change_instance');
INSERT INTO public.auth_permission VALUES (132, 'Can delete instance', 33, 'delete_instance');
INSERT INTO public.auth_permission VALUES (133, 'Can view instance', 33, 'view_instance');
INSERT INTO public.auth_permission VALUES (134, 'Can add job stats', 34, 'add_jobstats');
INSERT INTO public.auth_permission VALUES (135, 'Can change job stats', 34, 'change_jobstats');
INSERT INTO public.auth_permission VALUES (136, 'Can delete job stats', 34, 'delete_jobstats');
INSERT INTO public.auth_permission VALUES (137, 'Can view job stats', 34, 'view_jobstats');
INSERT INTO public.auth_permission VALUES (138, 'Can add mailing', 35, 'add_mailing');
INSERT INTO public.auth_permission VALUES (139, 'Can change mailing', 35, 'change_mailing');
INSERT INTO public.auth_permission VALUES (140, 'Can delete mailing', 35, 'delete_mailing');
INSERT INTO public.auth_permission VALUES (141, 'Can view mailing', 35, 'view_mailing');
INSERT INTO public.auth_permission VALUES (142, 'Can add password reset request', 36, 'add_passwordresetrequest');
INSERT INTO public.auth_permission VALUES (143, 'Can change password reset request', 36, 'change_passwordresetrequest');
INSERT INTO public.auth_permission VALUES (144, 'Can delete password reset request', 36, 'delete_passwordresetrequest');
INSERT INTO public.auth_permission VALUES (145, 'Can view password reset request', 36, 'view_passwordresetrequest');
INSERT INTO public.auth_permission VALUES (146, 'Can add sign in failures', 37, 'add_signinfailures');
INSERT INTO public.auth_permission VALUES (147, 'Can change sign in failures', 37, 'change_signinfailures');
INSERT INTO public.auth_permission VALUES (148, 'Can delete sign in failures', 37, 'delete_signinfailures');
INSERT INTO public.auth_permission VALUES (149, 'Can view sign in failures', 37, 'view_signinfailures');
INSERT INTO public.auth_permission VALUES (150, 'Can add skipped step', 38, 'add_skippedstep');
INSERT INTO public.auth_permission VALUES (151, 'Can change skipped step', 38, 'change_skippedstep');
INSERT INTO public.auth_permission VALUES (152, 'Can delete skipped step', 38, 'delete_skippedstep');
INSERT INTO public.auth_permission VALUES (153, 'Can view skipped step', 38, 'view_skippedstep');
INSERT INTO public.auth_permission VALUES (154, 'Can add staff notice', 39, 'add_staffnotice');
INSERT INTO public.auth_permission VALUES (155, 'Can change staff notice', 39, 'change_staffnotice');
INSERT INTO public.auth_permission VALUES (156, 'Can delete staff notice', 39, 'delete_staffnotice');
INSERT INTO public.auth_permission VALUES (157, 'Can view staff notice', 39, 'view_staffnotice');
INSERT INTO public.auth_permission VALUES (158, 'Can add story source', 40, 'add_storysource');
INSERT INTO public.auth_permission VALUES (159, 'Can change story source', 40, 'change_storysource');
INSERT INTO public.auth_permission VALUES (160, 'Can delete story source', 40, 'delete_storysource');
INSERT INTO public.auth_permission VALUES (161, 'Can view story source', 40, 'view_storysource');
INSERT INTO public.auth_permission VALUES (162, 'Can add throttle state', 41, 'add_throttlestate');
INSERT INTO public.auth_permission VALUES (163, 'Can change throttle state', 41, 'change_throttlestate');
INSERT INTO public.auth_permission VALUES (164, 'Can delete throttle state', 41, 'delete_throttlestate');
INSERT INTO public.auth_permission VALUES (165, 'Can view throttle state', 41, 'view_throttlestate');
INSERT INTO public.auth_permission VALUES (166, 'Can add webhook endpoint', 42, 'add_webhookendpoint');
INSERT INTO public.auth_permission VALUES (167, 'Can change webhook endpoint', 42, 'change_webhookendpoint');
INSERT INTO public.auth_permission VALUES (168, 'Can delete webhook endpoint', 42, 'delete_webhookendpoint');
INSERT INTO public.auth_permission VALUES (169, 'Can view webhook endpoint', 42, 'view_webhookendpoint');
INSERT INTO public.auth_permission VALUES (170, 'Can add webhook heartbeat', 43, 'add_webhookheartbeat');
INSERT INTO public.auth_permission VALUES (171, 'Can change webhook heartbeat', 43, 'change_webhookheartbeat');
INSERT INTO public.auth_permission VALUES (172, 'Can delete webhook heartbeat', 43, 'delete_webhookheartbeat');
INSERT INTO public.auth_permission VALUES (173, 'Can view webhook heartbeat', 43, 'view_webhookheartbeat');
INSERT INTO public.auth_permission VALUES (174, 'Can add worker process', 44, 'add_workerprocess');
INSERT INTO public.auth_permission VALUES (175, 'Can change worker process', 44, 'change_workerprocess');
INSERT INTO public.auth_permission VALUES (176, 'Can delete worker process', 44, 'delete_workerprocess');
INSERT INTO public.auth_permission VALUES (177, 'Can view worker process', 44, 'view_workerprocess');
INSERT INTO public.auth_permission VALUES (178, 'Can add API key', 45, 'add_apikey');
INSERT INTO public.auth_permission VALUES (179, 'Can change API key', 45, 'change_apikey');
INSERT INTO public.auth_permission VALUES (180, 'Can delete API key', 45, 'delete_apikey');
INSERT INTO public.auth_permission VALUES (181, 'Can view API key', 45, 'view_apikey');
INSERT INTO public.auth_permission VALUES (182, 'Can add audit record', 46, 'add_auditrecord');
INSERT INTO public.auth_permission VALUES (183, 'Can change audit record', 46, 'change_auditrecord');
INSERT INTO public.auth_permission VALUES (184, 'Can delete audit record', 46, 'delete_auditrecord');
INSERT INTO public.auth_permission VALUES (185, 'Can view audit record', 46, 'view_auditrecord');
INSERT INTO public.auth_permission VALUES (186, 'Can add bounce wave', 47, 'add_bouncewave');
INSERT INTO public.auth_permission VALUES (187, 'Can change bounce wave', 47, 'change_bouncewave');
INSERT INTO public.auth_permission VALUES (188, 'Can delete bounce wave', 47, 'delete_bouncewave');
INSERT INTO public.auth_permission VALUES (189, 'Can view bounce wave', 47, 'view_bouncewave');
INSERT INTO public.auth_permission VALUES (190, 'Can add calendar address', 48, 'add_calendaraddress');
INSERT INTO public.auth_permission VALUES (191, 'Can change calendar address', 48, 'change_calendaraddress');
INSERT INTO public.auth_permission VALUES (192, 'Can delete calendar address', 48, 'delete_calendaraddress');
INSERT INTO public.auth_permission VALUES (193, 'Can view calendar address', 48, 'view_calendaraddress');
INSERT INTO public.auth_permission VALUES (194, 'Can add contributor countries', 49, 'add_contributorcountries');
INSERT INTO public.auth_permission VALUES (195, 'Can change contributor countries', 49, 'change_contributorcountries');
INSERT INTO public.auth_permission VALUES (196, 'Can delete contributor countries', 49, 'delete_contributorcountries');
INSERT INTO public.auth_permission VALUES (197, 'Can view contributor countries', 49, 'view_contributorcountries');
INSERT INTO public.auth_permission VALUES (198, 'Can add edition', 50, 'add_edition');
INSERT INTO public.auth_permission VALUES (199, 'Can change edition', 50, 'change_edition');
INSERT INTO public.auth_permission VALUES (200, 'Can delete edition', 50, 'delete_edition');
INSERT INTO public.auth_permission VALUES (201, 'Can view edition', 50, 'view_edition');
INSERT INTO public.auth_permission VALUES (202, 'Can submit an edition for approval', 50, 'submit_edition');
INSERT INTO public.auth_permission VALUES (203, 'Can approve an edition that others wrote', 50, 'approve_edition');
INSERT INTO public.auth_permission VALUES (204, 'Can schedule, pause and cancel an approved edition', 50, 'schedule_edition');
INSERT INTO public.auth_permission VALUES (205, 'Can add draft check', 51, 'add_draftcheck');
INSERT INTO public.auth_permission VALUES (206, 'Can change draft check', 51, 'change_draftcheck');
INSERT INTO public.auth_permission VALUES (207, 'Can delete draft check', 51, 'delete_draftcheck');
INSERT INTO public.auth_permission VALUES (208, 'Can view draft check', 51, 'view_draftcheck');
INSERT INTO public.auth_permission VALUES (209, 'Can add invitation', 52, 'add_invitation');
INSERT INTO public.auth_permission VALUES (210, 'Can change invitation', 52, 'change_invitation');
INSERT INTO public.auth_permission VALUES (211, 'Can delete invitation', 52, 'delete_invitation');
INSERT INTO public.auth_permission VALUES (212, 'Can view invitation', 52, 'view_invitation');
INSERT INTO public.auth_permission VALUES (213, 'Can add link check', 53, 'add_linkcheck');
INSERT INTO public.auth_permission VALUES (214, 'Can change link check', 53, 'change_linkcheck');
INSERT INTO public.auth_permission VALUES (215, 'Can delete link check', 53, 'delete_linkcheck');
INSERT INTO public.auth_permission VALUES (216, 'Can view link check', 53, 'view_linkcheck');
INSERT INTO public.auth_permission VALUES (217, 'Can add mailing stats', 54, 'add_mailingstats');
INSERT INTO public.auth_permission VALUES (218, 'Can change mailing stats', 54, 'change_mailingstats');
INSERT INTO public.auth_permission VALUES (219, 'Can delete mailing stats', 54, 'delete_mailingstats');
INSERT INTO public.auth_permission VALUES (220, 'Can view mailing stats', 54, 'view_mailingstats');
INSERT INTO public.auth_permission VALUES (221, 'Can add delivery', 55, 'add_delivery');
INSERT INTO public.auth_permission VALUES (222, 'Can change delivery', 55, 'change_delivery');
INSERT INTO public.auth_permission VALUES (223, 'Can delete delivery', 55, 'delete_delivery');
INSERT INTO public.auth_permission VALUES (224, 'Can view delivery', 55, 'view_delivery');
INSERT INTO public.auth_permission VALUES (225, 'Can add claim', 56, 'add_claim');
INSERT INTO public.auth_permission VALUES (226, 'Can change claim', 56, 'change_claim');
INSERT INTO public.auth_permission VALUES (227, 'Can delete claim', 56, 'delete_claim');
INSERT INTO public.auth_permission VALUES (228, 'Can view claim', 56, 'view_claim');
INSERT INTO public.auth_permission VALUES (229, 'Can add alert', 57, 'add_alert');
INSERT INTO public.auth_permission VALUES (230, 'Can change alert', 57, 'change_alert');
INSERT INTO public.auth_permission VALUES (231, 'Can delete alert', 57, 'delete_alert');
INSERT INTO public.auth_permission VALUES (232, 'Can view alert', 57, 'view_alert');
INSERT INTO public.auth_permission VALUES (233, 'Can add newsletter', 58, 'add_newsletter');
INSERT INTO public.auth_permission VALUES (234, 'Can change newsletter', 58, 'change_newsletter');
INSERT INTO public.auth_permission VALUES (235, 'Can delete newsletter', 58, 'delete_newsletter');
INSERT INTO public.auth_permission VALUES (236, 'Can view newsletter', 58, 'view_newsletter');
INSERT INTO public.auth_permission VALUES (237, 'Can add glossary term', 59, 'add_glossaryterm');
INSERT INTO public.auth_permission VALUES (238, 'Can change glossary term', 59, 'change_glossaryterm');
INSERT INTO public.auth_permission VALUES (239, 'Can delete glossary term', 59, 'delete_glossaryterm');
INSERT INTO public.auth_permission VALUES (240, 'Can view glossary term', 59, 'view_glossaryterm');
INSERT INTO public.auth_permission VALUES (241, 'Can add text of a newsletter in a language', 60, 'add_newslettertext');
INSERT INTO public.auth_permission VALUES (242, 'Can change text of a newsletter in a language', 60, 'change_newslettertext');
INSERT INTO public.auth_permission VALUES (243, 'Can delete text of a newsletter in a language', 60, 'delete_newslettertext');
INSERT INTO public.auth_permission VALUES (244, 'Can view text of a newsletter in a language', 60, 'view_newslettertext');
INSERT INTO public.auth_permission VALUES (245, 'Can add notification', 61, 'add_notification');
INSERT INTO public.auth_permission VALUES (246, 'Can change notification', 61, 'change_notification');
INSERT INTO public.auth_permission VALUES (247, 'Can delete notification', 61, 'delete_notification');
INSERT INTO public.auth_permission VALUES (248, 'Can view notification', 61, 'view_notification');
INSERT INTO public.auth_permission VALUES (249, 'Can add notification choice', 62, 'add_notificationchoice');
INSERT INTO public.auth_permission VALUES (250, 'Can change notification choice', 62, 'change_notificationchoice');
INSERT INTO public.auth_permission VALUES (251, 'Can delete notification choice', 62, 'delete_notificationchoice');
INSERT INTO public.auth_permission VALUES (252, 'Can view notification choice', 62, 'view_notificationchoice');
INSERT INTO public.auth_permission VALUES (253, 'Can add outbox message', 63, 'add_outboxmessage');
INSERT INTO public.auth_permission VALUES (254, 'Can change outbox message', 63, 'change_outboxmessage');
INSERT INTO public.auth_permission VALUES (255, 'Can delete outbox message', 63, 'delete_outboxmessage');
INSERT INTO public.auth_permission VALUES (256, 'Can view outbox message', 63, 'view_outboxmessage');
INSERT INTO public.auth_permission VALUES (257, 'Can add outcome batch', 64, 'add_outcomebatch');
INSERT INTO public.auth_permission VALUES (258, 'Can change outcome batch', 64, 'change_outcomebatch');
INSERT INTO public.auth_permission VALUES (259, 'Can delete outcome batch', 64, 'delete_outcomebatch');
INSERT INTO public.auth_permission VALUES (260, 'Can view outcome batch', 64, 'view_outcomebatch');
INSERT INTO public.auth_permission VALUES (261, 'Can add outcome total', 65, 'add_outcometotal');
INSERT INTO public.auth_permission VALUES (262, 'Can change outcome total', 65, 'change_outcometotal');
INSERT INTO public.auth_permission VALUES (263, 'Can delete outcome total', 65, 'delete_outcometotal');
INSERT INTO public.auth_permission VALUES (264, 'Can view outcome total', 65, 'view_outcometotal');
INSERT INTO public.auth_permission VALUES (265, 'Can add provider hour', 66, 'add_providerhour');
INSERT INTO public.auth_permission VALUES (266, 'Can change provider hour', 66, 'change_providerhour');
INSERT INTO public.auth_permission VALUES (267, 'Can delete provider hour', 66, 'delete_providerhour');
INSERT INTO public.auth_permission VALUES (268, 'Can view provider hour', 66, 'view_providerhour');
INSERT INTO public.auth_permission VALUES (269, 'Can add returned message', 67, 'add_returnedmessage');
INSERT INTO public.auth_permission VALUES (270, 'Can change returned message', 67, 'change_returnedmessage');
INSERT INTO public.auth_permission VALUES (271, 'Can delete returned message', 67, 'delete_returnedmessage');
INSERT INTO public.auth_permission VALUES (272, 'Can view returned message', 67, 'view_returnedmessage');
INSERT INTO public.auth_permission VALUES (273, 'Can add reply answer', 68, 'add_replyanswer');
INSERT INTO public.auth_permission VALUES (274, 'Can change reply answer', 68, 'change_replyanswer');
INSERT INTO public.auth_permission VALUES (275, 'Can delete reply answer', 68, 'delete_replyanswer');
INSERT INTO public.auth_permission VALUES (276, 'Can view reply answer', 68, 'view_replyanswer');
INSERT INTO public.auth_permission VALUES (277, 'Can add feedback event', 69, 'add_feedbackevent');
INSERT INTO public.auth_permission VALUES (278, 'Can change feedback event', 69, 'change_feedbackevent');
INSERT INTO public.auth_permission VALUES (279, 'Can delete feedback event', 69, 'delete_feedbackevent');
INSERT INTO public.auth_permission VALUES (280, 'Can view feedback event', 69, 'view_feedbackevent');
INSERT INTO public.auth_permission VALUES (281, 'Can add snapshot', 70, 'add_snapshot');
INSERT INTO public.auth_permission VALUES (282, 'Can change snapshot', 70, 'change_snapshot');
INSERT INTO public.auth_permission VALUES (283, 'Can delete snapshot', 70, 'delete_snapshot');
INSERT INTO public.auth_permission VALUES (284, 'Can view snapshot', 70, 'view_snapshot');
INSERT INTO public.auth_permission VALUES (285, 'Can add review comment', 71, 'add_reviewcomment');
INSERT INTO public.auth_permission VALUES (286, 'Can change review comment', 71, 'change_reviewcomment');
INSERT INTO public.auth_permission VALUES (287, 'Can delete review comment', 71, 'delete_reviewcomment');
INSERT INTO public.auth_permission VALUES (288, 'Can view review comment', 71, 'view_reviewcomment');
INSERT INTO public.auth_permission VALUES (289, 'Can add rejection', 72, 'add_rejection');
INSERT INTO public.auth_permission VALUES (290, 'Can change rejection', 72, 'change_rejection');
INSERT INTO public.auth_permission VALUES (291, 'Can delete rejection', 72, 'delete_rejection');
INSERT INTO public.auth_permission VALUES (292, 'Can view rejection', 72, 'view_rejection');
INSERT INTO public.auth_permission VALUES (293, 'Can add approval link', 73, 'add_approvallink');
INSERT INTO public.auth_permission VALUES (294, 'Can change approval link', 73, 'change_approvallink');
INSERT INTO public.auth_permission VALUES (295, 'Can delete approval link', 73, 'delete_approvallink');
INSERT INTO public.auth_permission VALUES (296, 'Can view approval link', 73, 'view_approvallink');
INSERT INTO public.auth_permission VALUES (297, 'Can add approval', 74, 'add_approval');
INSERT INTO public.auth_permission VALUES (298, 'Can change approval', 74, 'change_approval');
INSERT INTO public.auth_permission VALUES (299, 'Can delete approval', 74, 'delete_approval');
INSERT INTO public.auth_permission VALUES (300, 'Can view approval', 74, 'view_approval');
INSERT INTO public.auth_permission VALUES (301, 'Can add snapshot author', 75, 'add_snapshotauthor');
INSERT INTO public.auth_permission VALUES (302, 'Can change snapshot author', 75, 'change_snapshotauthor');
INSERT INTO public.auth_permission VALUES (303, 'Can delete snapshot author', 75, 'delete_snapshotauthor');
INSERT INTO public.auth_permission VALUES (304, 'Can view snapshot author', 75, 'view_snapshotauthor');
INSERT INTO public.auth_permission VALUES (305, 'Can add snapshot variant', 76, 'add_snapshotvariant');
INSERT INTO public.auth_permission VALUES (306, 'Can change snapshot variant', 76, 'change_snapshotvariant');
INSERT INTO public.auth_permission VALUES (307, 'Can delete snapshot variant', 76, 'delete_snapshotvariant');
INSERT INTO public.auth_permission VALUES (308, 'Can view snapshot variant', 76, 'view_snapshotvariant');
INSERT INTO public.auth_permission VALUES (309, 'Can add daily event count', 77, 'add_dailyeventcount');
INSERT INTO public.auth_permission VALUES (310, 'Can change daily event count', 77, 'change_dailyeventcount');
INSERT INTO public.auth_permission VALUES (311, 'Can delete daily event count', 77, 'delete_dailyeventcount');
INSERT INTO public.auth_permission VALUES (312, 'Can view daily event count', 77, 'view_dailyeventcount');
INSERT INTO public.auth_permission VALUES (313, 'Can add story', 78, 'add_story');
INSERT INTO public.auth_permission VALUES (314, 'Can change story', 78, 'change_story');
INSERT INTO public.auth_permission VALUES (315, 'Can delete story', 78, 'delete_story');
INSERT INTO public.auth_permission VALUES (316, 'Can view story', 78, 'view_story');
INSERT INTO public.auth_permission VALUES (317, 'Can add authorship', 79, 'add_authorship');
INSERT INTO public.auth_permission VALUES (318, 'Can change authorship', 79, 'change_authorship');
INSERT INTO public.auth_permission VALUES (319, 'Can delete authorship', 79, 'delete_authorship');
INSERT INTO public.auth_permission VALUES (320, 'Can view authorship', 79, 'view_authorship');
INSERT INTO public.auth_permission VALUES (321, 'Can add comment on a story', 80, 'add_storycomment');
INSERT INTO public.auth_permission VALUES (322, 'Can change comment on a story', 80, 'change_storycomment');
INSERT INTO public.auth_permission VALUES (323, 'Can delete comment on a story', 80, 'delete_storycomment');
INSERT INTO public.auth_permission VALUES (324, 'Can view comment on a story', 80, 'view_storycomment');
INSERT INTO public.auth_permission VALUES (325, 'Can add text of a story changed for one edition', 81, 'add_storyoverride');
INSERT INTO public.auth_permission VALUES (326, 'Can change text of a story changed for one edition', 81, 'change_storyoverride');
INSERT INTO public.auth_permission VALUES (327, 'Can delete text of a story changed for one edition', 81, 'delete_storyoverride');
INSERT INTO public.auth_permission VALUES (328, 'Can view text of a story changed for one edition', 81, 'view_storyoverride');
INSERT INTO public.auth_permission VALUES (329, 'Can add email with stories', 82, 'add_storymail');
INSERT INTO public.auth_permission VALUES (330, 'Can change email with stories', 82, 'change_storymail');
INSERT INTO public.auth_permission VALUES (331, 'Can delete email with stories', 82, 'delete_storymail');
INSERT INTO public.auth_permission VALUES (332, 'Can view email with stories', 82, 'view_storymail');
INSERT INTO public.auth_permission VALUES (333, 'Can add item imported from a story source', 83, 'add_storysourceitem');
INSERT INTO public.auth_permission VALUES (334, 'Can change item imported from a story source', 83, 'change_storysourceitem');
INSERT INTO public.auth_permission VALUES (335, 'Can delete item imported from a story source', 83, 'delete_storysourceitem');
INSERT INTO public.auth_permission VALUES (336, 'Can view item imported from a story source', 83, 'view_storysourceitem');
INSERT INTO public.auth_permission VALUES (337, 'Can add search key of a story source''s entry', 84, 'add_storysourceitemkey');
INSERT INTO public.auth_permission VALUES (338, 'Can change search key of a story source''s entry', 84, 'change_storysourceitemkey');
INSERT INTO public.auth_permission VALUES (339, 'Can delete search key of a story source''s entry', 84, 'delete_storysourceitemkey');
INSERT INTO public.auth_permission VALUES (340, 'Can view search key of a story source''s entry', 84, 'view_storysourceitemkey');
INSERT INTO public.auth_permission VALUES (341, 'Can add text of a story in a language', 85, 'add_storytext');
INSERT INTO public.auth_permission VALUES (342, 'Can change text of a story in a language', 85, 'change_storytext');
INSERT INTO public.auth_permission VALUES (343, 'Can delete text of a story in a language', 85, 'delete_storytext');
INSERT INTO public.auth_permission VALUES (344, 'Can view text of a story in a language', 85, 'view_storytext');
INSERT INTO public.auth_permission VALUES (345, 'Can add suppression decision', 86, 'add_suppressiondecision');
INSERT INTO public.auth_permission VALUES (346, 'Can change suppression decision', 86, 'change_suppressiondecision');
INSERT INTO public.auth_permission VALUES (347, 'Can delete suppression decision', 86, 'delete_suppressiondecision');
INSERT INTO public.auth_permission VALUES (348, 'Can view suppression decision', 86, 'view_suppressiondecision');
INSERT INTO public.auth_permission VALUES (349, 'Can add template version', 87, 'add_templateversion');
INSERT INTO public.auth_permission VALUES (350, 'Can change template version', 87, 'change_templateversion');
INSERT INTO public.auth_permission VALUES (351, 'Can delete template version', 87, 'delete_templateversion');
INSERT INTO public.auth_permission VALUES (352, 'Can view template version', 87, 'view_templateversion');
INSERT INTO public.auth_permission VALUES (353, 'Can add tracking event', 88, 'add_trackingevent');
INSERT INTO public.auth_permission VALUES (354, 'Can change tracking event', 88, 'change_trackingevent');
INSERT INTO public.auth_permission VALUES (355, 'Can delete tracking event', 88, 'delete_trackingevent');
INSERT INTO public.auth_permission VALUES (356, 'Can view tracking event', 88, 'view_trackingevent');
INSERT INTO public.auth_permission VALUES (357, 'Can add variant audience', 89, 'add_variantaudience');
INSERT INTO public.auth_permission VALUES (358, 'Can change variant audience', 89, 'change_variantaudience');
INSERT INTO public.auth_permission VALUES (359, 'Can delete variant audience', 89, 'delete_variantaudience');
INSERT INTO public.auth_permission VALUES (360, 'Can view variant audience', 89, 'view_variantaudience');
INSERT INTO public.auth_permission VALUES (361, 'Can add variant check', 90, 'add_variantcheck');
INSERT INTO public.auth_permission VALUES (362, 'Can change variant check', 90, 'change_variantcheck');
INSERT INTO public.auth_permission VALUES (363, 'Can delete variant check', 90, 'delete_variantcheck');
INSERT INTO public.auth_permission VALUES (364, 'Can view variant check', 90, 'view_variantcheck');
INSERT INTO public.auth_permission VALUES (365, 'Can add webhook message', 91, 'add_webhookmessage');
INSERT INTO public.auth_permission VALUES (366, 'Can change webhook message', 91, 'change_webhookmessage');
INSERT INTO public.auth_permission VALUES (367, 'Can delete webhook message', 91, 'delete_webhookmessage');
INSERT INTO public.auth_permission VALUES (368, 'Can view webhook message', 91, 'view_webhookmessage');
INSERT INTO public.auth_permission VALUES (369, 'Can add webhook attempt', 92, 'add_webhookattempt');
INSERT INTO public.auth_permission VALUES (370, 'Can change webhook attempt', 92, 'change_webhookattempt');
INSERT INTO public.auth_permission VALUES (371, 'Can delete webhook attempt', 92, 'delete_webhookattempt');
INSERT INTO public.auth_permission VALUES (372, 'Can view webhook attempt', 92, 'view_webhookattempt');
INSERT INTO public.auth_permission VALUES (373, 'Can add webhook payload', 93, 'add_webhookpayload');
INSERT INTO public.auth_permission VALUES (374, 'Can change webhook payload', 93, 'change_webhookpayload');
INSERT INTO public.auth_permission VALUES (375, 'Can delete webhook payload', 93, 'delete_webhookpayload');
INSERT INTO public.auth_permission VALUES (376, 'Can view webhook payload', 93, 'view_webhookpayload');
INSERT INTO public.auth_permission VALUES (377, 'Can add account change', 94, 'add_accountchange');
INSERT INTO public.auth_permission VALUES (378, 'Can change account change', 94, 'change_accountchange');
INSERT INTO public.auth_permission VALUES (379, 'Can delete account change', 94, 'delete_accountchange');
INSERT INTO public.auth_permission VALUES (380, 'Can view account change', 94, 'view_accountchange');
INSERT INTO public.auth_permission VALUES (381, 'Can add alert post', 95, 'add_alertpost');
INSERT INTO public.auth_permission VALUES (382, 'Can change alert post', 95, 'change_alertpost');
INSERT INTO public.auth_permission VALUES (383, 'Can delete alert post', 95, 'delete_alertpost');
INSERT INTO public.auth_permission VALUES (384, 'Can view alert post', 95, 'view_alertpost');
INSERT INTO public.auth_permission VALUES (385, 'Can add subject line of an edition in a language', 96, 'add_editiontext');
INSERT INTO public.auth_permission VALUES (386, 'Can change subject line of an edition in a language', 96, 'change_editiontext');
INSERT INTO public.auth_permission VALUES (387, 'Can delete subject line of an edition in a language', 96, 'delete_editiontext');
INSERT INTO public.auth_permission VALUES (388, 'Can view subject line of an edition in a language', 96, 'view_editiontext');
INSERT INTO public.auth_permission VALUES (389, 'Can add idempotent request', 97, 'add_idempotentrequest');
INSERT INTO public.auth_permission VALUES (390, 'Can change idempotent request', 97, 'change_idempotentrequest');
INSERT INTO public.auth_permission VALUES (391, 'Can delete idempotent request', 97, 'delete_idempotentrequest');
INSERT INTO public.auth_permission VALUES (392, 'Can view idempotent request', 97, 'view_idempotentrequest');
INSERT INTO public.auth_permission VALUES (393, 'Can add list change', 98, 'add_listchange');
INSERT INTO public.auth_permission VALUES (394, 'Can change list change', 98, 'change_listchange');
INSERT INTO public.auth_permission VALUES (395, 'Can delete list change', 98, 'delete_listchange');
INSERT INTO public.auth_permission VALUES (396, 'Can view list change', 98, 'view_listchange');
INSERT INTO public.auth_permission VALUES (397, 'Can add intervention', 99, 'add_intervention');
INSERT INTO public.auth_permission VALUES (398, 'Can change intervention', 99, 'change_intervention');
INSERT INTO public.auth_permission VALUES (399, 'Can delete intervention', 99, 'delete_intervention');
INSERT INTO public.auth_permission VALUES (400, 'Can view intervention', 99, 'view_intervention');
INSERT INTO public.auth_permission VALUES (401, 'Can add edition plan', 100, 'add_editionplan');
INSERT INTO public.auth_permission VALUES (402, 'Can change edition plan', 100, 'change_editionplan');
INSERT INTO public.auth_permission VALUES (403, 'Can delete edition plan', 100, 'delete_editionplan');
INSERT INTO public.auth_permission VALUES (404, 'Can view edition plan', 100, 'view_editionplan');
INSERT INTO public.auth_permission VALUES (405, 'Can add consent text', 101, 'add_consenttext');
INSERT INTO public.auth_permission VALUES (406, 'Can change consent text', 101, 'change_consenttext');
INSERT INTO public.auth_permission VALUES (407, 'Can delete consent text', 101, 'delete_consenttext');
INSERT INTO public.auth_permission VALUES (408, 'Can view consent text', 101, 'view_consenttext');
INSERT INTO public.auth_permission VALUES (409, 'Can add custom field', 102, 'add_customfield');
INSERT INTO public.auth_permission VALUES (410, 'Can change custom field', 102, 'change_customfield');
INSERT INTO public.auth_permission VALUES (411, 'Can delete custom field', 102, 'delete_customfield');
INSERT INTO public.auth_permission VALUES (412, 'Can view custom field', 102, 'view_customfield');
INSERT INTO public.auth_permission VALUES (413, 'Can add key canary', 103, 'add_keycanary');
INSERT INTO public.auth_permission VALUES (414, 'Can change key canary', 103, 'change_keycanary');
INSERT INTO public.auth_permission VALUES (415, 'Can delete key canary', 103, 'delete_keycanary');
INSERT INTO public.auth_permission VALUES (416, 'Can view key canary', 103, 'view_keycanary');
INSERT INTO public.auth_permission VALUES (417, 'Can add mailing list', 104, 'add_mailinglist');
INSERT INTO public.auth_permission VALUES (418, 'Can change mailing list', 104, 'change_mailinglist');
INSERT INTO public.auth_permission VALUES (419, 'Can delete mailing list', 104, 'delete_mailinglist');
INSERT INTO public.auth_permission VALUES (420, 'Can view mailing list', 104, 'view_mailinglist');
INSERT INTO public.auth_permission VALUES (421, 'Can add rule count', 105, 'add_rulecount');
INSERT INTO public.auth_permission VALUES (422, 'Can change rule count', 105, 'change_rulecount');
INSERT INTO public.auth_permission VALUES (423, 'Can delete rule count', 105, 'delete_rulecount');
INSERT INTO public.auth_permission VALUES (424, 'Can view rule count', 105, 'view_rulecount');
INSERT INTO public.auth_permission VALUES (425, 'Can add segment', 106, 'add_segment');
INSERT INTO public.auth_permission VALUES (426, 'Can change segment', 106, 'change_segment');
INSERT INTO public.auth_permission VALUES (427, 'Can delete segment', 106, 'delete_segment');
INSERT INTO public.auth_permission VALUES (428, 'Can view segment', 106, 'view_segment');
INSERT INTO public.auth_permission VALUES (429, 'Can add tag', 107, 'add_tag');
INSERT INTO public.auth_permission VALUES (430, 'Can change tag', 107, 'change_tag');
INSERT INTO public.auth_permission VALUES (431, 'Can delete tag', 107, 'delete_tag');
INSERT INTO public.auth_permission VALUES (432, 'Can view tag', 107, 'view_tag');
INSERT INTO public.auth_permission VALUES (433, 'Can add bulk action job', 108, 'add_bulkjob');
INSERT INTO public.auth_permission VALUES (434, 'Can change bulk action job', 108, 'change_bulkjob');
INSERT INTO public.auth_permission VALUES (435, 'Can delete bulk action job', 108, 'delete_bulkjob');
INSERT INTO public.auth_permission VALUES (436, 'Can view bulk action job', 108, 'view_bulkjob');
INSERT INTO public.auth_permission VALUES (437, 'Can add list growth', 109, 'add_listgrowth');
INSERT INTO public.auth_permission VALUES (438, 'Can change list growth', 109, 'change_listgrowth');
INSERT INTO public.auth_permission VALUES (439, 'Can delete list growth', 109, 'delete_listgrowth');
INSERT INTO public.auth_permission VALUES (440, 'Can view list growth', 109, 'view_listgrowth');
INSERT INTO public.auth_permission VALUES (441, 'Can add import', 110, 'add_importjob');
INSERT INTO public.auth_permission VALUES (442, 'Can change import', 110, 'change_importjob');
INSERT INTO public.auth_permission VALUES (443, 'Can delete import', 110, 'delete_importjob');
INSERT INTO public.auth_permission VALUES (444, 'Can view import', 110, 'view_importjob');
INSERT INTO public.auth_permission VALUES (445, 'Can add rate limit counter', 111, 'add_ratelimitcounter');
INSERT INTO public.auth_permission VALUES (446, 'Can change rate limit counter', 111, 'change_ratelimitcounter');
INSERT INTO public.auth_permission VALUES (447, 'Can delete rate limit counter', 111, 'delete_ratelimitcounter');
INSERT INTO public.auth_permission VALUES (448, 'Can view rate limit counter', 111, 'view_ratelimitcounter');
INSERT INTO public.auth_permission VALUES (449, 'Can add reconfirmation', 112, 'add_reconfirmationcampaign');
INSERT INTO public.auth_permission VALUES (450, 'Can change reconfirmation', 112, 'change_reconfirmationcampaign');
INSERT INTO public.auth_permission VALUES (451, 'Can delete reconfirmation', 112, 'delete_reconfirmationcampaign');
INSERT INTO public.auth_permission VALUES (452, 'Can view reconfirmation', 112, 'view_reconfirmationcampaign');
INSERT INTO public.auth_permission VALUES (453, 'Can add rejected row', 113, 'add_rejectedrow');
INSERT INTO public.auth_permission VALUES (454, 'Can change rejected row', 113, 'change_rejectedrow');
INSERT INTO public.auth_permission VALUES (455, 'Can delete rejected row', 113, 'delete_rejectedrow');
INSERT INTO public.auth_permission VALUES (456, 'Can view rejected row', 113, 'view_rejectedrow');
INSERT INTO public.auth_permission VALUES (457, 'Can add reversible erasure', 114, 'add_reversibleerasure');
INSERT INTO public.auth_permission VALUES (458, 'Can change reversible erasure', 114, 'change_reversibleerasure');
INSERT INTO public.auth_permission VALUES (459, 'Can delete reversible erasure', 114, 'delete_reversibleerasure');
INSERT INTO public.auth_permission VALUES (460, 'Can view reversible erasure', 114, 'view_reversibleerasure');
INSERT INTO public.auth_permission VALUES (461, 'Can add subscriber', 115, 'add_subscriber');
INSERT INTO public.auth_permission VALUES (462, 'Can change subscriber', 115, 'change_subscriber');
INSERT INTO public.auth_permission VALUES (463, 'Can delete subscriber', 115, 'delete_subscriber');
INSERT INTO public.auth_permission VALUES (464, 'Can view subscriber', 115, 'view_subscriber');
INSERT INTO public.auth_permission VALUES (465, 'Can add reconfirmation request', 116, 'add_reconfirmationrequest');
INSERT INTO public.auth_permission VALUES (466, 'Can change reconfirmation request', 116, 'change_reconfirmationrequest');
INSERT INTO public.auth_permission VALUES (467, 'Can delete reconfirmation request', 116, 'delete_reconfirmationrequest');
INSERT INTO public.auth_permission VALUES (468, 'Can view reconfirmation request', 116, 'view_reconfirmationrequest');
INSERT INTO public.auth_permission VALUES (469, 'Can add former address', 117, 'add_formeraddress');
INSERT INTO public.auth_permission VALUES (470, 'Can change former address', 117, 'change_formeraddress');
INSERT INTO public.auth_permission VALUES (471, 'Can delete former address', 117, 'delete_formeraddress');
INSERT INTO public.auth_permission VALUES (472, 'Can view former address', 117, 'view_formeraddress');
INSERT INTO public.auth_permission VALUES (473, 'Can add field value', 118, 'add_fieldvalue');
INSERT INTO public.auth_permission VALUES (474, 'Can change field value', 118, 'change_fieldvalue');
INSERT INTO public.auth_permission VALUES (475, 'Can delete field value', 118, 'delete_fieldvalue');
INSERT INTO public.auth_permission VALUES (476, 'Can view field value', 118, 'view_fieldvalue');
INSERT INTO public.auth_permission VALUES (477, 'Can add data link', 119, 'add_datalink');
INSERT INTO public.auth_permission VALUES (478, 'Can change data link', 119, 'change_datalink');
INSERT INTO public.auth_permission VALUES (479, 'Can delete data link', 119, 'delete_datalink');
INSERT INTO public.auth_permission VALUES (480, 'Can view data link', 119, 'view_datalink');
INSERT INTO public.auth_permission VALUES (481, 'Can add consent record', 120, 'add_consentrecord');
INSERT INTO public.auth_permission VALUES (482, 'Can change consent record', 120, 'change_consentrecord');
INSERT INTO public.auth_permission VALUES (483, 'Can delete consent record', 120, 'delete_consentrecord');
INSERT INTO public.auth_permission VALUES (484, 'Can view consent record', 120, 'view_consentrecord');
INSERT INTO public.auth_permission VALUES (485, 'Can add bulk change', 121, 'add_bulkchange');
INSERT INTO public.auth_permission VALUES (486, 'Can change bulk change', 121, 'change_bulkchange');
INSERT INTO public.auth_permission VALUES (487, 'Can delete bulk change', 121, 'delete_bulkchange');
INSERT INTO public.auth_permission VALUES (488, 'Can view bulk change', 121, 'view_bulkchange');
INSERT INTO public.auth_permission VALUES (489, 'Can add address change', 122, 'add_addresschange');
INSERT INTO public.auth_permission VALUES (490, 'Can change address change', 122, 'change_addresschange');
INSERT INTO public.auth_permission VALUES (491, 'Can delete address change', 122, 'delete_addresschange');
INSERT INTO public.auth_permission VALUES (492, 'Can view address change', 122, 'view_addresschange');
INSERT INTO public.auth_permission VALUES (493, 'Can add subscription', 123, 'add_subscription');
INSERT INTO public.auth_permission VALUES (494, 'Can change subscription', 123, 'change_subscription');
INSERT INTO public.auth_permission VALUES (495, 'Can delete subscription', 123, 'delete_subscription');
INSERT INTO public.auth_permission VALUES (496, 'Can view subscription', 123, 'view_subscription');
INSERT INTO public.auth_permission VALUES (497, 'Can add suppression', 124, 'add_suppression');
INSERT INTO public.auth_permission VALUES (498, 'Can change suppression', 124, 'change_suppression');
INSERT INTO public.auth_permission VALUES (499, 'Can delete suppression', 124, 'delete_suppression');
INSERT INTO public.auth_permission VALUES (500, 'Can view suppression', 124, 'view_suppression');
INSERT INTO public.auth_permission VALUES (501, 'Can add tagging', 125, 'add_tagging');
INSERT INTO public.auth_permission VALUES (502, 'Can change tagging', 125, 'change_tagging');
INSERT INTO public.auth_permission VALUES (503, 'Can delete tagging', 125, 'delete_tagging');
INSERT INTO public.auth_permission VALUES (504, 'Can view tagging', 125, 'view_tagging');
INSERT INTO public.auth_permission VALUES (505, 'Can add import change', 126, 'add_importchange');
INSERT INTO public.auth_permission VALUES (506, 'Can change import change', 126, 'change_importchange');
INSERT INTO public.auth_permission VALUES (507, 'Can delete import change', 126, 'delete_importchange');
INSERT INTO public.auth_permission VALUES (508, 'Can view import change', 126, 'view_importchange');
INSERT INTO public.auth_permission VALUES (509, 'Can add import row', 127, 'add_importrow');
INSERT INTO public.auth_permission VALUES (510, 'Can change import row', 127, 'change_importrow');
INSERT INTO public.auth_permission VALUES (511, 'Can delete import row', 127, 'delete_importrow');
INSERT INTO public.auth_permission VALUES (512, 'Can view import row', 127, 'view_importrow');
INSERT INTO public.auth_permission VALUES (513, 'Can add user profile', 128, 'add_userprofile');
INSERT INTO public.auth_permission VALUES (514, 'Can change user profile', 128, 'change_userprofile');
INSERT INTO public.auth_permission VALUES (515, 'Can delete user profile', 128, 'delete_userprofile');
INSERT INTO public.auth_permission VALUES (516, 'Can view user profile', 128, 'view_userprofile');
INSERT INTO public.auth_permission VALUES (517, 'Can publish edition', 50, 'publish_edition');
INSERT INTO public.auth_permission VALUES (518, 'Can publish story', 78, 'publish_story');
INSERT INTO public.auth_permission VALUES (519, 'Can view image', 2, 'view_image');
INSERT INTO public.auth_permission VALUES (520, 'Can add rendition', 129, 'add_rendition');
INSERT INTO public.auth_permission VALUES (521, 'Can change rendition', 129, 'change_rendition');
INSERT INTO public.auth_permission VALUES (522, 'Can delete rendition', 129, 'delete_rendition');
INSERT INTO public.auth_permission VALUES (523, 'Can view rendition', 129, 'view_rendition');
INSERT INTO public.auth_permission VALUES (524, 'Can view document', 29, 'view_document');
INSERT INTO public.auth_permission VALUES (525, 'Can add index entry', 130, 'add_indexentry');
INSERT INTO public.auth_permission VALUES (526, 'Can change index entry', 130, 'change_indexentry');
INSERT INTO public.auth_permission VALUES (527, 'Can delete index entry', 130, 'delete_indexentry');
INSERT INTO public.auth_permission VALUES (528, 'Can view index entry', 130, 'view_indexentry');
INSERT INTO public.auth_permission VALUES (529, 'Can add editing session', 131, 'add_editingsession');
INSERT INTO public.auth_permission VALUES (530, 'Can change editing session', 131, 'change_editingsession');
INSERT INTO public.auth_permission VALUES (531, 'Can delete editing session', 131, 'delete_editingsession');
INSERT INTO public.auth_permission VALUES (532, 'Can view editing session', 131, 'view_editingsession');
INSERT INTO public.auth_permission VALUES (533, 'Can add form state', 132, 'add_formstate');
INSERT INTO public.auth_permission VALUES (534, 'Can change form state', 132, 'change_formstate');
INSERT INTO public.auth_permission VALUES (535, 'Can delete form state', 132, 'delete_formstate');
INSERT INTO public.auth_permission VALUES (536, 'Can view form state', 132, 'view_formstate');
INSERT INTO public.auth_permission VALUES (537, 'Can add tag', 133, 'add_tag');
INSERT INTO public.auth_permission VALUES (538, 'Can change tag', 133, 'change_tag');
INSERT INTO public.auth_permission VALUES (539, 'Can delete tag', 133, 'delete_tag');
INSERT INTO public.auth_permission VALUES (540, 'Can view tag', 133, 'view_tag');
INSERT INTO public.auth_permission VALUES (541, 'Can add tagged item', 134, 'add_taggeditem');
INSERT INTO public.auth_permission VALUES (542, 'Can change tagged item', 134, 'change_taggeditem');
INSERT INTO public.auth_permission VALUES (543, 'Can delete tagged item', 134, 'delete_taggeditem');
INSERT INTO public.auth_permission VALUES (544, 'Can view tagged item', 134, 'view_taggeditem');
INSERT INTO public.auth_permission VALUES (545, 'Can add permission', 135, 'add_permission');
INSERT INTO public.auth_permission VALUES (546, 'Can change permission', 135, 'change_permission');
INSERT INTO public.auth_permission VALUES (547, 'Can delete permission', 135, 'delete_permission');
INSERT INTO public.auth_permission VALUES (548, 'Can view permission', 135, 'view_permission');
INSERT INTO public.auth_permission VALUES (549, 'Can add group', 136, 'add_group');
INSERT INTO public.auth_permission VALUES (550, 'Can change group', 136, 'change_group');
INSERT INTO public.auth_permission VALUES (551, 'Can delete group', 136, 'delete_group');
INSERT INTO public.auth_permission VALUES (552, 'Can view group', 136, 'view_group');
INSERT INTO public.auth_permission VALUES (553, 'Can add user', 137, 'add_user');
INSERT INTO public.auth_permission VALUES (554, 'Can change user', 137, 'change_user');
INSERT INTO public.auth_permission VALUES (555, 'Can delete user', 137, 'delete_user');
INSERT INTO public.auth_permission VALUES (556, 'Can view user', 137, 'view_user');
INSERT INTO public.auth_permission VALUES (557, 'Can add email address', 138, 'add_emailaddress');
INSERT INTO public.auth_permission VALUES (558, 'Can change email address', 138, 'change_emailaddress');
INSERT INTO public.auth_permission VALUES (559, 'Can delete email address', 138, 'delete_emailaddress');
INSERT INTO public.auth_permission VALUES (560, 'Can view email address', 138, 'view_emailaddress');
INSERT INTO public.auth_permission VALUES (561, 'Can add email confirmation', 139, 'add_emailconfirmation');
INSERT INTO public.auth_permission VALUES (562, 'Can change email confirmation', 139, 'change_emailconfirmation');
INSERT INTO public.auth_permission VALUES (563, 'Can delete email confirmation', 139, 'delete_emailconfirmation');
INSERT INTO public.auth_permission VALUES (564, 'Can view email confirmation', 139, 'view_emailconfirmation');
INSERT INTO public.auth_permission VALUES (565, 'Can add authenticator', 140, 'add_authenticator');
INSERT INTO public.auth_permission VALUES (566, 'Can change authenticator', 140, 'change_authenticator');
INSERT INTO public.auth_permission VALUES (567, 'Can delete authenticator', 140, 'delete_authenticator');
INSERT INTO public.auth_permission VALUES (568, 'Can view authenticator', 140, 'view_authenticator');
INSERT INTO public.auth_permission VALUES (569, 'Can add user session', 141, 'add_usersession');
INSERT INTO public.auth_permission VALUES (570, 'Can change user session', 141, 'change_usersession');
INSERT INTO public.auth_permission VALUES (571, 'Can delete user session', 141, 'delete_usersession');
INSERT INTO public.auth_permission VALUES (572, 'Can view user session', 141, 'view_usersession');
INSERT INTO public.auth_permission VALUES (573, 'Can add social account', 142, 'add_socialaccount');
INSERT INTO public.auth_permission VALUES (574, 'Can change social account', 142, 'change_socialaccount');
INSERT INTO public.auth_permission VALUES (575, 'Can delete social account', 142, 'delete_socialaccount');
INSERT INTO public.auth_permission VALUES (576, 'Can view social account', 142, 'view_socialaccount');
INSERT INTO public.auth_permission VALUES (577, 'Can add social application', 143, 'add_socialapp');
INSERT INTO public.auth_permission VALUES (578, 'Can change social application', 143, 'change_socialapp');
INSERT INTO public.auth_permission VALUES (579, 'Can delete social application', 143, 'delete_socialapp');
INSERT INTO public.auth_permission VALUES (580, 'Can view social application', 143, 'view_socialapp');
INSERT INTO public.auth_permission VALUES (581, 'Can add social application token', 144, 'add_socialtoken');
INSERT INTO public.auth_permission VALUES (582, 'Can change social application token', 144, 'change_socialtoken');
INSERT INTO public.auth_permission VALUES (583, 'Can delete social application token', 144, 'delete_socialtoken');
INSERT INTO public.auth_permission VALUES (584, 'Can view social application token', 144, 'view_socialtoken');
INSERT INTO public.auth_permission VALUES (585, 'Can add content type', 145, 'add_contenttype');
INSERT INTO public.auth_permission VALUES (586, 'Can change content type', 145, 'change_contenttype');
INSERT INTO public.auth_permission VALUES (587, 'Can delete content type', 145, 'delete_contenttype');
INSERT INTO public.auth_permission VALUES (588, 'Can view content type', 145, 'view_contenttype');
INSERT INTO public.auth_permission VALUES (589, 'Can add session', 146, 'add_session');
INSERT INTO public.auth_permission VALUES (590, 'Can change session', 146, 'change_session');
INSERT INTO public.auth_permission VALUES (591, 'Can delete session', 146, 'delete_session');
INSERT INTO public.auth_permission VALUES (592, 'Can view session', 146, 'view_session');
INSERT INTO public.django_content_type VALUES (1, 'wagtailcore', 'page');
INSERT INTO public.django_content_type VALUES (2, 'wagtailimages', 'image');
INSERT INTO public.django_content_type VALUES (3, 'wagtailadmin', 'admin');
INSERT INTO public.django_content_type VALUES (4, 'wagtailcore', 'groupapprovaltask');
INSERT INTO public.django_content_type VALUES (5, 'wagtailcore', 'locale');
INSERT INTO public.django_content_type VALUES (6, 'wagtailcore', 'site');
INSERT INTO public.django_content_type VALUES (7, 'wagtailcore', 'groupsitepermission');
INSERT INTO public.django_content_type VALUES (8, 'wagtailcore', 'apitoken');
INSERT INTO public.django_content_type VALUES (9, 'wagtailcore', 'modellogentry');
INSERT INTO public.django_content_type VALUES (10, 'wagtailcore', 'revision');
INSERT INTO public.django_content_type VALUES (11, 'wagtailcore', 'collectionviewrestriction');
INSERT INTO public.django_content_type VALUES (12, 'wagtailcore', 'collection');
INSERT INTO public.django_content_type VALUES (13, 'wagtailcore', 'groupcollectionpermission');
INSERT INTO public.django_content_type VALUES (14, 'wagtailcore', 'uploadedfile');
INSERT INTO public.django_content_type VALUES (15, 'wagtailcore', 'workflowcontenttype');
INSERT INTO public.django_content_type VALUES (16, 'wagtailcore', 'workflowstate');
INSERT INTO public.django_content_type VALUES (17, 'wagtailcore', 'workflow');
INSERT INTO public.django_content_type VALUES (18, 'wagtailcore', 'workflowtask');
INSERT INTO public.django_content_type VALUES (19, 'wagtailcore', 'task');
INSERT INTO public.django_content_type VALUES (20, 'wagtailcore', 'taskstate');
INSERT INTO public.django_content_type VALUES (21, 'wagtailcore', 'grouppagepermission');
INSERT INTO public.django_content_type VALUES (22, 'wagtailcore', 'pageviewrestriction');
INSERT INTO public.django_content_type VALUES (23, 'wagtailcore', 'workflowpage');
INSERT INTO public.django_content_type VALUES (24, 'wagtailcore', 'pagelogentry');
INSERT INTO public.django_content_type VALUES (25, 'wagtailcore', 'comment');
INSERT INTO public.django_content_type VALUES (26, 'wagtailcore', 'commentreply');
INSERT INTO public.django_content_type VALUES (27, 'wagtailcore', 'pagesubscription');
INSERT INTO public.django_content_type VALUES (28, 'wagtailcore', 'referenceindex');
INSERT INTO public.django_content_type VALUES (29, 'wagtaildocs', 'document');
INSERT INTO public.django_content_type VALUES (30, 'mailer', 'audiencecount');
INSERT INTO public.django_content_type VALUES (31, 'mailer', 'checkrun');
INSERT INTO public.django_content_type VALUES (32, 'mailer', 'inboundsource');
INSERT INTO public.django_content_type VALUES (33, 'mailer', 'instance');
INSERT INTO public.django_content_type VALUES (34, 'mailer', 'jobstats');
INSERT INTO public.django_content_type VALUES (35, 'mailer', 'mailing');
INSERT INTO public.django_content_type VALUES (36, 'mailer', 'passwordresetrequest');
INSERT INTO public.django_content_type VALUES (37, 'mailer', 'signinfailures');
INSERT INTO public.django_content_type VALUES (38, 'mailer', 'skippedstep');
INSERT INTO public.django_content_type VALUES (39, 'mailer', 'staffnotice');
INSERT INTO public.django_content_type VALUES (40, 'mailer', 'storysource');
INSERT INTO public.django_content_type VALUES (41, 'mailer', 'throttlestate');
INSERT INTO public.django_content_type VALUES (42, 'mailer', 'webhookendpoint');
INSERT INTO public.django_content_type VALUES (43, 'mailer', 'webhookheartbeat');
INSERT INTO public.django_content_type VALUES (44, 'mailer', 'workerprocess');
INSERT INTO public.django_content_type VALUES (45, 'mailer', 'apikey');
INSERT INTO public.django_content_type VALUES (46, 'mailer', 'auditrecord');
INSERT INTO public.django_content_type VALUES (47, 'mailer', 'bouncewave');
INSERT INTO public.django_content_type VALUES (48, 'mailer', 'calendaraddress');
INSERT INTO public.django_content_type VALUES (49, 'mailer', 'contributorcountries');
INSERT INTO public.django_content_type VALUES (50, 'mailer', 'edition');
INSERT INTO public.django_content_type VALUES (51, 'mailer', 'draftcheck');
INSERT INTO public.django_content_type VALUES (52, 'mailer', 'invitation');
INSERT INTO public.django_content_type VALUES (53, 'mailer', 'linkcheck');
INSERT INTO public.django_content_type VALUES (54, 'mailer', 'mailingstats');
INSERT INTO public.django_content_type VALUES (55, 'mailer', 'delivery');
INSERT INTO public.django_content_type VALUES (56, 'mailer', 'claim');
INSERT INTO public.django_content_type VALUES (57, 'mailer', 'alert');
INSERT INTO public.django_content_type VALUES (58, 'mailer', 'newsletter');
INSERT INTO public.django_content_type VALUES (59, 'mailer', 'glossaryterm');
INSERT INTO public.django_content_type VALUES (60, 'mailer', 'newslettertext');
INSERT INTO public.django_content_type VALUES (61, 'mailer', 'notification');
INSERT INTO public.django_content_type VALUES (62, 'mailer', 'notificationchoice');
INSERT INTO public.django_content_type VALUES (63, 'mailer', 'outboxmessage');
INSERT INTO public.django_content_type VALUES (64, 'mailer', 'outcomebatch');
INSERT INTO public.django_content_type VALUES (65, 'mailer', 'outcometotal');
INSERT INTO public.django_content_type VALUES (66, 'mailer', 'providerhour');
INSERT INTO public.django_content_type VALUES (67, 'mailer', 'returnedmessage');
INSERT INTO public.django_content_type VALUES (68, 'mailer', 'replyanswer');
INSERT INTO public.django_content_type VALUES (69, 'mailer', 'feedbackevent');
INSERT INTO public.django_content_type VALUES (70, 'mailer', 'snapshot');
INSERT INTO public.django_content_type VALUES (71, 'mailer', 'reviewcomment');
INSERT INTO public.django_content_type VALUES (72, 'mailer', 'rejection');
INSERT INTO public.django_content_type VALUES (73, 'mailer', 'approvallink');
INSERT INTO public.django_content_type VALUES (74, 'mailer', 'approval');
INSERT INTO public.django_content_type VALUES (75, 'mailer', 'snapshotauthor');
INSERT INTO public.django_content_type VALUES (76, 'mailer', 'snapshotvariant');
INSERT INTO public.django_content_type VALUES (77, 'mailer', 'dailyeventcount');
INSERT INTO public.django_content_type VALUES (78, 'mailer', 'story');
INSERT INTO public.django_content_type VALUES (79, 'mailer', 'authorship');
INSERT INTO public.django_content_type VALUES (80, 'mailer', 'storycomment');
INSERT INTO public.django_content_type VALUES (81, 'mailer', 'storyoverride');
INSERT INTO public.django_content_type VALUES (82, 'mailer', 'storymail');
INSERT INTO public.django_content_type VALUES (83, 'mailer', 'storysourceitem');
INSERT INTO public.django_content_type VALUES (84, 'mailer', 'storysourceitemkey');
INSERT INTO public.django_content_type VALUES (85, 'mailer', 'storytext');
INSERT INTO public.django_content_type VALUES (86, 'mailer', 'suppressiondecision');
INSERT INTO public.django_content_type VALUES (87, 'mailer', 'templateversion');
INSERT INTO public.django_content_type VALUES (88, 'mailer', 'trackingevent');
INSERT INTO public.django_content_type VALUES (89, 'mailer', 'variantaudience');
INSERT INTO public.django_content_type VALUES (90, 'mailer', 'variantcheck');
INSERT INTO public.django_content_type VALUES (91, 'mailer', 'webhookmessage');
INSERT INTO public.django_content_type VALUES (92, 'mailer', 'webhookattempt');
INSERT INTO public.django_content_type VALUES (93, 'mailer', 'webhookpayload');
INSERT INTO public.django_content_type VALUES (94, 'mailer', 'accountchange');
INSERT INTO public.django_content_type VALUES (95, 'mailer', 'alertpost');
INSERT INTO public.django_content_type VALUES (96, 'mailer', 'editiontext');
INSERT INTO public.django_content_type VALUES (97, 'mailer', 'idempotentrequest');
INSERT INTO public.django_content_type VALUES (98, 'mailer', 'listchange');
INSERT INTO public.django_content_type VALUES (99, 'mailer', 'intervention');
INSERT INTO public.django_content_type VALUES (100, 'mailer', 'editionplan');
INSERT INTO public.django_content_type VALUES (101, 'subscribers', 'consenttext');
INSERT INTO public.django_content_type VALUES (102, 'subscribers', 'customfield');
INSERT INTO public.django_content_type VALUES (103, 'subscribers', 'keycanary');
INSERT INTO public.django_content_type VALUES (104, 'subscribers', 'mailinglist');
INSERT INTO public.django_content_type VALUES (105, 'subscribers', 'rulecount');
INSERT INTO public.django_content_type VALUES (106, 'subscribers', 'segment');
INSERT INTO public.django_content_type VALUES (107, 'subscribers', 'tag');
INSERT INTO public.django_content_type VALUES (108, 'subscribers', 'bulkjob');
INSERT INTO public.django_content_type VALUES (109, 'subscribers', 'listgrowth');
INSERT INTO public.django_content_type VALUES (110, 'subscribers', 'importjob');
INSERT INTO public.django_content_type VALUES (111, 'subscribers', 'ratelimitcounter');
INSERT INTO public.django_content_type VALUES (112, 'subscribers', 'reconfirmationcampaign');
INSERT INTO public.django_content_type VALUES (113, 'subscribers', 'rejectedrow');
INSERT INTO public.django_content_type VALUES (114, 'subscribers', 'reversibleerasure');
INSERT INTO public.django_content_type VALUES (115, 'subscribers', 'subscriber');
INSERT INTO public.django_content_type VALUES (116, 'subscribers', 'reconfirmationrequest');
INSERT INTO public.django_content_type VALUES (117, 'subscribers', 'formeraddress');
INSERT INTO public.django_content_type VALUES (118, 'subscribers', 'fieldvalue');
INSERT INTO public.django_content_type VALUES (119, 'subscribers', 'datalink');
INSERT INTO public.django_content_type VALUES (120, 'subscribers', 'consentrecord');
INSERT INTO public.django_content_type VALUES (121, 'subscribers', 'bulkchange');
INSERT INTO public.django_content_type VALUES (122, 'subscribers', 'addresschange');
INSERT INTO public.django_content_type VALUES (123, 'subscribers', 'subscription');
INSERT INTO public.django_content_type VALUES (124, 'subscribers', 'suppression');
INSERT INTO public.django_content_type VALUES (125, 'subscribers', 'tagging');
INSERT INTO public.django_content_type VALUES (126, 'subscribers', 'importchange');
INSERT INTO public.django_content_type VALUES (127, 'subscribers', 'importrow');
INSERT INTO public.django_content_type VALUES (128, 'wagtailusers', 'userprofile');
INSERT INTO public.django_content_type VALUES (129, 'wagtailimages', 'rendition');
INSERT INTO public.django_content_type VALUES (130, 'wagtailsearch', 'indexentry');
INSERT INTO public.django_content_type VALUES (131, 'wagtailadmin', 'editingsession');
INSERT INTO public.django_content_type VALUES (132, 'wagtailadmin', 'formstate');
INSERT INTO public.django_content_type VALUES (133, 'taggit', 'tag');
INSERT INTO public.django_content_type VALUES (134, 'taggit', 'taggeditem');
INSERT INTO public.django_content_type VALUES (135, 'auth', 'permission');
INSERT INTO public.django_content_type VALUES (136, 'auth', 'group');
INSERT INTO public.django_content_type VALUES (137, 'auth', 'user');
INSERT INTO public.django_content_type VALUES (138, 'account', 'emailaddress');
INSERT INTO public.django_content_type VALUES (139, 'account', 'emailconfirmation');
INSERT INTO public.django_content_type VALUES (140, 'mfa', 'authenticator');
INSERT INTO public.django_content_type VALUES (141, 'usersessions', 'usersession');
INSERT INTO public.django_content_type VALUES (142, 'socialaccount', 'socialaccount');
INSERT INTO public.django_content_type VALUES (143, 'socialaccount', 'socialapp');
INSERT INTO public.django_content_type VALUES (144, 'socialaccount', 'socialtoken');
INSERT INTO public.django_content_type VALUES (145, 'contenttypes', 'contenttype');
INSERT INTO public.django_content_type VALUES (146, 'sessions', 'session');
INSERT INTO public.django_migrations VALUES (1, 'contenttypes', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (2, 'auth', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (3, 'account', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (4, 'account', '0002_email_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (5, 'account', '0003_alter_emailaddress_create_unique_verified_email', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (6, 'account', '0004_alter_emailaddress_drop_unique_email', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (7, 'account', '0005_emailaddress_idx_upper_email', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (8, 'account', '0006_emailaddress_lower', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (9, 'account', '0007_emailaddress_idx_email', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (10, 'account', '0008_emailaddress_unique_primary_email_fixup', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (11, 'account', '0009_emailaddress_unique_primary_email', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (12, 'contenttypes', '0002_remove_content_type_name', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (13, 'auth', '0002_alter_permission_name_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (14, 'auth', '0003_alter_user_email_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (15, 'auth', '0004_alter_user_username_opts', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (16, 'auth', '0005_alter_user_last_login_null', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (17, 'auth', '0006_require_contenttypes_0002', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (18, 'auth', '0007_alter_validators_add_error_messages', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (19, 'auth', '0008_alter_user_username_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (20, 'auth', '0009_alter_user_last_name_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (21, 'auth', '0010_alter_group_name_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (22, 'auth', '0011_update_proxy_permissions', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (23, 'auth', '0012_alter_user_first_name_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (24, 'wagtailcore', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (25, 'wagtailcore', '0002_initial_data', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (26, 'wagtailcore', '0003_add_uniqueness_constraint_on_group_page_permission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (27, 'wagtailcore', '0004_page_locked', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (28, 'wagtailcore', '0005_add_page_lock_permission_to_moderators', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (29, 'wagtailcore', '0006_add_lock_page_permission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (30, 'wagtailcore', '0007_page_latest_revision_created_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (31, 'wagtailcore', '0008_populate_latest_revision_created_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (32, 'wagtailcore', '0009_remove_auto_now_add_from_pagerevision_created_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (33, 'wagtailcore', '0010_change_page_owner_to_null_on_delete', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (34, 'wagtailcore', '0011_page_first_published_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (35, 'wagtailcore', '0012_extend_page_slug_field', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (36, 'wagtailcore', '0013_update_golive_expire_help_text', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (37, 'wagtailcore', '0014_add_verbose_name', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (38, 'wagtailcore', '0015_add_more_verbose_names', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (39, 'wagtailcore', '0016_change_page_url_path_to_text_field', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (40, 'wagtailcore', '0017_change_edit_page_permission_description', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (41, 'wagtailcore', '0018_pagerevision_submitted_for_moderation_index', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (42, 'wagtailcore', '0019_verbose_names_cleanup', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (43, 'wagtailcore', '0020_add_index_on_page_first_published_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (44, 'wagtailcore', '0021_capitalizeverbose', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (45, 'wagtailcore', '0022_add_site_name', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (46, 'wagtailcore', '0023_alter_page_revision_on_delete_behaviour', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (47, 'wagtailcore', '0024_collection', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (48, 'wagtailcore', '0025_collection_initial_data', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (49, 'wagtailcore', '0026_group_collection_permission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (50, 'taggit', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (51, 'wagtailimages', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (52, 'wagtailimages', '0002_initial_data', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (53, 'wagtailimages', '0003_fix_focal_point_fields', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (54, 'wagtailimages', '0004_make_focal_point_key_not_nullable', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (55, 'wagtailimages', '0005_make_filter_spec_unique', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (56, 'wagtailimages', '0006_add_verbose_names', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (57, 'wagtailimages', '0007_image_file_size', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (58, 'wagtailimages', '0008_image_created_at_index', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (59, 'wagtailimages', '0009_capitalizeverbose', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (60, 'wagtailimages', '0010_change_on_delete_behaviour', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (61, 'wagtailimages', '0011_image_collection', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (62, 'wagtailimages', '0012_copy_image_permissions_to_collections', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (63, 'wagtailimages', '0013_make_rendition_upload_callable', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (64, 'wagtailimages', '0014_add_filter_spec_field', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (65, 'wagtailimages', '0015_fill_filter_spec_field', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (66, 'wagtailimages', '0016_deprecate_rendition_filter_relation', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (67, 'wagtailimages', '0017_reduce_focal_point_key_max_length', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (68, 'wagtailimages', '0018_remove_rendition_filter', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (69, 'wagtailimages', '0019_delete_filter', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (70, 'wagtailimages', '0020_add-verbose-name', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (71, 'wagtailimages', '0021_image_file_hash', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (72, 'wagtailimages', '0022_uploadedimage', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (73, 'wagtailadmin', '0001_create_admin_access_permissions', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (74, 'wagtailimages', '0023_add_choose_permissions', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (75, 'wagtailimages', '0024_index_image_file_hash', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (76, 'wagtailimages', '0025_alter_image_file_alter_rendition_file', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (77, 'wagtailimages', '0026_delete_uploadedimage', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (78, 'wagtailimages', '0027_image_description', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (79, 'wagtailcore', '0027_fix_collection_path_collation', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (80, 'wagtailcore', '0024_alter_page_content_type_on_delete_behaviour', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (81, 'wagtailcore', '0028_merge', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (82, 'wagtailcore', '0029_unicode_slugfield_dj19', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (83, 'wagtailcore', '0030_index_on_pagerevision_created_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (84, 'wagtailcore', '0031_add_page_view_restriction_types', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (85, 'wagtailcore', '0032_add_bulk_delete_page_permission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (86, 'wagtailcore', '0033_remove_golive_expiry_help_text', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (87, 'wagtailcore', '0034_page_live_revision', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (88, 'wagtailcore', '0035_page_last_published_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (89, 'wagtailcore', '0036_populate_page_last_published_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (90, 'wagtailcore', '0037_set_page_owner_editable', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (91, 'wagtailcore', '0038_make_first_published_at_editable', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (92, 'wagtailcore', '0039_collectionviewrestriction', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (93, 'wagtailcore', '0040_page_draft_title', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (94, 'wagtailcore', '0041_group_collection_permissions_verbose_name_plural', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (95, 'wagtailcore', '0042_index_on_pagerevision_approved_go_live_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (96, 'wagtailcore', '0043_lock_fields', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (97, 'wagtailcore', '0044_add_unlock_grouppagepermission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (98, 'wagtailcore', '0045_assign_unlock_grouppagepermission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (99, 'wagtailcore', '0046_site_name_remove_null', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (100, 'wagtailcore', '0047_add_workflow_models', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (101, 'wagtailcore', '0048_add_default_workflows', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (102, 'wagtailcore', '0049_taskstate_finished_by', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (103, 'wagtailcore', '0050_workflow_rejected_to_needs_changes', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (104, 'wagtailcore', '0051_taskstate_comment', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (105, 'wagtailcore', '0052_pagelogentry', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (106, 'wagtailcore', '0053_locale_model', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (107, 'wagtailcore', '0054_initial_locale', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (108, 'wagtailcore', '0055_page_locale_fields', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (109, 'wagtailcore', '0056_page_locale_fields_populate', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (110, 'wagtailcore', '0057_page_locale_fields_notnull', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (111, 'wagtailcore', '0058_page_alias_of', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (112, 'wagtailcore', '0059_apply_collection_ordering', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (113, 'wagtailcore', '0060_fix_workflow_unique_constraint', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (114, 'wagtailcore', '0061_change_promote_tab_helpt_text_and_verbose_names', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (115, 'wagtailcore', '0062_comment_models_and_pagesubscription', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (116, 'wagtailcore', '0063_modellogentry', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (117, 'wagtailcore', '0064_log_timestamp_indexes', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (118, 'wagtailcore', '0065_log_entry_uuid', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (119, 'wagtailcore', '0066_collection_management_permissions', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (120, 'wagtailcore', '0067_alter_pagerevision_content_json', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (121, 'wagtailcore', '0068_log_entry_empty_object', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (122, 'wagtailcore', '0069_log_entry_jsonfield', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (123, 'wagtailcore', '0070_rename_pagerevision_revision', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (124, 'wagtailcore', '0071_populate_revision_content_type', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (125, 'wagtailcore', '0072_alter_revision_content_type_notnull', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (126, 'wagtailcore', '0073_page_latest_revision', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (127, 'wagtailcore', '0074_revision_object_str', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (128, 'wagtailcore', '0075_populate_latest_revision_and_revision_object_str', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (129, 'wagtailcore', '0076_modellogentry_revision', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (130, 'wagtailcore', '0077_alter_revision_user', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (131, 'wagtailcore', '0078_referenceindex', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (132, 'wagtailcore', '0079_rename_taskstate_page_revision', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (133, 'wagtailcore', '0080_generic_workflowstate', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (134, 'wagtailcore', '0081_populate_workflowstate_content_type', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (135, 'wagtailcore', '0082_alter_workflowstate_content_type_notnull', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (136, 'wagtailcore', '0083_workflowcontenttype', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (137, 'wagtailcore', '0084_add_default_page_permissions', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (138, 'wagtailcore', '0085_add_grouppagepermission_permission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (139, 'wagtailcore', '0086_populate_grouppagepermission_permission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (140, 'wagtailcore', '0087_alter_grouppagepermission_unique_together_and_more', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (141, 'wagtailcore', '0088_fix_log_entry_json_timestamps', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (142, 'wagtailcore', '0089_log_entry_data_json_null_to_object', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (143, 'wagtailcore', '0090_remove_grouppagepermission_permission_type', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (144, 'wagtailcore', '0091_remove_revision_submitted_for_moderation', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (145, 'wagtailcore', '0092_alter_collectionviewrestriction_password_and_more', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (146, 'wagtailcore', '0093_uploadedfile', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (147, 'wagtailcore', '0094_alter_page_locale', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (148, 'wagtailcore', '0095_groupsitepermission', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (149, 'wagtailcore', '0096_referenceindex_referenceindex_source_object_and_more', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (150, 'wagtailcore', '0097_baselogentry_uuid_action_timestamp_indexes', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (151, 'wagtailcore', '0098_apitoken', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (152, 'subscribers', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (153, 'mailer', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (154, 'mailer', '0002_source_items_removed', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (155, 'mailer', '0003_story_override_name', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (156, 'mailer', '0004_snapshot_invalidated_at', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (157, 'mfa', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (158, 'mfa', '0002_authenticator_timestamps', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (159, 'mfa', '0003_authenticator_type_uniq', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (160, 'sessions', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (161, 'socialaccount', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (162, 'socialaccount', '0002_token_max_lengths', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (163, 'socialaccount', '0003_extra_data_default_dict', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (164, 'socialaccount', '0004_app_provider_id_settings', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (165, 'socialaccount', '0005_socialtoken_nullable_app', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (166, 'socialaccount', '0006_alter_socialaccount_extra_data', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (167, 'subscribers', '0002_reconfirmation_and_channel_names', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (168, 'taggit', '0002_auto_20150616_2121', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (169, 'taggit', '0003_taggeditem_add_unique_index', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (170, 'taggit', '0004_alter_taggeditem_content_type_alter_taggeditem_tag', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (171, 'taggit', '0005_auto_20220424_2025', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (172, 'taggit', '0006_rename_taggeditem_content_type_object_id_taggit_tagg_content_8fc721_idx', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (173, 'usersessions', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (174, 'wagtailadmin', '0002_admin', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (175, 'wagtailadmin', '0003_admin_managed', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (176, 'wagtailadmin', '0004_editingsession', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (177, 'wagtailadmin', '0005_editingsession_is_editing', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (178, 'wagtailadmin', '0006_formstate', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (179, 'wagtaildocs', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (180, 'wagtaildocs', '0002_initial_data', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (181, 'wagtaildocs', '0003_add_verbose_names', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (182, 'wagtaildocs', '0004_capitalizeverbose', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (183, 'wagtaildocs', '0005_document_collection', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (184, 'wagtaildocs', '0006_copy_document_permissions_to_collections', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (185, 'wagtaildocs', '0005_alter_uploaded_by_user_on_delete_action', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (186, 'wagtaildocs', '0007_merge', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (187, 'wagtaildocs', '0008_document_file_size', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (188, 'wagtaildocs', '0009_document_verbose_name_plural', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (189, 'wagtaildocs', '0010_document_file_hash', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (190, 'wagtaildocs', '0011_add_choose_permissions', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (191, 'wagtaildocs', '0012_uploadeddocument', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (192, 'wagtaildocs', '0013_delete_uploadeddocument', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (193, 'wagtaildocs', '0014_alter_document_file_size', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (194, 'wagtailsearch', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (195, 'wagtailsearch', '0002_add_verbose_names', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (196, 'wagtailsearch', '0003_remove_editors_pick', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (197, 'wagtailsearch', '0004_querydailyhits_verbose_name_plural', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (198, 'wagtailsearch', '0005_create_indexentry', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (199, 'wagtailsearch', '0006_customise_indexentry', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (200, 'wagtailsearch', '0007_delete_editorspick', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (201, 'wagtailsearch', '0008_remove_query_and_querydailyhits_models', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (202, 'wagtailsearch', '0009_remove_ngram_autocomplete', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (203, 'wagtailsearch', '0010_add_text_fields', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (204, 'wagtailusers', '0001_initial', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (205, 'wagtailusers', '0002_add_verbose_name_on_userprofile', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (206, 'wagtailusers', '0003_add_verbose_names', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (207, 'wagtailusers', '0004_capitalizeverbose', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (208, 'wagtailusers', '0005_make_related_name_wagtail_specific', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (209, 'wagtailusers', '0006_userprofile_prefered_language', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (210, 'wagtailusers', '0007_userprofile_current_time_zone', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (211, 'wagtailusers', '0008_userprofile_avatar', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (212, 'wagtailusers', '0009_userprofile_verbose_name_plural', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (213, 'wagtailusers', '0010_userprofile_updated_comments_notifications', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (214, 'wagtailusers', '0011_userprofile_dismissibles', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (215, 'wagtailusers', '0012_userprofile_theme', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (216, 'wagtailusers', '0013_userprofile_density', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (217, 'wagtailusers', '0014_userprofile_contrast', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (218, 'wagtailusers', '0015_userprofile_keyboard_shortcuts', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (219, 'wagtailimages', '0001_squashed_0021', CURRENT_TIMESTAMP);
INSERT INTO public.django_migrations VALUES (220, 'wagtailcore', '0001_squashed_0016_change_page_url_path_to_text_field', CURRENT_TIMESTAMP);
INSERT INTO public.wagtailcore_collection VALUES (1, '0001', 1, 0, 'Root');
INSERT INTO public.wagtailcore_groupapprovaltask VALUES (1);
INSERT INTO public.wagtailcore_groupapprovaltask_groups VALUES (1, 1, 1);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (1, 1, 1, 1);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (2, 1, 2, 1);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (3, 1, 1, 2);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (4, 1, 2, 2);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (5, 1, 1, 5);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (6, 1, 2, 5);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (7, 1, 1, 114);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (8, 1, 2, 114);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (9, 1, 1, 115);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (10, 1, 2, 115);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (11, 1, 1, 117);
INSERT INTO public.wagtailcore_groupcollectionpermission VALUES (12, 1, 2, 117);
INSERT INTO public.wagtailcore_grouppagepermission VALUES (1, 1, 1, 74);
INSERT INTO public.wagtailcore_grouppagepermission VALUES (2, 1, 1, 75);
INSERT INTO public.wagtailcore_grouppagepermission VALUES (3, 1, 1, 80);
INSERT INTO public.wagtailcore_grouppagepermission VALUES (4, 2, 1, 74);
INSERT INTO public.wagtailcore_grouppagepermission VALUES (5, 2, 1, 75);
INSERT INTO public.wagtailcore_grouppagepermission VALUES (6, 1, 1, 79);
INSERT INTO public.wagtailcore_grouppagepermission VALUES (7, 1, 1, 81);
INSERT INTO public.wagtailcore_locale VALUES (1, 'en');
INSERT INTO public.wagtailcore_page VALUES (1, '0001', 1, 1, 'Root', 'root', true, false, '/', '', false, '', NULL, NULL, false, 1, NULL, false, NULL, NULL, NULL, NULL, 'Root', NULL, NULL, '00000000000000000000000000000001', 1, NULL, NULL);
INSERT INTO public.wagtailcore_page VALUES (2, '00010001', 2, 0, 'Welcome to your new Wagtail site!', 'home', true, false, '/home/', '', false, '', NULL, NULL, false, 1, NULL, false, NULL, NULL, NULL, NULL, 'Welcome to your new Wagtail site!', NULL, NULL, '00000000000000000000000000000002', 1, NULL, NULL);
INSERT INTO public.wagtailcore_site VALUES (1, 'localhost', 80, true, 2, '');
INSERT INTO public.wagtailcore_task VALUES (1, 'Moderators approval', true, 4);
INSERT INTO public.wagtailcore_workflow VALUES (1, 'Moderators approval', true);
INSERT INTO public.wagtailcore_workflowpage VALUES (1, 1);
INSERT INTO public.wagtailcore_workflowtask VALUES (1, 0, 1, 1);
SELECT pg_catalog.setval('public.account_emailaddress_id_seq', 1, false);
SELECT pg_catalog.setval('public.account_emailconfirmation_id_seq', 1, false);
SELECT pg_catalog.setval('public.auth_group_id_seq', 2, true);
SELECT pg_catalog.setval('public.auth_group_permissions_id_seq', 18, true);
SELECT pg_catalog.setval('public.auth_permission_id_seq', 592, true);
SELECT pg_catalog.setval('public.auth_user_groups_id_seq', 1, false);
SELECT pg_catalog.setval('public.auth_user_id_seq', 1, false);
SELECT pg_catalog.setval('public.auth_user_user_permissions_id_seq', 1, false);
SELECT pg_catalog.setval('public.django_content_type_id_seq', 146, true);
SELECT pg_catalog.setval('public.django_migrations_id_seq', 220, true);
SELECT pg_catalog.setval('public.mailer_accountchange_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_alert_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_alertpost_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_apikey_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_approval_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_approvallink_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_audiencecount_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_authorship_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_bouncewave_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_calendaraddress_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_checkrun_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_claim_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_contributorcountries_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_dailyeventcount_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_delivery_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_draftcheck_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_edition_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_editionplan_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_editiontext_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_feedbackevent_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_glossaryterm_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_idempotentrequest_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_inboundsource_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_instance_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_intervention_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_invitation_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_jobstats_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_linkcheck_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_listchange_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_mailing_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_newsletter_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_newsletter_lists_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_newslettertext_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_notification_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_notificationchoice_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_outboxmessage_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_outcomebatch_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_outcometotal_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_passwordresetrequest_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_providerhour_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_rejection_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_replyanswer_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_returnedmessage_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_reviewcomment_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_signinfailures_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_skippedstep_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_snapshot_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_snapshotauthor_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_snapshotvariant_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_staffnotice_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_story_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_storycomment_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_storymail_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_storyoverride_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_storysource_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_storysourceitem_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_storysourceitemkey_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_storytext_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_suppressiondecision_events_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_suppressiondecision_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_templateversion_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_throttlestate_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_trackingevent_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_variantaudience_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_variantcheck_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_webhookattempt_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_webhookendpoint_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_webhookheartbeat_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_webhookmessage_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_webhookpayload_id_seq', 1, false);
SELECT pg_catalog.setval('public.mailer_workerprocess_id_seq', 1, false);
SELECT pg_catalog.setval('public.mfa_authenticator_id_seq', 1, false);
SELECT pg_catalog.setval('public.socialaccount_socialaccount_id_seq', 1, false);
SELECT pg_catalog.setval('public.socialaccount_socialapp_id_seq', 1, false);
SELECT pg_catalog.setval('public.socialaccount_socialtoken_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_addresschange_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_bulkchange_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_bulkjob_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_consentrecord_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_consenttext_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_customfield_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_datalink_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_fieldvalue_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_formeraddress_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_importchange_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_importjob_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_importrow_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_keycanary_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_listgrowth_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_mailinglist_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_ratelimitcounter_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_reconfirmationcampaign_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_reconfirmationrequest_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_rejectedrow_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_reversibleerasure_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_rulecount_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_segment_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_subscriber_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_subscription_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_suppression_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_tag_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscribers_tagging_id_seq', 1, false);
SELECT pg_catalog.setval('public.taggit_tag_id_seq', 1, false);
SELECT pg_catalog.setval('public.taggit_taggeditem_id_seq', 1, false);
SELECT pg_catalog.setval('public.usersessions_usersession_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailadmin_admin_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailadmin_editingsession_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailadmin_formstate_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_apitoken_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_collection_id_seq', 1, true);
SELECT pg_catalog.setval('public.wagtailcore_collectionviewrestriction_groups_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_collectionviewrestriction_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_comment_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_commentreply_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_groupapprovaltask_groups_id_seq', 1, true);
SELECT pg_catalog.setval('public.wagtailcore_groupcollectionpermission_id_seq', 12, true);
SELECT pg_catalog.setval('public.wagtailcore_grouppagepermission_id_seq', 7, true);
SELECT pg_catalog.setval('public.wagtailcore_groupsitepermission_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_locale_id_seq', 1, true);
SELECT pg_catalog.setval('public.wagtailcore_modellogentry_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_page_id_seq', 2, true);
SELECT pg_catalog.setval('public.wagtailcore_pagelogentry_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_pagerevision_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_pagesubscription_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_pageviewrestriction_groups_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_pageviewrestriction_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_referenceindex_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_site_id_seq', 1, true);
SELECT pg_catalog.setval('public.wagtailcore_task_id_seq', 1, true);
SELECT pg_catalog.setval('public.wagtailcore_taskstate_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_uploadedfile_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_workflow_id_seq', 1, true);
SELECT pg_catalog.setval('public.wagtailcore_workflowstate_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailcore_workflowtask_id_seq', 1, true);
SELECT pg_catalog.setval('public.wagtaildocs_document_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailimages_image_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailimages_rendition_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailsearch_indexentry_id_seq', 1, false);
SELECT pg_catalog.setval('public.wagtailusers_userprofile_id_seq', 1, false);
ALTER TABLE ONLY public.account_emailaddress
    ADD CONSTRAINT account_emailaddress_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_email_987c8728_uniq UNIQUE (user_id, email);
ALTER TABLE ONLY public.account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_key_key UNIQUE (key);
ALTER TABLE ONLY public.account_emailconfirmation
    ADD CONSTRAINT account_emailconfirmation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_alertpost
    ADD CONSTRAINT alert_post_once UNIQUE (alert_id, webhook);
ALTER TABLE ONLY public.mailer_approval
    ADD CONSTRAINT approval_once_a_part UNIQUE (snapshot_id, language);
ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_name_key UNIQUE (name);
ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_permission_id_0cd325b0_uniq UNIQUE (group_id, permission_id);
ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_group
    ADD CONSTRAINT auth_group_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_codename_01ab375a_uniq UNIQUE (content_type_id, codename);
ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_user_id_group_id_94350c0c_uniq UNIQUE (user_id, group_id);
ALTER TABLE ONLY public.auth_user
    ADD CONSTRAINT auth_user_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_user_id_permission_id_14a6b632_uniq UNIQUE (user_id, permission_id);
ALTER TABLE ONLY public.auth_user
    ADD CONSTRAINT auth_user_username_key UNIQUE (username);
ALTER TABLE ONLY public.mailer_dailyeventcount
    ADD CONSTRAINT daily_event_count_unique UNIQUE (variant_id, kind, link_number, day, is_bot);
ALTER TABLE ONLY public.mailer_delivery
    ADD CONSTRAINT delivery_once UNIQUE (mailing_id, subscriber);
ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_app_label_model_76bd3d3b_uniq UNIQUE (app_label, model);
ALTER TABLE ONLY public.django_content_type
    ADD CONSTRAINT django_content_type_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.django_migrations
    ADD CONSTRAINT django_migrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.django_session
    ADD CONSTRAINT django_session_pkey PRIMARY KEY (session_key);
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT edition_once_a_period UNIQUE (newsletter_id, period);
ALTER TABLE ONLY public.mailer_editiontext
    ADD CONSTRAINT edition_text_once UNIQUE (edition_id, language);
ALTER TABLE ONLY public.subscribers_fieldvalue
    ADD CONSTRAINT field_value_once UNIQUE (field_id, subscriber_id);
ALTER TABLE ONLY public.mailer_idempotentrequest
    ADD CONSTRAINT idempotent_request_once UNIQUE (key_id, digest);
ALTER TABLE ONLY public.mailer_intervention
    ADD CONSTRAINT intervention_once UNIQUE (mailing_id, counted_from, provider, metric, action, total_cases);
ALTER TABLE ONLY public.mailer_accountchange
    ADD CONSTRAINT mailer_accountchange_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_alert
    ADD CONSTRAINT mailer_alert_key_key UNIQUE (key);
ALTER TABLE ONLY public.mailer_alert
    ADD CONSTRAINT mailer_alert_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_alertpost
    ADD CONSTRAINT mailer_alertpost_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_apikey
    ADD CONSTRAINT mailer_apikey_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.mailer_apikey
    ADD CONSTRAINT mailer_apikey_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_apikey
    ADD CONSTRAINT mailer_apikey_public_id_key UNIQUE (public_id);
ALTER TABLE ONLY public.mailer_approval
    ADD CONSTRAINT mailer_approval_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_approvallink
    ADD CONSTRAINT mailer_approvallink_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_audiencecount
    ADD CONSTRAINT mailer_audiencecount_key_key UNIQUE (key);
ALTER TABLE ONLY public.mailer_audiencecount
    ADD CONSTRAINT mailer_audiencecount_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_auditrecord
    ADD CONSTRAINT mailer_auditrecord_mac_key UNIQUE (mac);
ALTER TABLE ONLY public.mailer_auditrecord
    ADD CONSTRAINT mailer_auditrecord_pkey PRIMARY KEY (sequence);
ALTER TABLE ONLY public.mailer_authorship
    ADD CONSTRAINT mailer_authorship_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_bouncewave
    ADD CONSTRAINT mailer_bouncewave_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_cache
    ADD CONSTRAINT mailer_cache_pkey PRIMARY KEY (cache_key);
ALTER TABLE ONLY public.mailer_calendaraddress
    ADD CONSTRAINT mailer_calendaraddress_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_calendaraddress
    ADD CONSTRAINT mailer_calendaraddress_user_id_key UNIQUE (user_id);
ALTER TABLE ONLY public.mailer_checkrun
    ADD CONSTRAINT mailer_checkrun_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_claim
    ADD CONSTRAINT mailer_claim_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_contributorcountries
    ADD CONSTRAINT mailer_contributorcountries_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_contributorcountries
    ADD CONSTRAINT mailer_contributorcountries_user_id_key UNIQUE (user_id);
ALTER TABLE ONLY public.mailer_dailyeventcount
    ADD CONSTRAINT mailer_dailyeventcount_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_delivery
    ADD CONSTRAINT mailer_delivery_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_draftcheck
    ADD CONSTRAINT mailer_draftcheck_edition_id_key UNIQUE (edition_id);
ALTER TABLE ONLY public.mailer_draftcheck
    ADD CONSTRAINT mailer_draftcheck_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT mailer_edition_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT mailer_edition_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.mailer_editionplan
    ADD CONSTRAINT mailer_editionplan_edition_id_key UNIQUE (edition_id);
ALTER TABLE ONLY public.mailer_editionplan
    ADD CONSTRAINT mailer_editionplan_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_editiontext
    ADD CONSTRAINT mailer_editiontext_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_feedbackevent
    ADD CONSTRAINT mailer_feedbackevent_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_feedbackevent
    ADD CONSTRAINT mailer_feedbackevent_source_key_key UNIQUE (source_key);
ALTER TABLE ONLY public.mailer_glossaryterm
    ADD CONSTRAINT mailer_glossaryterm_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_idempotentrequest
    ADD CONSTRAINT mailer_idempotentrequest_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_inboundsource
    ADD CONSTRAINT mailer_inboundsource_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_inboundsource
    ADD CONSTRAINT mailer_inboundsource_url_key UNIQUE (url);
ALTER TABLE ONLY public.mailer_instance
    ADD CONSTRAINT mailer_instance_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_intervention
    ADD CONSTRAINT mailer_intervention_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_invitation
    ADD CONSTRAINT mailer_invitation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_invitation
    ADD CONSTRAINT mailer_invitation_user_id_key UNIQUE (user_id);
ALTER TABLE ONLY public.mailer_jobstats
    ADD CONSTRAINT mailer_jobstats_job_key UNIQUE (job);
ALTER TABLE ONLY public.mailer_jobstats
    ADD CONSTRAINT mailer_jobstats_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_linkcheck
    ADD CONSTRAINT mailer_linkcheck_key_key UNIQUE (key);
ALTER TABLE ONLY public.mailer_linkcheck
    ADD CONSTRAINT mailer_linkcheck_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_listchange
    ADD CONSTRAINT mailer_listchange_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_mailing
    ADD CONSTRAINT mailer_mailing_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_mailingstats
    ADD CONSTRAINT mailer_mailingstats_pkey PRIMARY KEY (mailing_id);
ALTER TABLE ONLY public.mailer_newsletter_lists
    ADD CONSTRAINT mailer_newsletter_lists_newsletter_id_mailinglis_6b076fcb_uniq UNIQUE (newsletter_id, mailinglist_id);
ALTER TABLE ONLY public.mailer_newsletter_lists
    ADD CONSTRAINT mailer_newsletter_lists_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_newsletter
    ADD CONSTRAINT mailer_newsletter_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_newsletter
    ADD CONSTRAINT mailer_newsletter_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.mailer_newslettertext
    ADD CONSTRAINT mailer_newslettertext_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_notification
    ADD CONSTRAINT mailer_notification_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_notificationchoice
    ADD CONSTRAINT mailer_notificationchoice_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_notificationchoice
    ADD CONSTRAINT mailer_notificationchoice_user_id_key UNIQUE (user_id);
ALTER TABLE ONLY public.mailer_outboxmessage
    ADD CONSTRAINT mailer_outboxmessage_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_outcomebatch
    ADD CONSTRAINT mailer_outcomebatch_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_outcometotal
    ADD CONSTRAINT mailer_outcometotal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_passwordresetrequest
    ADD CONSTRAINT mailer_passwordresetrequest_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_providerhour
    ADD CONSTRAINT mailer_providerhour_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_rejection
    ADD CONSTRAINT mailer_rejection_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_rejection
    ADD CONSTRAINT mailer_rejection_snapshot_id_key UNIQUE (snapshot_id);
ALTER TABLE ONLY public.mailer_replyanswer
    ADD CONSTRAINT mailer_replyanswer_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_returnedmessage
    ADD CONSTRAINT mailer_returnedmessage_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_returnedmessage
    ADD CONSTRAINT mailer_returnedmessage_sha256_key UNIQUE (sha256);
ALTER TABLE ONLY public.mailer_reviewcomment
    ADD CONSTRAINT mailer_reviewcomment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_signinfailures
    ADD CONSTRAINT mailer_signinfailures_key_key UNIQUE (key);
ALTER TABLE ONLY public.mailer_signinfailures
    ADD CONSTRAINT mailer_signinfailures_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_skippedstep
    ADD CONSTRAINT mailer_skippedstep_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_skippedstep
    ADD CONSTRAINT mailer_skippedstep_step_key UNIQUE (step);
ALTER TABLE ONLY public.mailer_snapshot
    ADD CONSTRAINT mailer_snapshot_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_snapshot
    ADD CONSTRAINT mailer_snapshot_sha256_key UNIQUE (sha256);
ALTER TABLE ONLY public.mailer_snapshotauthor
    ADD CONSTRAINT mailer_snapshotauthor_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_snapshotvariant
    ADD CONSTRAINT mailer_snapshotvariant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_staffnotice
    ADD CONSTRAINT mailer_staffnotice_key_key UNIQUE (key);
ALTER TABLE ONLY public.mailer_staffnotice
    ADD CONSTRAINT mailer_staffnotice_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_story
    ADD CONSTRAINT mailer_story_key_key UNIQUE (key);
ALTER TABLE ONLY public.mailer_story
    ADD CONSTRAINT mailer_story_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storycomment
    ADD CONSTRAINT mailer_storycomment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storymail
    ADD CONSTRAINT mailer_storymail_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storymail
    ADD CONSTRAINT mailer_storymail_sha256_key UNIQUE (sha256);
ALTER TABLE ONLY public.mailer_storyoverride
    ADD CONSTRAINT mailer_storyoverride_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storysource
    ADD CONSTRAINT mailer_storysource_name_key UNIQUE (name);
ALTER TABLE ONLY public.mailer_storysource
    ADD CONSTRAINT mailer_storysource_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storysourceitem
    ADD CONSTRAINT mailer_storysourceitem_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storysourceitemkey
    ADD CONSTRAINT mailer_storysourceitemkey_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storytext
    ADD CONSTRAINT mailer_storytext_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_suppressiondecision_events
    ADD CONSTRAINT mailer_suppressiondecisi_suppressiondecision_id_f_5e561b9f_uniq UNIQUE (suppressiondecision_id, feedbackevent_id);
ALTER TABLE ONLY public.mailer_suppressiondecision_events
    ADD CONSTRAINT mailer_suppressiondecision_events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_suppressiondecision
    ADD CONSTRAINT mailer_suppressiondecision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_templateversion
    ADD CONSTRAINT mailer_templateversion_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_throttlestate
    ADD CONSTRAINT mailer_throttlestate_key_key UNIQUE (key);
ALTER TABLE ONLY public.mailer_throttlestate
    ADD CONSTRAINT mailer_throttlestate_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_trackingevent
    ADD CONSTRAINT mailer_trackingevent_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_variantaudience
    ADD CONSTRAINT mailer_variantaudience_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_variantaudience
    ADD CONSTRAINT mailer_variantaudience_variant_id_key UNIQUE (variant_id);
ALTER TABLE ONLY public.mailer_variantcheck
    ADD CONSTRAINT mailer_variantcheck_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_webhookattempt
    ADD CONSTRAINT mailer_webhookattempt_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_webhookendpoint
    ADD CONSTRAINT mailer_webhookendpoint_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_webhookheartbeat
    ADD CONSTRAINT mailer_webhookheartbeat_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_webhookheartbeat
    ADD CONSTRAINT mailer_webhookheartbeat_service_key UNIQUE (service);
ALTER TABLE ONLY public.mailer_webhookmessage
    ADD CONSTRAINT mailer_webhookmessage_message_id_key UNIQUE (message_id);
ALTER TABLE ONLY public.mailer_webhookmessage
    ADD CONSTRAINT mailer_webhookmessage_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_webhookpayload
    ADD CONSTRAINT mailer_webhookpayload_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_workerprocess
    ADD CONSTRAINT mailer_workerprocess_name_key UNIQUE (name);
ALTER TABLE ONLY public.mailer_workerprocess
    ADD CONSTRAINT mailer_workerprocess_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_newslettertext
    ADD CONSTRAINT newsletter_text_once UNIQUE (newsletter_id, language);
ALTER TABLE ONLY public.mailer_outcometotal
    ADD CONSTRAINT outcome_total_once UNIQUE (provider, outcome);
ALTER TABLE ONLY public.mailer_editionplan
    ADD CONSTRAINT plan_once_a_period UNIQUE (newsletter_id, period);
ALTER TABLE ONLY public.mailer_providerhour
    ADD CONSTRAINT provider_hour_once UNIQUE (mailing_id, provider, since);
ALTER TABLE ONLY public.subscribers_reconfirmationrequest
    ADD CONSTRAINT reconfirmation_request_once UNIQUE (campaign_id, subscriber_id);
ALTER TABLE ONLY public.mailer_snapshotauthor
    ADD CONSTRAINT snapshot_author_once UNIQUE (snapshot_id, user_id);
ALTER TABLE ONLY public.mailer_snapshotvariant
    ADD CONSTRAINT snapshot_variant_once UNIQUE (snapshot_id, key);
ALTER TABLE ONLY public.socialaccount_socialaccount
    ADD CONSTRAINT socialaccount_socialaccount_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.socialaccount_socialaccount
    ADD CONSTRAINT socialaccount_socialaccount_provider_uid_fc810c6e_uniq UNIQUE (provider, uid);
ALTER TABLE ONLY public.socialaccount_socialapp
    ADD CONSTRAINT socialaccount_socialapp_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_socialtoken_app_id_account_id_fca4e0ac_uniq UNIQUE (app_id, account_id);
ALTER TABLE ONLY public.socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_socialtoken_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.mailer_storysourceitemkey
    ADD CONSTRAINT source_item_key_once UNIQUE (item_id, key);
ALTER TABLE ONLY public.mailer_storysourceitem
    ADD CONSTRAINT source_item_once UNIQUE (source_id, item_id);
ALTER TABLE ONLY public.mailer_storyoverride
    ADD CONSTRAINT story_override_once UNIQUE (edition_id, story_id);
ALTER TABLE ONLY public.mailer_storytext
    ADD CONSTRAINT story_text_once UNIQUE (story_id, language);
ALTER TABLE ONLY public.subscribers_addresschange
    ADD CONSTRAINT subscribers_addresschange_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_bulkchange
    ADD CONSTRAINT subscribers_bulkchange_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_bulkjob
    ADD CONSTRAINT subscribers_bulkjob_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_consentrecord
    ADD CONSTRAINT subscribers_consentrecord_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_consenttext
    ADD CONSTRAINT subscribers_consenttext_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_consenttext
    ADD CONSTRAINT subscribers_consenttext_sha256_key UNIQUE (sha256);
ALTER TABLE ONLY public.subscribers_customfield
    ADD CONSTRAINT subscribers_customfield_name_key UNIQUE (name);
ALTER TABLE ONLY public.subscribers_customfield
    ADD CONSTRAINT subscribers_customfield_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_datalink
    ADD CONSTRAINT subscribers_datalink_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_fieldvalue
    ADD CONSTRAINT subscribers_fieldvalue_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_formeraddress
    ADD CONSTRAINT subscribers_formeraddress_address_hash_key UNIQUE (address_hash);
ALTER TABLE ONLY public.subscribers_formeraddress
    ADD CONSTRAINT subscribers_formeraddress_merged_subscriber_id_key UNIQUE (merged_subscriber_id);
ALTER TABLE ONLY public.subscribers_formeraddress
    ADD CONSTRAINT subscribers_formeraddress_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_importchange
    ADD CONSTRAINT subscribers_importchange_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_importjob
    ADD CONSTRAINT subscribers_importjob_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_importrow
    ADD CONSTRAINT subscribers_importrow_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_keycanary
    ADD CONSTRAINT subscribers_keycanary_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_listgrowth
    ADD CONSTRAINT subscribers_listgrowth_mailing_list_id_key UNIQUE (mailing_list_id);
ALTER TABLE ONLY public.subscribers_listgrowth
    ADD CONSTRAINT subscribers_listgrowth_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_mailinglist
    ADD CONSTRAINT subscribers_mailinglist_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_mailinglist
    ADD CONSTRAINT subscribers_mailinglist_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.subscribers_ratelimitcounter
    ADD CONSTRAINT subscribers_ratelimitcounter_key_key UNIQUE (key);
ALTER TABLE ONLY public.subscribers_ratelimitcounter
    ADD CONSTRAINT subscribers_ratelimitcounter_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_reconfirmationcampaign
    ADD CONSTRAINT subscribers_reconfirmationcampaign_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_reconfirmationrequest
    ADD CONSTRAINT subscribers_reconfirmationrequest_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_rejectedrow
    ADD CONSTRAINT subscribers_rejectedrow_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_reversibleerasure
    ADD CONSTRAINT subscribers_reversibleerasure_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_rulecount
    ADD CONSTRAINT subscribers_rulecount_key_key UNIQUE (key);
ALTER TABLE ONLY public.subscribers_rulecount
    ADD CONSTRAINT subscribers_rulecount_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_segment
    ADD CONSTRAINT subscribers_segment_name_key UNIQUE (name);
ALTER TABLE ONLY public.subscribers_segment
    ADD CONSTRAINT subscribers_segment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_subscriber
    ADD CONSTRAINT subscribers_subscriber_address_hash_key UNIQUE (address_hash);
ALTER TABLE ONLY public.subscribers_subscriber
    ADD CONSTRAINT subscribers_subscriber_email_key UNIQUE (email);
ALTER TABLE ONLY public.subscribers_subscriber
    ADD CONSTRAINT subscribers_subscriber_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_subscription
    ADD CONSTRAINT subscribers_subscription_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_suppression
    ADD CONSTRAINT subscribers_suppression_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_tag
    ADD CONSTRAINT subscribers_tag_name_key UNIQUE (name);
ALTER TABLE ONLY public.subscribers_tag
    ADD CONSTRAINT subscribers_tag_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_tagging
    ADD CONSTRAINT subscribers_tagging_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscribers_subscription
    ADD CONSTRAINT subscription_unique UNIQUE (subscriber_id, mailing_list_id);
ALTER TABLE ONLY public.subscribers_tagging
    ADD CONSTRAINT tagging_once UNIQUE (tag_id, subscriber_id);
ALTER TABLE ONLY public.taggit_tag
    ADD CONSTRAINT taggit_tag_name_key UNIQUE (name);
ALTER TABLE ONLY public.taggit_tag
    ADD CONSTRAINT taggit_tag_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.taggit_tag
    ADD CONSTRAINT taggit_tag_slug_key UNIQUE (slug);
ALTER TABLE ONLY public.taggit_taggeditem
    ADD CONSTRAINT taggit_taggeditem_content_type_id_object_id_tag_id_4bb97a8e_uni UNIQUE (content_type_id, object_id, tag_id);
ALTER TABLE ONLY public.taggit_taggeditem
    ADD CONSTRAINT taggit_taggeditem_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_grouppagepermission
    ADD CONSTRAINT unique_permission UNIQUE (group_id, page_id, permission_id);
ALTER TABLE ONLY public.usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_session_key_key UNIQUE (session_key);
ALTER TABLE ONLY public.mailer_variantcheck
    ADD CONSTRAINT variant_check_once UNIQUE (snapshot_id, user_id, variant_key);
ALTER TABLE ONLY public.wagtailadmin_admin
    ADD CONSTRAINT wagtailadmin_admin_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailadmin_editingsession
    ADD CONSTRAINT wagtailadmin_editingsession_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailadmin_formstate
    ADD CONSTRAINT wagtailadmin_formstate_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_apitoken
    ADD CONSTRAINT wagtailcore_apitoken_key_hash_key UNIQUE (key_hash);
ALTER TABLE ONLY public.wagtailcore_apitoken
    ADD CONSTRAINT wagtailcore_apitoken_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_collection
    ADD CONSTRAINT wagtailcore_collection_path_key UNIQUE (path);
ALTER TABLE ONLY public.wagtailcore_collection
    ADD CONSTRAINT wagtailcore_collection_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_collectionviewrestriction_groups
    ADD CONSTRAINT wagtailcore_collectionvi_collectionviewrestrictio_988995ae_uniq UNIQUE (collectionviewrestriction_id, group_id);
ALTER TABLE ONLY public.wagtailcore_collectionviewrestriction_groups
    ADD CONSTRAINT wagtailcore_collectionviewrestriction_groups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_collectionviewrestriction
    ADD CONSTRAINT wagtailcore_collectionviewrestriction_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_comment
    ADD CONSTRAINT wagtailcore_comment_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_commentreply
    ADD CONSTRAINT wagtailcore_commentreply_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_groupapprovaltask_groups
    ADD CONSTRAINT wagtailcore_groupapprova_groupapprovaltask_id_gro_bb5ee7eb_uniq UNIQUE (groupapprovaltask_id, group_id);
ALTER TABLE ONLY public.wagtailcore_groupapprovaltask_groups
    ADD CONSTRAINT wagtailcore_groupapprovaltask_groups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_groupapprovaltask
    ADD CONSTRAINT wagtailcore_groupapprovaltask_pkey PRIMARY KEY (task_ptr_id);
ALTER TABLE ONLY public.wagtailcore_groupcollectionpermission
    ADD CONSTRAINT wagtailcore_groupcollect_group_id_collection_id_p_a21cefe9_uniq UNIQUE (group_id, collection_id, permission_id);
ALTER TABLE ONLY public.wagtailcore_groupcollectionpermission
    ADD CONSTRAINT wagtailcore_groupcollectionpermission_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_grouppagepermission
    ADD CONSTRAINT wagtailcore_grouppagepermission_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_groupsitepermission
    ADD CONSTRAINT wagtailcore_groupsiteper_group_id_site_id_permiss_a58ee30d_uniq UNIQUE (group_id, site_id, permission_id);
ALTER TABLE ONLY public.wagtailcore_groupsitepermission
    ADD CONSTRAINT wagtailcore_groupsitepermission_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_locale
    ADD CONSTRAINT wagtailcore_locale_language_code_key UNIQUE (language_code);
ALTER TABLE ONLY public.wagtailcore_locale
    ADD CONSTRAINT wagtailcore_locale_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_modellogentry
    ADD CONSTRAINT wagtailcore_modellogentry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_path_key UNIQUE (path);
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_translation_key_locale_id_9b041bad_uniq UNIQUE (translation_key, locale_id);
ALTER TABLE ONLY public.wagtailcore_pagelogentry
    ADD CONSTRAINT wagtailcore_pagelogentry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_revision
    ADD CONSTRAINT wagtailcore_pagerevision_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_pagesubscription
    ADD CONSTRAINT wagtailcore_pagesubscription_page_id_user_id_0cef73ed_uniq UNIQUE (page_id, user_id);
ALTER TABLE ONLY public.wagtailcore_pagesubscription
    ADD CONSTRAINT wagtailcore_pagesubscription_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_pageviewrestriction_groups
    ADD CONSTRAINT wagtailcore_pageviewrest_pageviewrestriction_id_g_d23f80bb_uniq UNIQUE (pageviewrestriction_id, group_id);
ALTER TABLE ONLY public.wagtailcore_pageviewrestriction_groups
    ADD CONSTRAINT wagtailcore_pageviewrestriction_groups_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_pageviewrestriction
    ADD CONSTRAINT wagtailcore_pageviewrestriction_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_referenceindex
    ADD CONSTRAINT wagtailcore_referenceind_base_content_type_id_obj_9e6ccd6a_uniq UNIQUE (base_content_type_id, object_id, to_content_type_id, to_object_id, content_path_hash);
ALTER TABLE ONLY public.wagtailcore_referenceindex
    ADD CONSTRAINT wagtailcore_referenceindex_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_site
    ADD CONSTRAINT wagtailcore_site_hostname_port_2c626d70_uniq UNIQUE (hostname, port);
ALTER TABLE ONLY public.wagtailcore_site
    ADD CONSTRAINT wagtailcore_site_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_task
    ADD CONSTRAINT wagtailcore_task_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_taskstate
    ADD CONSTRAINT wagtailcore_taskstate_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_uploadedfile
    ADD CONSTRAINT wagtailcore_uploadedfile_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_workflow
    ADD CONSTRAINT wagtailcore_workflow_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_workflowcontenttype
    ADD CONSTRAINT wagtailcore_workflowcontenttype_pkey PRIMARY KEY (content_type_id);
ALTER TABLE ONLY public.wagtailcore_workflowpage
    ADD CONSTRAINT wagtailcore_workflowpage_pkey PRIMARY KEY (page_id);
ALTER TABLE ONLY public.wagtailcore_workflowstate
    ADD CONSTRAINT wagtailcore_workflowstate_current_task_state_id_key UNIQUE (current_task_state_id);
ALTER TABLE ONLY public.wagtailcore_workflowstate
    ADD CONSTRAINT wagtailcore_workflowstate_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_workflowtask
    ADD CONSTRAINT wagtailcore_workflowtask_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailcore_workflowtask
    ADD CONSTRAINT wagtailcore_workflowtask_workflow_id_task_id_4ec7a62b_uniq UNIQUE (workflow_id, task_id);
ALTER TABLE ONLY public.wagtaildocs_document
    ADD CONSTRAINT wagtaildocs_document_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailimages_image
    ADD CONSTRAINT wagtailimages_image_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailimages_rendition
    ADD CONSTRAINT wagtailimages_rendition_image_id_filter_spec_foc_323c8fe0_uniq UNIQUE (image_id, filter_spec, focal_point_key);
ALTER TABLE ONLY public.wagtailimages_rendition
    ADD CONSTRAINT wagtailimages_rendition_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailsearch_indexentry
    ADD CONSTRAINT wagtailsearch_indexentry_content_type_id_object_i_bcd7ba73_uniq UNIQUE (content_type_id, object_id);
ALTER TABLE ONLY public.wagtailsearch_indexentry
    ADD CONSTRAINT wagtailsearch_indexentry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailusers_userprofile
    ADD CONSTRAINT wagtailusers_userprofile_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.wagtailusers_userprofile
    ADD CONSTRAINT wagtailusers_userprofile_user_id_key UNIQUE (user_id);
CREATE INDEX account_change_unnotified ON public.mailer_accountchange USING btree (id) WHERE (notified_at IS NULL);
CREATE UNIQUE INDEX account_email_once ON public.auth_user USING btree (lower((email)::text)) WHERE ((email)::text <> ''::text);
CREATE INDEX account_emailaddress_email_03be32b2 ON public.account_emailaddress USING btree (email);
CREATE INDEX account_emailaddress_email_03be32b2_like ON public.account_emailaddress USING btree (email varchar_pattern_ops);
CREATE INDEX account_emailaddress_user_id_2c513194 ON public.account_emailaddress USING btree (user_id);
CREATE INDEX account_emailconfirmation_email_address_id_5b7f8c58 ON public.account_emailconfirmation USING btree (email_address_id);
CREATE INDEX account_emailconfirmation_key_f43612bd_like ON public.account_emailconfirmation USING btree (key varchar_pattern_ops);
CREATE UNIQUE INDEX account_username_once ON public.auth_user USING btree (lower((username)::text));
CREATE INDEX address_change_age ON public.subscribers_addresschange USING btree (requested_at);
CREATE INDEX auth_group_name_a6ea08ec_like ON public.auth_group USING btree (name varchar_pattern_ops);
CREATE INDEX auth_group_permissions_group_id_b120cbf9 ON public.auth_group_permissions USING btree (group_id);
CREATE INDEX auth_group_permissions_permission_id_84c5c92e ON public.auth_group_permissions USING btree (permission_id);
CREATE INDEX auth_permission_content_type_id_2f476e4b ON public.auth_permission USING btree (content_type_id);
CREATE INDEX auth_user_groups_group_id_97559544 ON public.auth_user_groups USING btree (group_id);
CREATE INDEX auth_user_groups_user_id_6a12ed8b ON public.auth_user_groups USING btree (user_id);
CREATE INDEX auth_user_user_permissions_permission_id_1fbb5f2c ON public.auth_user_user_permissions USING btree (permission_id);
CREATE INDEX auth_user_user_permissions_user_id_a95ead1b ON public.auth_user_user_permissions USING btree (user_id);
CREATE INDEX auth_user_username_6821ab7c_like ON public.auth_user USING btree (username varchar_pattern_ops);
CREATE INDEX base_content_object_idx ON public.wagtailcore_revision USING btree (base_content_type_id, object_id);
CREATE INDEX bulk_job_active ON public.subscribers_bulkjob USING btree (id) WHERE ((state)::text = ANY ((ARRAY['running'::character varying, 'undoing'::character varying])::text[]));
CREATE INDEX consent_with_details ON public.subscribers_consentrecord USING btree (at) WHERE ((NOT ((network)::text = ''::text)) OR (NOT ((user_agent)::text = ''::text)));
CREATE INDEX content_object_idx ON public.wagtailcore_revision USING btree (content_type_id, object_id);
CREATE INDEX data_link_age ON public.subscribers_datalink USING btree (requested_at);
CREATE INDEX decision_by_address ON public.mailer_suppressiondecision USING btree (address_hash, state);
CREATE INDEX decision_by_domain ON public.mailer_suppressiondecision USING btree (domain, applied_at);
CREATE INDEX decision_by_state ON public.mailer_suppressiondecision USING btree (state, created_at);
CREATE INDEX decision_by_subscriber ON public.mailer_suppressiondecision USING btree (subscriber, created_at);
CREATE UNIQUE INDEX decision_one_open ON public.mailer_suppressiondecision USING btree (address_hash) WHERE ((state)::text = ANY ((ARRAY['applied'::character varying, 'held'::character varying, 'probing'::character varying])::text[]));
CREATE INDEX delivery_bounced ON public.mailer_delivery USING btree (mailing_id, state) WHERE (bounced_at IS NOT NULL);
CREATE INDEX delivery_by_subscriber ON public.mailer_delivery USING btree (subscriber, id);
CREATE INDEX delivery_claimed ON public.mailer_delivery USING btree (lease_until) WHERE ((state)::text = 'claimed'::text);
CREATE INDEX delivery_complained ON public.mailer_delivery USING btree (mailing_id, state) WHERE (complained_at IS NOT NULL);
CREATE INDEX delivery_deferred ON public.mailer_delivery USING btree (mailing_id, due_at) WHERE ((state)::text = 'deferred'::text);
CREATE INDEX delivery_in_doubt ON public.mailer_delivery USING btree (mailing_id, id) WHERE ((state)::text = 'in_doubt'::text);
CREATE INDEX delivery_not_accepted ON public.mailer_delivery USING btree (mailing_id, state, reason) WHERE (NOT ((state)::text = 'accepted'::text));
CREATE INDEX delivery_planned ON public.mailer_delivery USING btree (mailing_id, id) WHERE ((state)::text = 'planned'::text);
CREATE INDEX delivery_unprocessed_refusal ON public.mailer_delivery USING btree (id) WHERE ((refusal_processed_at IS NULL) AND ((state)::text = 'refused'::text));
CREATE INDEX django_session_expire_date_a5c62663 ON public.django_session USING btree (expire_date);
CREATE INDEX django_session_session_key_c0390e0f_like ON public.django_session USING btree (session_key varchar_pattern_ops);
CREATE INDEX feedback_by_mailing ON public.mailer_feedbackevent USING btree (mailing_id, kind, bounce_class);
CREATE INDEX feedback_by_newsletter ON public.mailer_feedbackevent USING btree (newsletter, kind, at);
CREATE INDEX feedback_by_reply ON public.mailer_feedbackevent USING btree (reply_fingerprint, at);
CREATE INDEX feedback_by_subscriber ON public.mailer_feedbackevent USING btree (subscriber, kind, at);
CREATE INDEX feedback_uncounted ON public.mailer_feedbackevent USING btree (id) WHERE (counted_at IS NULL);
CREATE INDEX formstate_user_object ON public.wagtailadmin_formstate USING btree (user_id, content_type_id, object_id, parent_object_id);
CREATE INDEX import_change_of_job ON public.subscribers_importchange USING btree (job_id, id);
CREATE INDEX import_job_state ON public.subscribers_importjob USING btree (state);
CREATE INDEX import_row_line ON public.subscribers_importrow USING btree (job_id, line);
CREATE INDEX link_check_due ON public.mailer_linkcheck USING btree (due_at);
CREATE UNIQUE INDEX list_change_one_proposed ON public.mailer_listchange USING btree (mailing_list_id) WHERE ((state)::text = 'proposed'::text);
CREATE INDEX mailer_accountchange_actor_id_91f450a1 ON public.mailer_accountchange USING btree (actor_id);
CREATE INDEX mailer_accountchange_user_id_a31c0d79 ON public.mailer_accountchange USING btree (user_id);
CREATE INDEX mailer_alert_key_715691ce_like ON public.mailer_alert USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_alert_mailing_id_92e1aa19 ON public.mailer_alert USING btree (mailing_id);
CREATE INDEX mailer_alertpost_alert_id_2256a9ad ON public.mailer_alertpost USING btree (alert_id);
CREATE INDEX mailer_apikey_digest_689d45cf_like ON public.mailer_apikey USING btree (digest varchar_pattern_ops);
CREATE INDEX mailer_apikey_public_id_ebeb175c_like ON public.mailer_apikey USING btree (public_id varchar_pattern_ops);
CREATE INDEX mailer_apikey_user_id_ac305d8c ON public.mailer_apikey USING btree (user_id);
CREATE INDEX mailer_approval_approver_id_e56c7064 ON public.mailer_approval USING btree (approver_id);
CREATE INDEX mailer_approval_snapshot_id_a3e9b55f ON public.mailer_approval USING btree (snapshot_id);
CREATE INDEX mailer_approvallink_requested_by_id_9d104e1e ON public.mailer_approvallink USING btree (requested_by_id);
CREATE INDEX mailer_approvallink_snapshot_id_afb83cb1 ON public.mailer_approvallink USING btree (snapshot_id);
CREATE INDEX mailer_approvallink_user_id_11e3c942 ON public.mailer_approvallink USING btree (user_id);
CREATE INDEX mailer_audiencecount_key_6653cd38_like ON public.mailer_audiencecount USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_auditrecord_entry_id_9a4b2ab5 ON public.mailer_auditrecord USING btree (entry_id);
CREATE INDEX mailer_authorship_edition_id_c83f8c3b ON public.mailer_authorship USING btree (edition_id);
CREATE INDEX mailer_authorship_newsletter_id_aeb9e06e ON public.mailer_authorship USING btree (newsletter_id);
CREATE INDEX mailer_authorship_segment_id_1e41e9aa ON public.mailer_authorship USING btree (segment_id);
CREATE INDEX mailer_authorship_story_id_b9a9a7bc ON public.mailer_authorship USING btree (story_id);
CREATE INDEX mailer_authorship_user_id_f8a5fb2c ON public.mailer_authorship USING btree (user_id);
CREATE INDEX mailer_cache_expires ON public.mailer_cache USING btree (expires);
CREATE INDEX mailer_claim_mailing_id_b3d17648 ON public.mailer_claim USING btree (mailing_id);
CREATE INDEX mailer_edition_excluded_id_ab69744a ON public.mailer_edition USING btree (excluded_id);
CREATE INDEX mailer_edition_first_published_at_354cb88c ON public.mailer_edition USING btree (first_published_at);
CREATE INDEX mailer_edition_latest_revision_id_02137190 ON public.mailer_edition USING btree (latest_revision_id);
CREATE INDEX mailer_edition_live_revision_id_375cca3b ON public.mailer_edition USING btree (live_revision_id);
CREATE INDEX mailer_edition_newsletter_id_13170165 ON public.mailer_edition USING btree (newsletter_id);
CREATE INDEX mailer_edition_segment_id_61f6b77a ON public.mailer_edition USING btree (segment_id);
CREATE INDEX mailer_edition_slug_405d2619_like ON public.mailer_edition USING btree (slug varchar_pattern_ops);
CREATE INDEX mailer_editionplan_newsletter_id_6a35d0e2 ON public.mailer_editionplan USING btree (newsletter_id);
CREATE INDEX mailer_editiontext_edition_id_87de1474 ON public.mailer_editiontext USING btree (edition_id);
CREATE INDEX mailer_feedbackevent_delivery_id_ff3e894e ON public.mailer_feedbackevent USING btree (delivery_id);
CREATE INDEX mailer_feedbackevent_message_id_b8729a86 ON public.mailer_feedbackevent USING btree (message_id);
CREATE INDEX mailer_feedbackevent_source_key_19ce73dd_like ON public.mailer_feedbackevent USING btree (source_key varchar_pattern_ops);
CREATE INDEX mailer_glossaryterm_newsletter_id_28e49fe6 ON public.mailer_glossaryterm USING btree (newsletter_id);
CREATE INDEX mailer_idempotentrequest_created_at_14d6c4a0 ON public.mailer_idempotentrequest USING btree (created_at);
CREATE INDEX mailer_idempotentrequest_key_id_0918f3f5 ON public.mailer_idempotentrequest USING btree (key_id);
CREATE INDEX mailer_inboundsource_url_7e72e2cf_like ON public.mailer_inboundsource USING btree (url varchar_pattern_ops);
CREATE INDEX mailer_invitation_invited_by_id_e75b0f22 ON public.mailer_invitation USING btree (invited_by_id);
CREATE INDEX mailer_jobstats_job_09c952eb_like ON public.mailer_jobstats USING btree (job varchar_pattern_ops);
CREATE INDEX mailer_linkcheck_key_1cb9506b_like ON public.mailer_linkcheck USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_listchange_decided_by_id_405467f6 ON public.mailer_listchange USING btree (decided_by_id);
CREATE INDEX mailer_listchange_mailing_list_id_7718bc9b ON public.mailer_listchange USING btree (mailing_list_id);
CREATE INDEX mailer_listchange_proposed_by_id_6517df3e ON public.mailer_listchange USING btree (proposed_by_id);
CREATE INDEX mailer_mailing_edition_id_3193befb ON public.mailer_mailing USING btree (edition_id);
CREATE INDEX mailer_mailing_snapshot_id_8aef438e ON public.mailer_mailing USING btree (snapshot_id);
CREATE INDEX mailer_newsletter_lists_mailinglist_id_8b6f9a8a ON public.mailer_newsletter_lists USING btree (mailinglist_id);
CREATE INDEX mailer_newsletter_lists_newsletter_id_5671fde9 ON public.mailer_newsletter_lists USING btree (newsletter_id);
CREATE INDEX mailer_newsletter_logo_dark_id_c42de103 ON public.mailer_newsletter USING btree (logo_dark_id);
CREATE INDEX mailer_newsletter_logo_id_2f2139b8 ON public.mailer_newsletter USING btree (logo_id);
CREATE INDEX mailer_newsletter_slug_a7baf94b_like ON public.mailer_newsletter USING btree (slug varchar_pattern_ops);
CREATE INDEX mailer_newslettertext_newsletter_id_5fb43411 ON public.mailer_newslettertext USING btree (newsletter_id);
CREATE INDEX mailer_notification_user_id_99c736c1 ON public.mailer_notification USING btree (user_id);
CREATE INDEX mailer_outcomebatch_mailing_id_10bce479 ON public.mailer_outcomebatch USING btree (mailing_id);
CREATE INDEX mailer_rejection_rejected_by_id_95c67714 ON public.mailer_rejection USING btree (rejected_by_id);
CREATE INDEX mailer_replyanswer_answered_by_id_ad139ea2 ON public.mailer_replyanswer USING btree (answered_by_id);
CREATE INDEX mailer_replyanswer_message_id_6fe7f85a ON public.mailer_replyanswer USING btree (message_id);
CREATE INDEX mailer_returnedmessage_sha256_4b330e60_like ON public.mailer_returnedmessage USING btree (sha256 varchar_pattern_ops);
CREATE INDEX mailer_reviewcomment_done_by_id_711b8d20 ON public.mailer_reviewcomment USING btree (done_by_id);
CREATE INDEX mailer_reviewcomment_snapshot_id_f1fc4e87 ON public.mailer_reviewcomment USING btree (snapshot_id);
CREATE INDEX mailer_reviewcomment_user_id_0c493922 ON public.mailer_reviewcomment USING btree (user_id);
CREATE INDEX mailer_signinfailures_key_649b943e_like ON public.mailer_signinfailures USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_signinfailures_last_failed_at_070ba137 ON public.mailer_signinfailures USING btree (last_failed_at);
CREATE INDEX mailer_skippedstep_step_6de4ccf0_like ON public.mailer_skippedstep USING btree (step varchar_pattern_ops);
CREATE INDEX mailer_snapshot_edition_id_c5697813 ON public.mailer_snapshot USING btree (edition_id);
CREATE INDEX mailer_snapshot_scheduled_by_id_fa8a8ca8 ON public.mailer_snapshot USING btree (scheduled_by_id);
CREATE INDEX mailer_snapshot_sha256_ede55eaa_like ON public.mailer_snapshot USING btree (sha256 varchar_pattern_ops);
CREATE INDEX mailer_snapshot_submitted_by_id_4412bcbc ON public.mailer_snapshot USING btree (submitted_by_id);
CREATE INDEX mailer_snapshotauthor_snapshot_id_d0785e85 ON public.mailer_snapshotauthor USING btree (snapshot_id);
CREATE INDEX mailer_snapshotauthor_user_id_f5689008 ON public.mailer_snapshotauthor USING btree (user_id);
CREATE INDEX mailer_snapshotvariant_snapshot_id_62c0dfaa ON public.mailer_snapshotvariant USING btree (snapshot_id);
CREATE INDEX mailer_staffnotice_key_6b538ffb_like ON public.mailer_staffnotice USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_story_first_published_at_f6aeb01b ON public.mailer_story USING btree (first_published_at);
CREATE INDEX mailer_story_key_b592be0c_like ON public.mailer_story USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_story_latest_revision_id_160bf9d8 ON public.mailer_story USING btree (latest_revision_id);
CREATE INDEX mailer_story_live_revision_id_703f5a58 ON public.mailer_story USING btree (live_revision_id);
CREATE INDEX mailer_story_picture_id_8d1f2e32 ON public.mailer_story USING btree (picture_id);
CREATE INDEX mailer_storycomment_author_id_4e302d3f ON public.mailer_storycomment USING btree (author_id);
CREATE INDEX mailer_storycomment_resolved_by_id_297c529c ON public.mailer_storycomment USING btree (resolved_by_id);
CREATE INDEX mailer_storycomment_story_id_1ff56a44 ON public.mailer_storycomment USING btree (story_id);
CREATE INDEX mailer_storymail_sha256_f14c46df_like ON public.mailer_storymail USING btree (sha256 varchar_pattern_ops);
CREATE INDEX mailer_storymail_source_id_b28ddf55 ON public.mailer_storymail USING btree (source_id);
CREATE INDEX mailer_storyoverride_edition_id_aa9d0a3f ON public.mailer_storyoverride USING btree (edition_id);
CREATE INDEX mailer_storyoverride_picture_id_8c3c9596 ON public.mailer_storyoverride USING btree (picture_id);
CREATE INDEX mailer_storyoverride_story_id_27943c53 ON public.mailer_storyoverride USING btree (story_id);
CREATE INDEX mailer_storysource_mail_tag_1c749a10 ON public.mailer_storysource USING btree (mail_tag);
CREATE INDEX mailer_storysource_mail_tag_1c749a10_like ON public.mailer_storysource USING btree (mail_tag varchar_pattern_ops);
CREATE INDEX mailer_storysource_name_3c2d003e_like ON public.mailer_storysource USING btree (name varchar_pattern_ops);
CREATE INDEX mailer_storysource_next_poll_at_d7f73ef0 ON public.mailer_storysource USING btree (next_poll_at);
CREATE INDEX mailer_storysourceitem_reviewed_at_8985880c ON public.mailer_storysourceitem USING btree (reviewed_at);
CREATE INDEX mailer_storysourceitem_reviewed_by_id_a65cab3e ON public.mailer_storysourceitem USING btree (reviewed_by_id);
CREATE INDEX mailer_storysourceitem_similar_to_id_76381bd3 ON public.mailer_storysourceitem USING btree (similar_to_id);
CREATE INDEX mailer_storysourceitem_source_id_a80b0993 ON public.mailer_storysourceitem USING btree (source_id);
CREATE INDEX mailer_storysourceitem_story_id_f8a29daa ON public.mailer_storysourceitem USING btree (story_id);
CREATE INDEX mailer_storysourceitem_translation_of_635603fb ON public.mailer_storysourceitem USING btree (translation_of);
CREATE INDEX mailer_storysourceitem_translation_of_635603fb_like ON public.mailer_storysourceitem USING btree (translation_of varchar_pattern_ops);
CREATE INDEX mailer_storysourceitemkey_item_id_f8d1de4b ON public.mailer_storysourceitemkey USING btree (item_id);
CREATE INDEX mailer_storysourceitemkey_key_a59188e6 ON public.mailer_storysourceitemkey USING btree (key);
CREATE INDEX mailer_storysourceitemkey_key_a59188e6_like ON public.mailer_storysourceitemkey USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_storytext_story_id_936fad9f ON public.mailer_storytext USING btree (story_id);
CREATE INDEX mailer_suppressiondecision_events_feedbackevent_id_3d64b5c5 ON public.mailer_suppressiondecision_events USING btree (feedbackevent_id);
CREATE INDEX mailer_suppressiondecision_probe_id_c5ba2e37 ON public.mailer_suppressiondecision USING btree (probe_id);
CREATE INDEX mailer_suppressiondecision_suppression_id_c58e3772 ON public.mailer_suppressiondecision USING btree (suppression_id);
CREATE INDEX mailer_suppressiondecision_suppressiondecision_id_81d7796d ON public.mailer_suppressiondecision_events USING btree (suppressiondecision_id);
CREATE INDEX mailer_suppressiondecision_wave_id_7884c199 ON public.mailer_suppressiondecision USING btree (wave_id);
CREATE INDEX mailer_templateversion_author_id_9b380edd ON public.mailer_templateversion USING btree (author_id);
CREATE INDEX mailer_templateversion_newsletter_id_951f3bbe ON public.mailer_templateversion USING btree (newsletter_id);
CREATE INDEX mailer_throttlestate_key_b843d91b_like ON public.mailer_throttlestate USING btree (key varchar_pattern_ops);
CREATE INDEX mailer_variantcheck_snapshot_id_815217d2 ON public.mailer_variantcheck USING btree (snapshot_id);
CREATE INDEX mailer_variantcheck_user_id_b2b0e92f ON public.mailer_variantcheck USING btree (user_id);
CREATE INDEX mailer_webhookattempt_message_id_e59e538d ON public.mailer_webhookattempt USING btree (message_id);
CREATE INDEX mailer_webhookheartbeat_service_aee0f38f_like ON public.mailer_webhookheartbeat USING btree (service varchar_pattern_ops);
CREATE INDEX mailer_webhookmessage_endpoint_id_d883b9ca ON public.mailer_webhookmessage USING btree (endpoint_id);
CREATE INDEX mailer_webhookmessage_message_id_0dde50a2_like ON public.mailer_webhookmessage USING btree (message_id varchar_pattern_ops);
CREATE INDEX mailer_workerprocess_name_e415bcd0_like ON public.mailer_workerprocess USING btree (name varchar_pattern_ops);
CREATE UNIQUE INDEX mailing_one_real ON public.mailer_mailing USING btree (snapshot_id) WHERE ((dry_run_to)::text = ''::text);
CREATE INDEX mfa_authenticator_user_id_0c3a50c0 ON public.mfa_authenticator USING btree (user_id);
CREATE INDEX notification_unread ON public.mailer_notification USING btree (user_id, id DESC) WHERE (read_at IS NULL);
CREATE INDEX outbox_waiting ON public.mailer_outboxmessage USING btree (due_at) WHERE ((state)::text = 'waiting'::text);
CREATE INDEX plan_send_at ON public.mailer_editionplan USING btree (send_at);
CREATE INDEX provider_hour_since ON public.mailer_providerhour USING btree (since);
CREATE INDEX rate_limit_counter_age ON public.subscribers_ratelimitcounter USING btree (started_at);
CREATE INDEX referenceindex_source_object ON public.wagtailcore_referenceindex USING btree (base_content_type_id, object_id);
CREATE INDEX referenceindex_target_object ON public.wagtailcore_referenceindex USING btree (to_content_type_id, to_object_id);
CREATE INDEX rejected_row_line ON public.subscribers_rejectedrow USING btree (job_id, line);
CREATE INDEX returned_by_kind ON public.mailer_returnedmessage USING btree (kind, received_at DESC);
CREATE INDEX returned_latest ON public.mailer_returnedmessage USING btree (received_at DESC);
CREATE INDEX returned_triaged ON public.mailer_returnedmessage USING btree (received_at DESC) WHERE (triaged_at IS NOT NULL);
CREATE INDEX returned_unclassified ON public.mailer_returnedmessage USING btree (received_at DESC) WHERE (((kind)::text = 'other'::text) AND (triaged_at IS NULL));
CREATE INDEX reversible_erasure_age ON public.subscribers_reversibleerasure USING btree (expires_at);
CREATE UNIQUE INDEX snapshot_one_open ON public.mailer_snapshot USING btree (edition_id) WHERE ((state)::text = ANY ((ARRAY['submitted'::character varying, 'approved'::character varying, 'scheduled'::character varying])::text[]));
CREATE INDEX socialaccount_socialaccount_user_id_8146e70c ON public.socialaccount_socialaccount USING btree (user_id);
CREATE INDEX socialaccount_socialtoken_account_id_951f210e ON public.socialaccount_socialtoken USING btree (account_id);
CREATE INDEX socialaccount_socialtoken_app_id_636a42d7 ON public.socialaccount_socialtoken USING btree (app_id);
CREATE INDEX story_mail_by_state ON public.mailer_storymail USING btree (state, received_at DESC);
CREATE INDEX story_newest_first ON public.mailer_story USING btree (date DESC, id DESC);
CREATE INDEX subscriber_preferences ON public.subscribers_subscriber USING btree (language, countries);
CREATE INDEX subscriber_signup_email ON public.subscribers_subscriber USING btree (signup_email_at) WHERE (signup_email_at IS NOT NULL);
CREATE INDEX subscribers_addresschange_subscriber_id_99fd7044 ON public.subscribers_addresschange USING btree (subscriber_id);
CREATE INDEX subscribers_bulkchange_job_id_ecd73845 ON public.subscribers_bulkchange USING btree (job_id);
CREATE INDEX subscribers_bulkchange_subscriber_id_9152cd6f ON public.subscribers_bulkchange USING btree (subscriber_id);
CREATE INDEX subscribers_consentrecord_mailing_list_id_1925bfe5 ON public.subscribers_consentrecord USING btree (mailing_list_id);
CREATE INDEX subscribers_consentrecord_subscriber_id_bd41d9dc ON public.subscribers_consentrecord USING btree (subscriber_id);
CREATE INDEX subscribers_consentrecord_text_id_98afe625 ON public.subscribers_consentrecord USING btree (text_id);
CREATE INDEX subscribers_consenttext_sha256_45907c6b_like ON public.subscribers_consenttext USING btree (sha256 varchar_pattern_ops);
CREATE INDEX subscribers_customfield_name_957bfb75_like ON public.subscribers_customfield USING btree (name varchar_pattern_ops);
CREATE INDEX subscribers_datalink_subscriber_id_c1b97871 ON public.subscribers_datalink USING btree (subscriber_id);
CREATE INDEX subscribers_fieldvalue_subscriber_id_9f6462d0 ON public.subscribers_fieldvalue USING btree (subscriber_id);
CREATE INDEX subscribers_formeraddress_subscriber_id_132eba9c ON public.subscribers_formeraddress USING btree (subscriber_id);
CREATE INDEX subscribers_importjob_mailing_list_id_b0d11367 ON public.subscribers_importjob USING btree (mailing_list_id);
CREATE INDEX subscribers_mailinglist_slug_06957e4b_like ON public.subscribers_mailinglist USING btree (slug varchar_pattern_ops);
CREATE INDEX subscribers_ratelimitcounter_key_fe3cb369_like ON public.subscribers_ratelimitcounter USING btree (key varchar_pattern_ops);
CREATE INDEX subscribers_reconfirmationcampaign_mailing_list_id_4c8a6ad0 ON public.subscribers_reconfirmationcampaign USING btree (mailing_list_id);
CREATE INDEX subscribers_reconfirmationrequest_subscriber_id_5b9b6fa4 ON public.subscribers_reconfirmationrequest USING btree (subscriber_id);
CREATE INDEX subscribers_rulecount_key_0bd99d6e_like ON public.subscribers_rulecount USING btree (key varchar_pattern_ops);
CREATE INDEX subscribers_segment_name_b7b177c2_like ON public.subscribers_segment USING btree (name varchar_pattern_ops);
CREATE INDEX subscribers_subscriber_email_c29422d4_like ON public.subscribers_subscriber USING btree (email varchar_pattern_ops);
CREATE INDEX subscribers_subscription_mailing_list_id_195baea9 ON public.subscribers_subscription USING btree (mailing_list_id);
CREATE INDEX subscribers_subscription_subscriber_id_cb6308c8 ON public.subscribers_subscription USING btree (subscriber_id);
CREATE INDEX subscribers_tag_name_ad1c32d7_like ON public.subscribers_tag USING btree (name varchar_pattern_ops);
CREATE INDEX subscribers_tagging_subscriber_id_1cf47c2c ON public.subscribers_tagging USING btree (subscriber_id);
CREATE INDEX subscription_audience ON public.subscribers_subscription USING btree (mailing_list_id, state, subscriber_id);
CREATE UNIQUE INDEX suppression_unique_active ON public.subscribers_suppression USING btree (address_hash) WHERE (lifted_at IS NULL);
CREATE INDEX taggit_tag_name_58eb2ed9_like ON public.taggit_tag USING btree (name varchar_pattern_ops);
CREATE INDEX taggit_tag_slug_6be58b2c_like ON public.taggit_tag USING btree (slug varchar_pattern_ops);
CREATE INDEX taggit_tagg_content_8fc721_idx ON public.taggit_taggeditem USING btree (content_type_id, object_id);
CREATE INDEX taggit_taggeditem_content_type_id_9957a03c ON public.taggit_taggeditem USING btree (content_type_id);
CREATE INDEX taggit_taggeditem_object_id_e2d7d1df ON public.taggit_taggeditem USING btree (object_id);
CREATE INDEX taggit_taggeditem_tag_id_f4f5b767 ON public.taggit_taggeditem USING btree (tag_id);
CREATE INDEX template_version_part ON public.mailer_templateversion USING btree (newsletter_id, part, id DESC);
CREATE INDEX tracking_event_at ON public.mailer_trackingevent USING btree (at);
CREATE INDEX tracking_event_client ON public.mailer_trackingevent USING btree (client_hash, at) WHERE (client_hash IS NOT NULL);
CREATE INDEX tracking_event_pending ON public.mailer_trackingevent USING btree (at) WHERE (NOT finalized);
CREATE INDEX tracking_event_subscriber ON public.mailer_trackingevent USING btree (subscriber_id, at) WHERE (subscriber_id IS NOT NULL);
CREATE UNIQUE INDEX unique_authenticator_type ON public.mfa_authenticator USING btree (user_id, type) WHERE ((type)::text = ANY ((ARRAY['totp'::character varying, 'recovery_codes'::character varying])::text[]));
CREATE UNIQUE INDEX unique_in_progress_workflow ON public.wagtailcore_workflowstate USING btree (base_content_type_id, object_id) WHERE ((status)::text = ANY ((ARRAY['in_progress'::character varying, 'needs_changes'::character varying])::text[]));
CREATE UNIQUE INDEX unique_primary_email ON public.account_emailaddress USING btree (user_id, "primary") WHERE "primary";
CREATE UNIQUE INDEX unique_verified_email ON public.account_emailaddress USING btree (email) WHERE verified;
CREATE INDEX usersessions_usersession_session_key_fd35de43_like ON public.usersessions_usersession USING btree (session_key varchar_pattern_ops);
CREATE INDEX usersessions_usersession_user_id_af5e0a6d ON public.usersessions_usersession USING btree (user_id);
CREATE INDEX wagtailadmi_content_717955_idx ON public.wagtailadmin_editingsession USING btree (content_type_id, object_id);
CREATE INDEX wagtailadmin_editingsession_content_type_id_4df7730e ON public.wagtailadmin_editingsession USING btree (content_type_id);
CREATE INDEX wagtailadmin_editingsession_user_id_6e1a9b70 ON public.wagtailadmin_editingsession USING btree (user_id);
CREATE INDEX wagtailadmin_formstate_content_type_id_e32438b3 ON public.wagtailadmin_formstate USING btree (content_type_id);
CREATE INDEX wagtailadmin_formstate_user_id_b910adc2 ON public.wagtailadmin_formstate USING btree (user_id);
CREATE INDEX wagtailcore_apitoken_key_hash_65979b78_like ON public.wagtailcore_apitoken USING btree (key_hash varchar_pattern_ops);
CREATE INDEX wagtailcore_apitoken_user_id_49b1141b ON public.wagtailcore_apitoken USING btree (user_id);
CREATE INDEX wagtailcore_collection_path_d848dc19_like ON public.wagtailcore_collection USING btree (path varchar_pattern_ops);
CREATE INDEX wagtailcore_collectionview_collectionviewrestriction__47320efd ON public.wagtailcore_collectionviewrestriction_groups USING btree (collectionviewrestriction_id);
CREATE INDEX wagtailcore_collectionviewrestriction_collection_id_761908ec ON public.wagtailcore_collectionviewrestriction USING btree (collection_id);
CREATE INDEX wagtailcore_collectionviewrestriction_groups_group_id_1823f2a3 ON public.wagtailcore_collectionviewrestriction_groups USING btree (group_id);
CREATE INDEX wagtailcore_comment_page_id_108444b5 ON public.wagtailcore_comment USING btree (page_id);
CREATE INDEX wagtailcore_comment_resolved_by_id_a282aa0e ON public.wagtailcore_comment USING btree (resolved_by_id);
CREATE INDEX wagtailcore_comment_revision_created_id_1d058279 ON public.wagtailcore_comment USING btree (revision_created_id);
CREATE INDEX wagtailcore_comment_user_id_0c577ca6 ON public.wagtailcore_comment USING btree (user_id);
CREATE INDEX wagtailcore_commentreply_comment_id_afc7e027 ON public.wagtailcore_commentreply USING btree (comment_id);
CREATE INDEX wagtailcore_commentreply_user_id_d0b3b9c3 ON public.wagtailcore_commentreply USING btree (user_id);
CREATE INDEX wagtailcore_groupapprovalt_groupapprovaltask_id_9a9255ea ON public.wagtailcore_groupapprovaltask_groups USING btree (groupapprovaltask_id);
CREATE INDEX wagtailcore_groupapprovaltask_groups_group_id_2e64b61f ON public.wagtailcore_groupapprovaltask_groups USING btree (group_id);
CREATE INDEX wagtailcore_groupcollectionpermission_collection_id_5423575a ON public.wagtailcore_groupcollectionpermission USING btree (collection_id);
CREATE INDEX wagtailcore_groupcollectionpermission_group_id_05d61460 ON public.wagtailcore_groupcollectionpermission USING btree (group_id);
CREATE INDEX wagtailcore_groupcollectionpermission_permission_id_1b626275 ON public.wagtailcore_groupcollectionpermission USING btree (permission_id);
CREATE INDEX wagtailcore_grouppagepermission_group_id_fc07e671 ON public.wagtailcore_grouppagepermission USING btree (group_id);
CREATE INDEX wagtailcore_grouppagepermission_page_id_710b114a ON public.wagtailcore_grouppagepermission USING btree (page_id);
CREATE INDEX wagtailcore_grouppagepermission_permission_id_05acb22e ON public.wagtailcore_grouppagepermission USING btree (permission_id);
CREATE INDEX wagtailcore_groupsitepermission_group_id_e5cdbee4 ON public.wagtailcore_groupsitepermission USING btree (group_id);
CREATE INDEX wagtailcore_groupsitepermission_permission_id_459b1f38 ON public.wagtailcore_groupsitepermission USING btree (permission_id);
CREATE INDEX wagtailcore_groupsitepermission_site_id_245de488 ON public.wagtailcore_groupsitepermission USING btree (site_id);
CREATE INDEX wagtailcore_locale_language_code_03149338_like ON public.wagtailcore_locale USING btree (language_code varchar_pattern_ops);
CREATE INDEX wagtailcore_modellogentry_action_d2d856ee ON public.wagtailcore_modellogentry USING btree (action);
CREATE INDEX wagtailcore_modellogentry_action_d2d856ee_like ON public.wagtailcore_modellogentry USING btree (action varchar_pattern_ops);
CREATE INDEX wagtailcore_modellogentry_content_changed_8bc39742 ON public.wagtailcore_modellogentry USING btree (content_changed);
CREATE INDEX wagtailcore_modellogentry_content_type_id_68849e77 ON public.wagtailcore_modellogentry USING btree (content_type_id);
CREATE INDEX wagtailcore_modellogentry_object_id_e0e7d4ef ON public.wagtailcore_modellogentry USING btree (object_id);
CREATE INDEX wagtailcore_modellogentry_object_id_e0e7d4ef_like ON public.wagtailcore_modellogentry USING btree (object_id varchar_pattern_ops);
CREATE INDEX wagtailcore_modellogentry_revision_id_df6ca33a ON public.wagtailcore_modellogentry USING btree (revision_id);
CREATE INDEX wagtailcore_modellogentry_timestamp_9694521b ON public.wagtailcore_modellogentry USING btree ("timestamp");
CREATE INDEX wagtailcore_modellogentry_user_id_0278d1bf ON public.wagtailcore_modellogentry USING btree (user_id);
CREATE INDEX wagtailcore_page_alias_of_id_12945502 ON public.wagtailcore_page USING btree (alias_of_id);
CREATE INDEX wagtailcore_page_content_type_id_c28424df ON public.wagtailcore_page USING btree (content_type_id);
CREATE INDEX wagtailcore_page_first_published_at_2b5dd637 ON public.wagtailcore_page USING btree (first_published_at);
CREATE INDEX wagtailcore_page_latest_revision_id_e60fef51 ON public.wagtailcore_page USING btree (latest_revision_id);
CREATE INDEX wagtailcore_page_live_revision_id_930bd822 ON public.wagtailcore_page USING btree (live_revision_id);
CREATE INDEX wagtailcore_page_locale_id_3c7e30a6 ON public.wagtailcore_page USING btree (locale_id);
CREATE INDEX wagtailcore_page_locked_by_id_bcb86245 ON public.wagtailcore_page USING btree (locked_by_id);
CREATE INDEX wagtailcore_page_owner_id_fbf7c332 ON public.wagtailcore_page USING btree (owner_id);
CREATE INDEX wagtailcore_page_path_98eba2c8_like ON public.wagtailcore_page USING btree (path varchar_pattern_ops);
CREATE INDEX wagtailcore_page_slug_e7c11b8f ON public.wagtailcore_page USING btree (slug);
CREATE INDEX wagtailcore_page_slug_e7c11b8f_like ON public.wagtailcore_page USING btree (slug varchar_pattern_ops);
CREATE INDEX wagtailcore_pagelogentry_action_c2408198 ON public.wagtailcore_pagelogentry USING btree (action);
CREATE INDEX wagtailcore_pagelogentry_action_c2408198_like ON public.wagtailcore_pagelogentry USING btree (action varchar_pattern_ops);
CREATE INDEX wagtailcore_pagelogentry_content_changed_99f27ade ON public.wagtailcore_pagelogentry USING btree (content_changed);
CREATE INDEX wagtailcore_pagelogentry_content_type_id_74e7708a ON public.wagtailcore_pagelogentry USING btree (content_type_id);
CREATE INDEX wagtailcore_pagelogentry_page_id_8464e327 ON public.wagtailcore_pagelogentry USING btree (page_id);
CREATE INDEX wagtailcore_pagelogentry_revision_id_8043d103 ON public.wagtailcore_pagelogentry USING btree (revision_id);
CREATE INDEX wagtailcore_pagelogentry_timestamp_deb774c4 ON public.wagtailcore_pagelogentry USING btree ("timestamp");
CREATE INDEX wagtailcore_pagelogentry_user_id_604ccfd8 ON public.wagtailcore_pagelogentry USING btree (user_id);
CREATE INDEX wagtailcore_pagerevision_approved_go_live_at_e56afc67 ON public.wagtailcore_revision USING btree (approved_go_live_at);
CREATE INDEX wagtailcore_pagerevision_created_at_66954e3b ON public.wagtailcore_revision USING btree (created_at);
CREATE INDEX wagtailcore_pagerevision_user_id_2409d2f4 ON public.wagtailcore_revision USING btree (user_id);
CREATE INDEX wagtailcore_pagesubscription_page_id_a085e7a6 ON public.wagtailcore_pagesubscription USING btree (page_id);
CREATE INDEX wagtailcore_pagesubscription_user_id_89d7def9 ON public.wagtailcore_pagesubscription USING btree (user_id);
CREATE INDEX wagtailcore_pageviewrestri_pageviewrestriction_id_f147a99a ON public.wagtailcore_pageviewrestriction_groups USING btree (pageviewrestriction_id);
CREATE INDEX wagtailcore_pageviewrestriction_groups_group_id_6460f223 ON public.wagtailcore_pageviewrestriction_groups USING btree (group_id);
CREATE INDEX wagtailcore_pageviewrestriction_page_id_15a8bea6 ON public.wagtailcore_pageviewrestriction USING btree (page_id);
CREATE INDEX wagtailcore_referenceindex_base_content_type_id_313cf40f ON public.wagtailcore_referenceindex USING btree (base_content_type_id);
CREATE INDEX wagtailcore_referenceindex_content_type_id_766e0336 ON public.wagtailcore_referenceindex USING btree (content_type_id);
CREATE INDEX wagtailcore_referenceindex_to_content_type_id_93690bbd ON public.wagtailcore_referenceindex USING btree (to_content_type_id);
CREATE INDEX wagtailcore_revision_base_content_type_id_5b4ef7bd ON public.wagtailcore_revision USING btree (base_content_type_id);
CREATE INDEX wagtailcore_revision_content_type_id_c8cb69c0 ON public.wagtailcore_revision USING btree (content_type_id);
CREATE INDEX wagtailcore_site_hostname_96b20b46 ON public.wagtailcore_site USING btree (hostname);
CREATE INDEX wagtailcore_site_hostname_96b20b46_like ON public.wagtailcore_site USING btree (hostname varchar_pattern_ops);
CREATE INDEX wagtailcore_site_root_page_id_e02fb95c ON public.wagtailcore_site USING btree (root_page_id);
CREATE INDEX wagtailcore_task_content_type_id_249ab8ba ON public.wagtailcore_task USING btree (content_type_id);
CREATE INDEX wagtailcore_taskstate_content_type_id_0a758fdc ON public.wagtailcore_taskstate USING btree (content_type_id);
CREATE INDEX wagtailcore_taskstate_finished_by_id_13f98229 ON public.wagtailcore_taskstate USING btree (finished_by_id);
CREATE INDEX wagtailcore_taskstate_page_revision_id_9f52c88e ON public.wagtailcore_taskstate USING btree (revision_id);
CREATE INDEX wagtailcore_taskstate_task_id_c3677c34 ON public.wagtailcore_taskstate USING btree (task_id);
CREATE INDEX wagtailcore_taskstate_workflow_state_id_9239a775 ON public.wagtailcore_taskstate USING btree (workflow_state_id);
CREATE INDEX wagtailcore_uploadedfile_for_content_type_id_b0fc87b2 ON public.wagtailcore_uploadedfile USING btree (for_content_type_id);
CREATE INDEX wagtailcore_uploadedfile_uploaded_by_user_id_c7580fe8 ON public.wagtailcore_uploadedfile USING btree (uploaded_by_user_id);
CREATE INDEX wagtailcore_uuid_06a44d_idx ON public.wagtailcore_pagelogentry USING btree (uuid, action, "timestamp" DESC);
CREATE INDEX wagtailcore_uuid_d6363b_idx ON public.wagtailcore_modellogentry USING btree (uuid, action, "timestamp" DESC);
CREATE INDEX wagtailcore_workflowcontenttype_workflow_id_9aad7cd2 ON public.wagtailcore_workflowcontenttype USING btree (workflow_id);
CREATE INDEX wagtailcore_workflowpage_workflow_id_56f56ff6 ON public.wagtailcore_workflowpage USING btree (workflow_id);
CREATE INDEX wagtailcore_workflowstate_base_content_type_id_a30dc576 ON public.wagtailcore_workflowstate USING btree (base_content_type_id);
CREATE INDEX wagtailcore_workflowstate_content_type_id_2bb78ce1 ON public.wagtailcore_workflowstate USING btree (content_type_id);
CREATE INDEX wagtailcore_workflowstate_requested_by_id_4090bca3 ON public.wagtailcore_workflowstate USING btree (requested_by_id);
CREATE INDEX wagtailcore_workflowstate_workflow_id_1f18378f ON public.wagtailcore_workflowstate USING btree (workflow_id);
CREATE INDEX wagtailcore_workflowtask_task_id_ce7716fe ON public.wagtailcore_workflowtask USING btree (task_id);
CREATE INDEX wagtailcore_workflowtask_workflow_id_b9717175 ON public.wagtailcore_workflowtask USING btree (workflow_id);
CREATE INDEX wagtaildocs_document_collection_id_23881625 ON public.wagtaildocs_document USING btree (collection_id);
CREATE INDEX wagtaildocs_document_uploaded_by_user_id_17258b41 ON public.wagtaildocs_document USING btree (uploaded_by_user_id);
CREATE INDEX wagtailimages_image_collection_id_c2f8af7e ON public.wagtailimages_image USING btree (collection_id);
CREATE INDEX wagtailimages_image_created_at_86fa6cd4 ON public.wagtailimages_image USING btree (created_at);
CREATE INDEX wagtailimages_image_file_hash_fb5bbb23 ON public.wagtailimages_image USING btree (file_hash);
CREATE INDEX wagtailimages_image_file_hash_fb5bbb23_like ON public.wagtailimages_image USING btree (file_hash varchar_pattern_ops);
CREATE INDEX wagtailimages_image_uploaded_by_user_id_5d73dc75 ON public.wagtailimages_image USING btree (uploaded_by_user_id);
CREATE INDEX wagtailimages_rendition_filter_spec_1cba3201 ON public.wagtailimages_rendition USING btree (filter_spec);
CREATE INDEX wagtailimages_rendition_filter_spec_1cba3201_like ON public.wagtailimages_rendition USING btree (filter_spec varchar_pattern_ops);
CREATE INDEX wagtailimages_rendition_image_id_3e1fd774 ON public.wagtailimages_rendition USING btree (image_id);
CREATE INDEX wagtailsear_autocom_476c89_gin ON public.wagtailsearch_indexentry USING gin (autocomplete);
CREATE INDEX wagtailsear_body_90c85d_gin ON public.wagtailsearch_indexentry USING gin (body);
CREATE INDEX wagtailsear_title_9caae0_gin ON public.wagtailsearch_indexentry USING gin (title);
CREATE INDEX wagtailsearch_indexentry_content_type_id_62ed694f ON public.wagtailsearch_indexentry USING btree (content_type_id);
CREATE INDEX wave_by_domain ON public.mailer_bouncewave USING btree (domain, started_at);
CREATE INDEX wave_by_reply ON public.mailer_bouncewave USING btree (reply_fingerprint, started_at);
CREATE INDEX webhook_message_latest ON public.mailer_webhookmessage USING btree (endpoint_id, id DESC);
CREATE INDEX webhook_message_waiting ON public.mailer_webhookmessage USING btree (due_at) WHERE ((state)::text = 'waiting'::text);
CREATE INDEX webhook_payload_due ON public.mailer_webhookpayload USING btree (due_at);
CREATE INDEX workflowstate_base_ct_id_idx ON public.wagtailcore_workflowstate USING btree (base_content_type_id, object_id);
CREATE INDEX workflowstate_ct_id_idx ON public.wagtailcore_workflowstate USING btree (content_type_id, object_id);
CREATE TRIGGER account_active_recorded AFTER UPDATE OF is_active ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_active_recorded();
CREATE TRIGGER account_change_kept BEFORE DELETE ON public.mailer_accountchange FOR EACH ROW EXECUTE FUNCTION public.account_change_kept();
CREATE TRIGGER account_change_unchanged BEFORE UPDATE ON public.mailer_accountchange FOR EACH ROW EXECUTE FUNCTION public.account_change_unchanged();
CREATE TRIGGER account_created_recorded AFTER INSERT ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_created_recorded();
CREATE TRIGGER account_created_superuser AFTER INSERT ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_created_superuser();
CREATE TRIGGER account_email_recorded AFTER UPDATE OF email ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_email_recorded();
CREATE TRIGGER account_group_added AFTER INSERT ON public.auth_user_groups FOR EACH ROW EXECUTE FUNCTION public.account_group_added();
CREATE TRIGGER account_group_moved_from AFTER UPDATE OF user_id, group_id ON public.auth_user_groups FOR EACH ROW EXECUTE FUNCTION public.account_group_moved_from();
CREATE TRIGGER account_group_moved_to AFTER UPDATE OF user_id, group_id ON public.auth_user_groups FOR EACH ROW EXECUTE FUNCTION public.account_group_moved_to();
CREATE TRIGGER account_group_permission_added AFTER INSERT ON public.auth_group_permissions FOR EACH ROW EXECUTE FUNCTION public.account_group_permission_added();
CREATE TRIGGER account_group_permission_moved_from AFTER UPDATE OF group_id, permission_id ON public.auth_group_permissions FOR EACH ROW EXECUTE FUNCTION public.account_group_permission_moved_from();
CREATE TRIGGER account_group_permission_moved_to AFTER UPDATE OF group_id, permission_id ON public.auth_group_permissions FOR EACH ROW EXECUTE FUNCTION public.account_group_permission_moved_to();
CREATE TRIGGER account_group_permission_removed AFTER DELETE ON public.auth_group_permissions FOR EACH ROW EXECUTE FUNCTION public.account_group_permission_removed();
CREATE TRIGGER account_group_removed AFTER DELETE ON public.auth_user_groups FOR EACH ROW EXECUTE FUNCTION public.account_group_removed();
CREATE TRIGGER account_name_recorded AFTER UPDATE OF first_name, last_name ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_name_recorded();
CREATE TRIGGER account_password_recorded AFTER UPDATE OF password ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_password_recorded();
CREATE TRIGGER account_permission_added AFTER INSERT ON public.auth_user_user_permissions FOR EACH ROW EXECUTE FUNCTION public.account_permission_added();
CREATE TRIGGER account_permission_moved_from AFTER UPDATE OF user_id, permission_id ON public.auth_user_user_permissions FOR EACH ROW EXECUTE FUNCTION public.account_permission_moved_from();
CREATE TRIGGER account_permission_moved_to AFTER UPDATE OF user_id, permission_id ON public.auth_user_user_permissions FOR EACH ROW EXECUTE FUNCTION public.account_permission_moved_to();
CREATE TRIGGER account_permission_removed AFTER DELETE ON public.auth_user_user_permissions FOR EACH ROW EXECUTE FUNCTION public.account_permission_removed();
CREATE TRIGGER account_second_factor_added AFTER INSERT ON public.mfa_authenticator FOR EACH ROW EXECUTE FUNCTION public.account_second_factor_added();
CREATE TRIGGER account_second_factor_moved_from AFTER UPDATE OF user_id ON public.mfa_authenticator FOR EACH ROW EXECUTE FUNCTION public.account_second_factor_moved_from();
CREATE TRIGGER account_second_factor_moved_to AFTER UPDATE OF user_id ON public.mfa_authenticator FOR EACH ROW EXECUTE FUNCTION public.account_second_factor_moved_to();
CREATE TRIGGER account_second_factor_removed AFTER DELETE ON public.mfa_authenticator FOR EACH ROW EXECUTE FUNCTION public.account_second_factor_removed();
CREATE TRIGGER account_superuser_recorded AFTER UPDATE OF is_superuser ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_superuser_recorded();
CREATE TRIGGER account_username_recorded AFTER UPDATE OF username ON public.auth_user FOR EACH ROW EXECUTE FUNCTION public.account_username_recorded();
CREATE TRIGGER approval_by_independent_account BEFORE INSERT ON public.mailer_approval FOR EACH ROW EXECUTE FUNCTION public.approval_by_independent_account();
CREATE TRIGGER approval_not_by_author BEFORE INSERT ON public.mailer_approval FOR EACH ROW EXECUTE FUNCTION public.approval_not_by_author();
CREATE TRIGGER approval_not_by_creator_of_author BEFORE INSERT ON public.mailer_approval FOR EACH ROW EXECUTE FUNCTION public.approval_not_by_creator_of_author();
CREATE TRIGGER approval_of_a_part BEFORE INSERT ON public.mailer_approval FOR EACH ROW EXECUTE FUNCTION public.approval_of_a_part();
CREATE TRIGGER approval_of_open_snapshot BEFORE INSERT ON public.mailer_approval FOR EACH ROW EXECUTE FUNCTION public.approval_of_open_snapshot();
CREATE TRIGGER approval_unchanged BEFORE UPDATE ON public.mailer_approval FOR EACH ROW EXECUTE FUNCTION public.approval_unchanged();
CREATE TRIGGER audit_entry_kept BEFORE DELETE ON public.wagtailcore_modellogentry FOR EACH ROW EXECUTE FUNCTION public.audit_entry_kept();
CREATE TRIGGER audit_entry_unchanged BEFORE UPDATE ON public.wagtailcore_modellogentry FOR EACH ROW EXECUTE FUNCTION public.audit_entry_unchanged();
CREATE TRIGGER audit_record_kept BEFORE DELETE ON public.mailer_auditrecord FOR EACH ROW EXECUTE FUNCTION public.audit_record_kept();
CREATE TRIGGER audit_record_unchanged BEFORE UPDATE ON public.mailer_auditrecord FOR EACH ROW EXECUTE FUNCTION public.audit_record_unchanged();
CREATE TRIGGER authorship_kept BEFORE DELETE ON public.mailer_authorship FOR EACH ROW EXECUTE FUNCTION public.authorship_kept();
CREATE TRIGGER authorship_unchanged BEFORE UPDATE ON public.mailer_authorship FOR EACH ROW EXECUTE FUNCTION public.authorship_unchanged();
CREATE TRIGGER consent_record_append_only BEFORE UPDATE ON public.subscribers_consentrecord FOR EACH ROW EXECUTE FUNCTION public.consent_record_append_only();
CREATE TRIGGER list_change_by_second_person BEFORE UPDATE ON public.mailer_listchange FOR EACH ROW EXECUTE FUNCTION public.list_change_by_second_person();
CREATE TRIGGER list_change_not_by_creator_of_author BEFORE UPDATE ON public.mailer_listchange FOR EACH ROW EXECUTE FUNCTION public.list_change_not_by_creator_of_author();
CREATE TRIGGER list_change_proposed_first BEFORE INSERT ON public.mailer_listchange FOR EACH ROW EXECUTE FUNCTION public.list_change_proposed_first();
CREATE TRIGGER list_change_unchanged BEFORE UPDATE ON public.mailer_listchange FOR EACH ROW EXECUTE FUNCTION public.list_change_unchanged();
CREATE TRIGGER list_emails_approved BEFORE UPDATE ON public.subscribers_mailinglist FOR EACH ROW EXECUTE FUNCTION public.list_emails_approved();
CREATE TRIGGER mailing_keeps_approval BEFORE UPDATE ON public.mailer_mailing FOR EACH ROW EXECUTE FUNCTION public.mailing_keeps_approval();
CREATE TRIGGER mailing_needs_approval BEFORE INSERT ON public.mailer_mailing FOR EACH ROW EXECUTE FUNCTION public.mailing_needs_approval();
CREATE TRIGGER rejection_by_independent_account BEFORE INSERT ON public.mailer_rejection FOR EACH ROW EXECUTE FUNCTION public.rejection_by_independent_account();
CREATE TRIGGER rejection_not_by_author BEFORE INSERT ON public.mailer_rejection FOR EACH ROW EXECUTE FUNCTION public.rejection_not_by_author();
CREATE TRIGGER rejection_not_by_creator_of_author BEFORE INSERT ON public.mailer_rejection FOR EACH ROW EXECUTE FUNCTION public.rejection_not_by_creator_of_author();
CREATE TRIGGER rejection_of_open_snapshot BEFORE INSERT ON public.mailer_rejection FOR EACH ROW EXECUTE FUNCTION public.rejection_of_open_snapshot();
CREATE TRIGGER rejection_unchanged BEFORE UPDATE ON public.mailer_rejection FOR EACH ROW EXECUTE FUNCTION public.rejection_unchanged();
CREATE TRIGGER snapshot_approved_by_approval BEFORE UPDATE ON public.mailer_snapshot FOR EACH ROW EXECUTE FUNCTION public.snapshot_approved_by_approval();
CREATE TRIGGER snapshot_author_unchanged BEFORE UPDATE ON public.mailer_snapshotauthor FOR EACH ROW EXECUTE FUNCTION public.snapshot_author_unchanged();
CREATE TRIGGER snapshot_not_born_approved BEFORE INSERT ON public.mailer_snapshot FOR EACH ROW EXECUTE FUNCTION public.snapshot_not_born_approved();
CREATE TRIGGER snapshot_rejected_for_good BEFORE UPDATE ON public.mailer_snapshot FOR EACH ROW EXECUTE FUNCTION public.snapshot_rejected_for_good();
CREATE TRIGGER snapshot_unchanged BEFORE UPDATE ON public.mailer_snapshot FOR EACH ROW EXECUTE FUNCTION public.snapshot_unchanged();
CREATE TRIGGER snapshot_variant_unchanged BEFORE UPDATE ON public.mailer_snapshotvariant FOR EACH ROW EXECUTE FUNCTION public.snapshot_variant_unchanged();
ALTER TABLE ONLY public.account_emailaddress
    ADD CONSTRAINT account_emailaddress_user_id_2c513194_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.account_emailconfirmation
    ADD CONSTRAINT account_emailconfirm_email_address_id_5b7f8c58_fk_account_e FOREIGN KEY (email_address_id) REFERENCES public.account_emailaddress(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissio_permission_id_84c5c92e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.auth_group_permissions
    ADD CONSTRAINT auth_group_permissions_group_id_b120cbf9_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.auth_permission
    ADD CONSTRAINT auth_permission_content_type_id_2f476e4b_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_group_id_97559544_fk_auth_group_id FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.auth_user_groups
    ADD CONSTRAINT auth_user_groups_user_id_6a12ed8b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permi_permission_id_1fbb5f2c_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.auth_user_user_permissions
    ADD CONSTRAINT auth_user_user_permissions_user_id_a95ead1b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_accountchange
    ADD CONSTRAINT mailer_accountchange_actor_id_91f450a1_fk_auth_user_id FOREIGN KEY (actor_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_accountchange
    ADD CONSTRAINT mailer_accountchange_user_id_a31c0d79_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_alert
    ADD CONSTRAINT mailer_alert_mailing_id_92e1aa19_fk_mailer_mailing_id FOREIGN KEY (mailing_id) REFERENCES public.mailer_mailing(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_alertpost
    ADD CONSTRAINT mailer_alertpost_alert_id_2256a9ad_fk_mailer_alert_id FOREIGN KEY (alert_id) REFERENCES public.mailer_alert(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_apikey
    ADD CONSTRAINT mailer_apikey_user_id_ac305d8c_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_approval
    ADD CONSTRAINT mailer_approval_approver_id_e56c7064_fk_auth_user_id FOREIGN KEY (approver_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_approval
    ADD CONSTRAINT mailer_approval_snapshot_id_a3e9b55f_fk_mailer_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_approvallink
    ADD CONSTRAINT mailer_approvallink_requested_by_id_9d104e1e_fk_auth_user_id FOREIGN KEY (requested_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_approvallink
    ADD CONSTRAINT mailer_approvallink_snapshot_id_afb83cb1_fk_mailer_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_approvallink
    ADD CONSTRAINT mailer_approvallink_user_id_11e3c942_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_auditrecord
    ADD CONSTRAINT mailer_auditrecord_entry_id_9a4b2ab5_fk_wagtailco FOREIGN KEY (entry_id) REFERENCES public.wagtailcore_modellogentry(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_authorship
    ADD CONSTRAINT mailer_authorship_user_id_f8a5fb2c_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_calendaraddress
    ADD CONSTRAINT mailer_calendaraddress_user_id_bfdbe817_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_claim
    ADD CONSTRAINT mailer_claim_mailing_id_b3d17648_fk_mailer_mailing_id FOREIGN KEY (mailing_id) REFERENCES public.mailer_mailing(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_contributorcountries
    ADD CONSTRAINT mailer_contributorcountries_user_id_ec9eebd0_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_dailyeventcount
    ADD CONSTRAINT mailer_dailyeventcou_variant_id_ebdd6dc0_fk_mailer_sn FOREIGN KEY (variant_id) REFERENCES public.mailer_snapshotvariant(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_draftcheck
    ADD CONSTRAINT mailer_draftcheck_edition_id_deab47df_fk_mailer_edition_id FOREIGN KEY (edition_id) REFERENCES public.mailer_edition(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT mailer_edition_excluded_id_ab69744a_fk_subscribers_segment_id FOREIGN KEY (excluded_id) REFERENCES public.subscribers_segment(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT mailer_edition_latest_revision_id_02137190_fk_wagtailco FOREIGN KEY (latest_revision_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT mailer_edition_live_revision_id_375cca3b_fk_wagtailco FOREIGN KEY (live_revision_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT mailer_edition_newsletter_id_13170165_fk_mailer_newsletter_id FOREIGN KEY (newsletter_id) REFERENCES public.mailer_newsletter(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_edition
    ADD CONSTRAINT mailer_edition_segment_id_61f6b77a_fk_subscribers_segment_id FOREIGN KEY (segment_id) REFERENCES public.subscribers_segment(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_editionplan
    ADD CONSTRAINT mailer_editionplan_edition_id_f7168598_fk_mailer_edition_id FOREIGN KEY (edition_id) REFERENCES public.mailer_edition(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_editionplan
    ADD CONSTRAINT mailer_editionplan_newsletter_id_6a35d0e2_fk_mailer_ne FOREIGN KEY (newsletter_id) REFERENCES public.mailer_newsletter(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_editiontext
    ADD CONSTRAINT mailer_editiontext_edition_id_87de1474_fk_mailer_edition_id FOREIGN KEY (edition_id) REFERENCES public.mailer_edition(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_feedbackevent
    ADD CONSTRAINT mailer_feedbackevent_delivery_id_ff3e894e_fk_mailer_delivery_id FOREIGN KEY (delivery_id) REFERENCES public.mailer_delivery(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_feedbackevent
    ADD CONSTRAINT mailer_feedbackevent_mailing_id_0e3bb95e_fk_mailer_mailing_id FOREIGN KEY (mailing_id) REFERENCES public.mailer_mailing(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_feedbackevent
    ADD CONSTRAINT mailer_feedbackevent_message_id_b8729a86_fk_mailer_re FOREIGN KEY (message_id) REFERENCES public.mailer_returnedmessage(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_glossaryterm
    ADD CONSTRAINT mailer_glossaryterm_newsletter_id_28e49fe6_fk_mailer_ne FOREIGN KEY (newsletter_id) REFERENCES public.mailer_newsletter(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_idempotentrequest
    ADD CONSTRAINT mailer_idempotentrequest_key_id_0918f3f5_fk_mailer_apikey_id FOREIGN KEY (key_id) REFERENCES public.mailer_apikey(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_intervention
    ADD CONSTRAINT mailer_intervention_mailing_id_b8737eb7_fk_mailer_mailing_id FOREIGN KEY (mailing_id) REFERENCES public.mailer_mailing(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_invitation
    ADD CONSTRAINT mailer_invitation_invited_by_id_e75b0f22_fk_auth_user_id FOREIGN KEY (invited_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_invitation
    ADD CONSTRAINT mailer_invitation_user_id_bb94e26a_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_listchange
    ADD CONSTRAINT mailer_listchange_decided_by_id_405467f6_fk_auth_user_id FOREIGN KEY (decided_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_listchange
    ADD CONSTRAINT mailer_listchange_mailing_list_id_7718bc9b_fk_subscribe FOREIGN KEY (mailing_list_id) REFERENCES public.subscribers_mailinglist(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_listchange
    ADD CONSTRAINT mailer_listchange_proposed_by_id_6517df3e_fk_auth_user_id FOREIGN KEY (proposed_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_mailing
    ADD CONSTRAINT mailer_mailing_edition_id_3193befb_fk_mailer_edition_id FOREIGN KEY (edition_id) REFERENCES public.mailer_edition(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_mailing
    ADD CONSTRAINT mailer_mailing_snapshot_id_8aef438e_fk_mailer_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_mailingstats
    ADD CONSTRAINT mailer_mailingstats_mailing_id_4eb059bf_fk_mailer_mailing_id FOREIGN KEY (mailing_id) REFERENCES public.mailer_mailing(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_newsletter_lists
    ADD CONSTRAINT mailer_newsletter_li_mailinglist_id_8b6f9a8a_fk_subscribe FOREIGN KEY (mailinglist_id) REFERENCES public.subscribers_mailinglist(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_newsletter_lists
    ADD CONSTRAINT mailer_newsletter_li_newsletter_id_5671fde9_fk_mailer_ne FOREIGN KEY (newsletter_id) REFERENCES public.mailer_newsletter(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_newsletter
    ADD CONSTRAINT mailer_newsletter_logo_dark_id_c42de103_fk_wagtailim FOREIGN KEY (logo_dark_id) REFERENCES public.wagtailimages_image(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_newsletter
    ADD CONSTRAINT mailer_newsletter_logo_id_2f2139b8_fk_wagtailimages_image_id FOREIGN KEY (logo_id) REFERENCES public.wagtailimages_image(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_newslettertext
    ADD CONSTRAINT mailer_newslettertex_newsletter_id_5fb43411_fk_mailer_ne FOREIGN KEY (newsletter_id) REFERENCES public.mailer_newsletter(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_notification
    ADD CONSTRAINT mailer_notification_user_id_99c736c1_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_notificationchoice
    ADD CONSTRAINT mailer_notificationchoice_user_id_41860818_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_providerhour
    ADD CONSTRAINT mailer_providerhour_mailing_id_29f691c3_fk_mailer_mailing_id FOREIGN KEY (mailing_id) REFERENCES public.mailer_mailing(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_rejection
    ADD CONSTRAINT mailer_rejection_rejected_by_id_95c67714_fk_auth_user_id FOREIGN KEY (rejected_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_rejection
    ADD CONSTRAINT mailer_rejection_snapshot_id_9fde8e69_fk_mailer_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_replyanswer
    ADD CONSTRAINT mailer_replyanswer_answered_by_id_ad139ea2_fk_auth_user_id FOREIGN KEY (answered_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_replyanswer
    ADD CONSTRAINT mailer_replyanswer_message_id_6fe7f85a_fk_mailer_re FOREIGN KEY (message_id) REFERENCES public.mailer_returnedmessage(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_reviewcomment
    ADD CONSTRAINT mailer_reviewcomment_done_by_id_711b8d20_fk_auth_user_id FOREIGN KEY (done_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_reviewcomment
    ADD CONSTRAINT mailer_reviewcomment_snapshot_id_f1fc4e87_fk_mailer_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_reviewcomment
    ADD CONSTRAINT mailer_reviewcomment_user_id_0c493922_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_snapshot
    ADD CONSTRAINT mailer_snapshot_edition_id_c5697813_fk_mailer_edition_id FOREIGN KEY (edition_id) REFERENCES public.mailer_edition(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_snapshot
    ADD CONSTRAINT mailer_snapshot_scheduled_by_id_fa8a8ca8_fk_auth_user_id FOREIGN KEY (scheduled_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_snapshot
    ADD CONSTRAINT mailer_snapshot_submitted_by_id_4412bcbc_fk_auth_user_id FOREIGN KEY (submitted_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_snapshotauthor
    ADD CONSTRAINT mailer_snapshotautho_snapshot_id_d0785e85_fk_mailer_sn FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_snapshotauthor
    ADD CONSTRAINT mailer_snapshotauthor_user_id_f5689008_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_snapshotvariant
    ADD CONSTRAINT mailer_snapshotvaria_snapshot_id_62c0dfaa_fk_mailer_sn FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_story
    ADD CONSTRAINT mailer_story_latest_revision_id_160bf9d8_fk_wagtailco FOREIGN KEY (latest_revision_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_story
    ADD CONSTRAINT mailer_story_live_revision_id_703f5a58_fk_wagtailco FOREIGN KEY (live_revision_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_story
    ADD CONSTRAINT mailer_story_picture_id_8d1f2e32_fk_wagtailimages_image_id FOREIGN KEY (picture_id) REFERENCES public.wagtailimages_image(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storycomment
    ADD CONSTRAINT mailer_storycomment_author_id_4e302d3f_fk_auth_user_id FOREIGN KEY (author_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storycomment
    ADD CONSTRAINT mailer_storycomment_resolved_by_id_297c529c_fk_auth_user_id FOREIGN KEY (resolved_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storycomment
    ADD CONSTRAINT mailer_storycomment_story_id_1ff56a44_fk_mailer_story_id FOREIGN KEY (story_id) REFERENCES public.mailer_story(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storymail
    ADD CONSTRAINT mailer_storymail_source_id_b28ddf55_fk_mailer_storysource_id FOREIGN KEY (source_id) REFERENCES public.mailer_storysource(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storyoverride
    ADD CONSTRAINT mailer_storyoverride_edition_id_aa9d0a3f_fk_mailer_edition_id FOREIGN KEY (edition_id) REFERENCES public.mailer_edition(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storyoverride
    ADD CONSTRAINT mailer_storyoverride_picture_id_8c3c9596_fk_wagtailim FOREIGN KEY (picture_id) REFERENCES public.wagtailimages_image(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storyoverride
    ADD CONSTRAINT mailer_storyoverride_story_id_27943c53_fk_mailer_story_id FOREIGN KEY (story_id) REFERENCES public.mailer_story(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storysourceitemkey
    ADD CONSTRAINT mailer_storysourceit_item_id_f8d1de4b_fk_mailer_st FOREIGN KEY (item_id) REFERENCES public.mailer_storysourceitem(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storysourceitem
    ADD CONSTRAINT mailer_storysourceit_similar_to_id_76381bd3_fk_mailer_st FOREIGN KEY (similar_to_id) REFERENCES public.mailer_story(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storysourceitem
    ADD CONSTRAINT mailer_storysourceit_source_id_a80b0993_fk_mailer_st FOREIGN KEY (source_id) REFERENCES public.mailer_storysource(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storysourceitem
    ADD CONSTRAINT mailer_storysourceitem_reviewed_by_id_a65cab3e_fk_auth_user_id FOREIGN KEY (reviewed_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storysourceitem
    ADD CONSTRAINT mailer_storysourceitem_story_id_f8a29daa_fk_mailer_story_id FOREIGN KEY (story_id) REFERENCES public.mailer_story(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_storytext
    ADD CONSTRAINT mailer_storytext_story_id_936fad9f_fk_mailer_story_id FOREIGN KEY (story_id) REFERENCES public.mailer_story(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_suppressiondecision_events
    ADD CONSTRAINT mailer_suppressionde_feedbackevent_id_3d64b5c5_fk_mailer_fe FOREIGN KEY (feedbackevent_id) REFERENCES public.mailer_feedbackevent(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_suppressiondecision
    ADD CONSTRAINT mailer_suppressionde_probe_id_c5ba2e37_fk_mailer_ou FOREIGN KEY (probe_id) REFERENCES public.mailer_outboxmessage(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_suppressiondecision
    ADD CONSTRAINT mailer_suppressionde_suppression_id_c58e3772_fk_subscribe FOREIGN KEY (suppression_id) REFERENCES public.subscribers_suppression(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_suppressiondecision_events
    ADD CONSTRAINT mailer_suppressionde_suppressiondecision__81d7796d_fk_mailer_su FOREIGN KEY (suppressiondecision_id) REFERENCES public.mailer_suppressiondecision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_suppressiondecision
    ADD CONSTRAINT mailer_suppressionde_wave_id_7884c199_fk_mailer_bo FOREIGN KEY (wave_id) REFERENCES public.mailer_bouncewave(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_templateversion
    ADD CONSTRAINT mailer_templateversi_newsletter_id_951f3bbe_fk_mailer_ne FOREIGN KEY (newsletter_id) REFERENCES public.mailer_newsletter(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_templateversion
    ADD CONSTRAINT mailer_templateversion_author_id_9b380edd_fk_auth_user_id FOREIGN KEY (author_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_variantaudience
    ADD CONSTRAINT mailer_variantaudien_variant_id_391f6f83_fk_mailer_sn FOREIGN KEY (variant_id) REFERENCES public.mailer_snapshotvariant(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_variantcheck
    ADD CONSTRAINT mailer_variantcheck_snapshot_id_815217d2_fk_mailer_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES public.mailer_snapshot(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_variantcheck
    ADD CONSTRAINT mailer_variantcheck_user_id_b2b0e92f_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_webhookattempt
    ADD CONSTRAINT mailer_webhookattemp_message_id_e59e538d_fk_mailer_we FOREIGN KEY (message_id) REFERENCES public.mailer_webhookmessage(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mailer_webhookmessage
    ADD CONSTRAINT mailer_webhookmessag_endpoint_id_d883b9ca_fk_mailer_we FOREIGN KEY (endpoint_id) REFERENCES public.mailer_webhookendpoint(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.mfa_authenticator
    ADD CONSTRAINT mfa_authenticator_user_id_0c3a50c0_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_social_account_id_951f210e_fk_socialacc FOREIGN KEY (account_id) REFERENCES public.socialaccount_socialaccount(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.socialaccount_socialtoken
    ADD CONSTRAINT socialaccount_social_app_id_636a42d7_fk_socialacc FOREIGN KEY (app_id) REFERENCES public.socialaccount_socialapp(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.socialaccount_socialaccount
    ADD CONSTRAINT socialaccount_socialaccount_user_id_8146e70c_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_addresschange
    ADD CONSTRAINT subscribers_addressc_subscriber_id_99fd7044_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_bulkchange
    ADD CONSTRAINT subscribers_bulkchan_job_id_ecd73845_fk_subscribe FOREIGN KEY (job_id) REFERENCES public.subscribers_bulkjob(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_bulkchange
    ADD CONSTRAINT subscribers_bulkchan_subscriber_id_9152cd6f_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_consentrecord
    ADD CONSTRAINT subscribers_consentr_mailing_list_id_1925bfe5_fk_subscribe FOREIGN KEY (mailing_list_id) REFERENCES public.subscribers_mailinglist(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_consentrecord
    ADD CONSTRAINT subscribers_consentr_subscriber_id_bd41d9dc_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_consentrecord
    ADD CONSTRAINT subscribers_consentr_text_id_98afe625_fk_subscribe FOREIGN KEY (text_id) REFERENCES public.subscribers_consenttext(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_datalink
    ADD CONSTRAINT subscribers_datalink_subscriber_id_c1b97871_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_fieldvalue
    ADD CONSTRAINT subscribers_fieldval_field_id_f5f7d1db_fk_subscribe FOREIGN KEY (field_id) REFERENCES public.subscribers_customfield(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_fieldvalue
    ADD CONSTRAINT subscribers_fieldval_subscriber_id_9f6462d0_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_formeraddress
    ADD CONSTRAINT subscribers_formerad_subscriber_id_132eba9c_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_importjob
    ADD CONSTRAINT subscribers_importjo_mailing_list_id_b0d11367_fk_subscribe FOREIGN KEY (mailing_list_id) REFERENCES public.subscribers_mailinglist(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_listgrowth
    ADD CONSTRAINT subscribers_listgrow_mailing_list_id_31ed89eb_fk_subscribe FOREIGN KEY (mailing_list_id) REFERENCES public.subscribers_mailinglist(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_reconfirmationrequest
    ADD CONSTRAINT subscribers_reconfir_campaign_id_847ab25c_fk_subscribe FOREIGN KEY (campaign_id) REFERENCES public.subscribers_reconfirmationcampaign(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_reconfirmationcampaign
    ADD CONSTRAINT subscribers_reconfir_mailing_list_id_4c8a6ad0_fk_subscribe FOREIGN KEY (mailing_list_id) REFERENCES public.subscribers_mailinglist(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_reconfirmationrequest
    ADD CONSTRAINT subscribers_reconfir_subscriber_id_5b9b6fa4_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_subscription
    ADD CONSTRAINT subscribers_subscrip_mailing_list_id_195baea9_fk_subscribe FOREIGN KEY (mailing_list_id) REFERENCES public.subscribers_mailinglist(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_subscription
    ADD CONSTRAINT subscribers_subscrip_subscriber_id_cb6308c8_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_tagging
    ADD CONSTRAINT subscribers_tagging_subscriber_id_1cf47c2c_fk_subscribe FOREIGN KEY (subscriber_id) REFERENCES public.subscribers_subscriber(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.subscribers_tagging
    ADD CONSTRAINT subscribers_tagging_tag_id_8445d8f7_fk_subscribers_tag_id FOREIGN KEY (tag_id) REFERENCES public.subscribers_tag(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.taggit_taggeditem
    ADD CONSTRAINT taggit_taggeditem_content_type_id_9957a03c_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.taggit_taggeditem
    ADD CONSTRAINT taggit_taggeditem_tag_id_f4f5b767_fk_taggit_tag_id FOREIGN KEY (tag_id) REFERENCES public.taggit_tag(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.usersessions_usersession
    ADD CONSTRAINT usersessions_usersession_user_id_af5e0a6d_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailadmin_editingsession
    ADD CONSTRAINT wagtailadmin_editing_content_type_id_4df7730e_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailadmin_editingsession
    ADD CONSTRAINT wagtailadmin_editingsession_user_id_6e1a9b70_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailadmin_formstate
    ADD CONSTRAINT wagtailadmin_formsta_content_type_id_e32438b3_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailadmin_formstate
    ADD CONSTRAINT wagtailadmin_formstate_user_id_b910adc2_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_apitoken
    ADD CONSTRAINT wagtailcore_apitoken_user_id_49b1141b_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_collectionviewrestriction
    ADD CONSTRAINT wagtailcore_collecti_collection_id_761908ec_fk_wagtailco FOREIGN KEY (collection_id) REFERENCES public.wagtailcore_collection(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_collectionviewrestriction_groups
    ADD CONSTRAINT wagtailcore_collecti_collectionviewrestri_47320efd_fk_wagtailco FOREIGN KEY (collectionviewrestriction_id) REFERENCES public.wagtailcore_collectionviewrestriction(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_collectionviewrestriction_groups
    ADD CONSTRAINT wagtailcore_collecti_group_id_1823f2a3_fk_auth_grou FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_comment
    ADD CONSTRAINT wagtailcore_comment_page_id_108444b5_fk_wagtailcore_page_id FOREIGN KEY (page_id) REFERENCES public.wagtailcore_page(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_comment
    ADD CONSTRAINT wagtailcore_comment_resolved_by_id_a282aa0e_fk_auth_user_id FOREIGN KEY (resolved_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_comment
    ADD CONSTRAINT wagtailcore_comment_revision_created_id_1d058279_fk_wagtailco FOREIGN KEY (revision_created_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_comment
    ADD CONSTRAINT wagtailcore_comment_user_id_0c577ca6_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_commentreply
    ADD CONSTRAINT wagtailcore_commentr_comment_id_afc7e027_fk_wagtailco FOREIGN KEY (comment_id) REFERENCES public.wagtailcore_comment(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_commentreply
    ADD CONSTRAINT wagtailcore_commentreply_user_id_d0b3b9c3_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupapprovaltask_groups
    ADD CONSTRAINT wagtailcore_groupapp_group_id_2e64b61f_fk_auth_grou FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupapprovaltask_groups
    ADD CONSTRAINT wagtailcore_groupapp_groupapprovaltask_id_9a9255ea_fk_wagtailco FOREIGN KEY (groupapprovaltask_id) REFERENCES public.wagtailcore_groupapprovaltask(task_ptr_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupapprovaltask
    ADD CONSTRAINT wagtailcore_groupapp_task_ptr_id_cfe58781_fk_wagtailco FOREIGN KEY (task_ptr_id) REFERENCES public.wagtailcore_task(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupcollectionpermission
    ADD CONSTRAINT wagtailcore_groupcol_collection_id_5423575a_fk_wagtailco FOREIGN KEY (collection_id) REFERENCES public.wagtailcore_collection(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupcollectionpermission
    ADD CONSTRAINT wagtailcore_groupcol_group_id_05d61460_fk_auth_grou FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupcollectionpermission
    ADD CONSTRAINT wagtailcore_groupcol_permission_id_1b626275_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_grouppagepermission
    ADD CONSTRAINT wagtailcore_grouppag_group_id_fc07e671_fk_auth_grou FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_grouppagepermission
    ADD CONSTRAINT wagtailcore_grouppag_page_id_710b114a_fk_wagtailco FOREIGN KEY (page_id) REFERENCES public.wagtailcore_page(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_grouppagepermission
    ADD CONSTRAINT wagtailcore_grouppag_permission_id_05acb22e_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupsitepermission
    ADD CONSTRAINT wagtailcore_groupsit_group_id_e5cdbee4_fk_auth_grou FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupsitepermission
    ADD CONSTRAINT wagtailcore_groupsit_permission_id_459b1f38_fk_auth_perm FOREIGN KEY (permission_id) REFERENCES public.auth_permission(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_groupsitepermission
    ADD CONSTRAINT wagtailcore_groupsit_site_id_245de488_fk_wagtailco FOREIGN KEY (site_id) REFERENCES public.wagtailcore_site(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_modellogentry
    ADD CONSTRAINT wagtailcore_modellog_content_type_id_68849e77_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_alias_of_id_12945502_fk_wagtailcore_page_id FOREIGN KEY (alias_of_id) REFERENCES public.wagtailcore_page(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_content_type_id_c28424df_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_latest_revision_id_e60fef51_fk_wagtailco FOREIGN KEY (latest_revision_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_live_revision_id_930bd822_fk_wagtailco FOREIGN KEY (live_revision_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_locale_id_3c7e30a6_fk_wagtailcore_locale_id FOREIGN KEY (locale_id) REFERENCES public.wagtailcore_locale(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_locked_by_id_bcb86245_fk_auth_user_id FOREIGN KEY (locked_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_page
    ADD CONSTRAINT wagtailcore_page_owner_id_fbf7c332_fk_auth_user_id FOREIGN KEY (owner_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_pagelogentry
    ADD CONSTRAINT wagtailcore_pageloge_content_type_id_74e7708a_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_revision
    ADD CONSTRAINT wagtailcore_pagerevision_user_id_2409d2f4_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_pagesubscription
    ADD CONSTRAINT wagtailcore_pagesubs_page_id_a085e7a6_fk_wagtailco FOREIGN KEY (page_id) REFERENCES public.wagtailcore_page(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_pagesubscription
    ADD CONSTRAINT wagtailcore_pagesubscription_user_id_89d7def9_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_pageviewrestriction_groups
    ADD CONSTRAINT wagtailcore_pageview_group_id_6460f223_fk_auth_grou FOREIGN KEY (group_id) REFERENCES public.auth_group(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_pageviewrestriction
    ADD CONSTRAINT wagtailcore_pageview_page_id_15a8bea6_fk_wagtailco FOREIGN KEY (page_id) REFERENCES public.wagtailcore_page(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_pageviewrestriction_groups
    ADD CONSTRAINT wagtailcore_pageview_pageviewrestriction__f147a99a_fk_wagtailco FOREIGN KEY (pageviewrestriction_id) REFERENCES public.wagtailcore_pageviewrestriction(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_referenceindex
    ADD CONSTRAINT wagtailcore_referenc_base_content_type_id_313cf40f_fk_django_co FOREIGN KEY (base_content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_referenceindex
    ADD CONSTRAINT wagtailcore_referenc_content_type_id_766e0336_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_referenceindex
    ADD CONSTRAINT wagtailcore_referenc_to_content_type_id_93690bbd_fk_django_co FOREIGN KEY (to_content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_revision
    ADD CONSTRAINT wagtailcore_revision_base_content_type_id_5b4ef7bd_fk_django_co FOREIGN KEY (base_content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_revision
    ADD CONSTRAINT wagtailcore_revision_content_type_id_c8cb69c0_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_site
    ADD CONSTRAINT wagtailcore_site_root_page_id_e02fb95c_fk_wagtailcore_page_id FOREIGN KEY (root_page_id) REFERENCES public.wagtailcore_page(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_task
    ADD CONSTRAINT wagtailcore_task_content_type_id_249ab8ba_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_taskstate
    ADD CONSTRAINT wagtailcore_taskstat_content_type_id_0a758fdc_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_taskstate
    ADD CONSTRAINT wagtailcore_taskstat_revision_id_df25a499_fk_wagtailco FOREIGN KEY (revision_id) REFERENCES public.wagtailcore_revision(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_taskstate
    ADD CONSTRAINT wagtailcore_taskstat_workflow_state_id_9239a775_fk_wagtailco FOREIGN KEY (workflow_state_id) REFERENCES public.wagtailcore_workflowstate(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_taskstate
    ADD CONSTRAINT wagtailcore_taskstate_finished_by_id_13f98229_fk_auth_user_id FOREIGN KEY (finished_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_taskstate
    ADD CONSTRAINT wagtailcore_taskstate_task_id_c3677c34_fk_wagtailcore_task_id FOREIGN KEY (task_id) REFERENCES public.wagtailcore_task(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_uploadedfile
    ADD CONSTRAINT wagtailcore_uploaded_for_content_type_id_b0fc87b2_fk_django_co FOREIGN KEY (for_content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_uploadedfile
    ADD CONSTRAINT wagtailcore_uploaded_uploaded_by_user_id_c7580fe8_fk_auth_user FOREIGN KEY (uploaded_by_user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowstate
    ADD CONSTRAINT wagtailcore_workflow_base_content_type_id_a30dc576_fk_django_co FOREIGN KEY (base_content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowstate
    ADD CONSTRAINT wagtailcore_workflow_content_type_id_2bb78ce1_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowcontenttype
    ADD CONSTRAINT wagtailcore_workflow_content_type_id_b261bb37_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowstate
    ADD CONSTRAINT wagtailcore_workflow_current_task_state_i_3a1a0632_fk_wagtailco FOREIGN KEY (current_task_state_id) REFERENCES public.wagtailcore_taskstate(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowpage
    ADD CONSTRAINT wagtailcore_workflow_page_id_81e7bab6_fk_wagtailco FOREIGN KEY (page_id) REFERENCES public.wagtailcore_page(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowstate
    ADD CONSTRAINT wagtailcore_workflow_requested_by_id_4090bca3_fk_auth_user FOREIGN KEY (requested_by_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowtask
    ADD CONSTRAINT wagtailcore_workflow_task_id_ce7716fe_fk_wagtailco FOREIGN KEY (task_id) REFERENCES public.wagtailcore_task(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowstate
    ADD CONSTRAINT wagtailcore_workflow_workflow_id_1f18378f_fk_wagtailco FOREIGN KEY (workflow_id) REFERENCES public.wagtailcore_workflow(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowpage
    ADD CONSTRAINT wagtailcore_workflow_workflow_id_56f56ff6_fk_wagtailco FOREIGN KEY (workflow_id) REFERENCES public.wagtailcore_workflow(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowcontenttype
    ADD CONSTRAINT wagtailcore_workflow_workflow_id_9aad7cd2_fk_wagtailco FOREIGN KEY (workflow_id) REFERENCES public.wagtailcore_workflow(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailcore_workflowtask
    ADD CONSTRAINT wagtailcore_workflow_workflow_id_b9717175_fk_wagtailco FOREIGN KEY (workflow_id) REFERENCES public.wagtailcore_workflow(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtaildocs_document
    ADD CONSTRAINT wagtaildocs_document_collection_id_23881625_fk_wagtailco FOREIGN KEY (collection_id) REFERENCES public.wagtailcore_collection(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtaildocs_document
    ADD CONSTRAINT wagtaildocs_document_uploaded_by_user_id_17258b41_fk_auth_user FOREIGN KEY (uploaded_by_user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailimages_image
    ADD CONSTRAINT wagtailimages_image_collection_id_c2f8af7e_fk_wagtailco FOREIGN KEY (collection_id) REFERENCES public.wagtailcore_collection(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailimages_image
    ADD CONSTRAINT wagtailimages_image_uploaded_by_user_id_5d73dc75_fk_auth_user FOREIGN KEY (uploaded_by_user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailimages_rendition
    ADD CONSTRAINT wagtailimages_rendit_image_id_3e1fd774_fk_wagtailim FOREIGN KEY (image_id) REFERENCES public.wagtailimages_image(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailsearch_indexentry
    ADD CONSTRAINT wagtailsearch_indexe_content_type_id_62ed694f_fk_django_co FOREIGN KEY (content_type_id) REFERENCES public.django_content_type(id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE ONLY public.wagtailusers_userprofile
    ADD CONSTRAINT wagtailusers_userprofile_user_id_59c92331_fk_auth_user_id FOREIGN KEY (user_id) REFERENCES public.auth_user(id) DEFERRABLE INITIALLY DEFERRED;
