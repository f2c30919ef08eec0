-- One way to break each check, on a right database whose triggers and unique indexes are gone.
-- `-- check` names the check of tests/checker that must speak; `:words` are ids of that database.

-- not_one_live_holding
UPDATE holdings SET state = 'archived' WHERE id = :new;
-- several_open_transfers
UPDATE transfers SET state = 'pending_acceptance' WHERE id IN (:refused, :cancelled);
-- accepted_closed_not_one_holding
UPDATE holdings SET closed_by_id = NULL WHERE id = :old;
-- accepted_opened_not_one_holding
UPDATE holdings SET from_at = '2041-01-01T00:00:00.000000Z' WHERE id = :new;
-- closed_otherwise_than_decided
UPDATE holdings SET until_at = '2041-01-01T00:00:00.000000Z' WHERE id = :old;
-- neither_live_nor_handed_over
UPDATE holdings SET until_at = NULL WHERE id = :old;
-- holdings_without_handover
INSERT INTO holdings SELECT 'another', record_id, organization_id, owner_id, 'archived', confidential, title,
    email, reason_for_consultation, opened_on, from_at, from_at, NULL FROM holdings WHERE id = :old;
-- touched_without_acceptance
INSERT INTO manifest VALUES (:refused, 'item', 'note', 'moved', NULL, NULL);
-- owner_with_a_share
INSERT INTO shares SELECT 'share', record_id, owner_id, 'read', 0, from_at, NULL FROM holdings WHERE id = :new;
-- share_ended_for_somebody_else
UPDATE shares SET ended_at = (SELECT decided_at FROM transfers WHERE id = :accepted) WHERE record_id = :record;
-- appointment_of_a_collaborator_misplaced
UPDATE appointments SET holding_id = :new WHERE holding_id IS NULL AND record_id = :record;

-- bytes_do_not_match_digest
UPDATE content SET body = X'00' WHERE sha256 = :sha256;
-- content_is_missing
DELETE FROM content WHERE sha256 = :sha256;
-- refers_to_nothing
UPDATE record_clients SET client_id = 'nobody' WHERE record_id = :record;
-- signed_note_differs
UPDATE notes SET author_id = 'somebody' WHERE holding_id = :new AND item_id = :note;
-- signed_without_instant
UPDATE notes SET signed_at = NULL WHERE holding_id = :new AND item_id = :note;
-- used_from_another_organization
UPDATE content SET organization_id = :elsewhere WHERE sha256 = :sha256;

-- item_not_accounted_for
DELETE FROM manifest WHERE transfer_id = :accepted AND item_class = 'invoice';
-- record_item_not_accounted_for
DELETE FROM manifest WHERE transfer_id = :accepted AND item_class = 'collaborator_appointment';
-- line_without_item
INSERT INTO manifest VALUES (:accepted, 'item', 'note', 'moved', NULL, NULL);
-- moved_item_is_missing_or_changed
DELETE FROM documents WHERE holding_id = :new;
-- details_changed
UPDATE holdings SET title = 'Autre' WHERE id = :new;
-- item_that_stays_is_in_the_new_holding
INSERT INTO tasks SELECT due_on, author_id, sha256, :new, item_id, organization_id, created_at
    FROM tasks WHERE holding_id = :old;
-- never_moves_but_is_in_two_holdings
INSERT INTO invoices SELECT number, amount_cents, currency, issued_on, 'elsewhere', item_id, organization_id,
    created_at FROM invoices WHERE holding_id = :old;
-- outcome_is_not_in_the_table
UPDATE manifest SET outcome = 'withheld' WHERE transfer_id = :accepted AND item_class = 'note';
-- withheld_by_a_rule_without_a_copy
UPDATE manifest SET outcome = 'withheld' WHERE transfer_id = :forced AND item_class = 'raw_data';
-- held_record_lost_something
UPDATE manifest SET outcome = 'deleted' WHERE transfer_id = :held AND item_class = 'memo';
-- collaborators_item_is_exposed
UPDATE notes SET author_only = 0 WHERE holding_id = :new;
-- author_only_item_left_behind
DELETE FROM notes WHERE holding_id = :new AND author_only = 1;
-- author_only_of_the_owner
UPDATE notes SET author_only = 1, confidential = 1 WHERE holding_id = :old AND author_id = :owner;
-- upcoming_appointment_not_cancelled
UPDATE appointments SET state = 'booked' WHERE holding_id = :old;

-- handed_to_somebody_who_cannot_hold
UPDATE transfers SET to_id = from_id WHERE id = :accepted;
-- handed_to_a_restricted_member
UPDATE restrictions SET set_at = '2026-01-01T00:00:00.000000Z', member_id = NULL, title = 'PSYCHOLOGUE';
-- restriction_ended_by_nobody
UPDATE restrictions SET ended_by_id = :stranger WHERE ended_at IS NOT NULL;
-- raw_data_to_a_title_not_on_the_list
DELETE FROM raw_data_titles;
-- asked_by_a_stranger
UPDATE transfers SET asked_by_id = to_id WHERE id = :accepted;
-- from_somebody_else_than_the_owner
UPDATE transfers SET from_id = to_id WHERE id = :pending;
-- confidential_record_by_a_coordinator
UPDATE transfers SET asked_role = 'coordinator' WHERE id = :accepted;
UPDATE holdings SET confidential = 1 WHERE id = :old;
-- without_the_legal_basis
UPDATE policies SET basis_required = 1;
-- text_is_something_else
UPDATE texts SET kind = 'message' WHERE kind = 'reason';
-- coordinator_to_themself
UPDATE transfers SET asked_role = 'coordinator', asked_by_id = to_id WHERE id = :accepted;
-- without_an_administrator
DELETE FROM member_roles WHERE role = 'administrator';

-- edge_is_not_in_the_table
UPDATE events SET state_from = 'requested' WHERE action = 'transfer.refuse';
-- steps_do_not_follow
UPDATE transfers SET state = 'refused' WHERE id = :accepted;
-- escalation_without_its_event
DELETE FROM events WHERE action = 'transfer.escalate';
-- went_back_to_nobody
UPDATE transfers SET asked_by_id = to_id WHERE id = :refused;
-- lost_without_its_rule
UPDATE events SET rule = NULL WHERE action = 'transfer.lost_eligibility';
-- lost_and_unnoticed
UPDATE transfers SET state = 'pending_acceptance' WHERE id = :escalated;
-- refused_without_a_reason
UPDATE transfers SET reason_id = NULL WHERE id = :refused;
-- expired_early
UPDATE events SET at = '2040-03-05T15:00:00.000000Z' WHERE action = 'transfer.expire';
-- deadline_before_asking
UPDATE transfers SET respond_by = '2026-01-01T00:00:00.000000Z' WHERE id = :accepted;
-- decided_by_the_wrong_person
UPDATE transfers SET decided_by_id = from_id WHERE id = :accepted;
-- failed_without_its_rule
UPDATE transfers SET failed_rule = NULL WHERE id = :failed;
-- stuck_but_closed
UPDATE transfers SET stuck_cause = 'missing_content' WHERE id = :accepted;
-- imposed_in_disguise
UPDATE transfers SET imposed = 0 WHERE id = :imposed;
-- overridden_for_nothing
UPDATE events SET role = 'practitioner' WHERE action = 'transfer.override';
-- asked_and_forgotten
DELETE FROM askings WHERE transfer_id = :reassigned;
-- stepped_in_without_a_reason
UPDATE transfers SET reason_id = NULL WHERE id = :imposed;
-- written_while_frozen
INSERT INTO events SELECT organization_id, 99999, at, 'note.add', 'allowed', NULL, actor_id, role, NULL, 'command',
    NULL, NULL, record_id, NULL, NULL, NULL, NULL, NULL, hash, hash FROM events WHERE transfer_id = :pending;

-- chain_is_broken
UPDATE events SET os_uid = 7 WHERE transfer_id = :accepted;
-- handover_not_logged_on_both_sides
DELETE FROM events WHERE side = 'import' AND transfer_id = :accepted;
-- denied_without_a_rule
UPDATE events SET rule = NULL WHERE outcome = 'denied';
-- nobody_acted
UPDATE events SET role = 'owner' WHERE transfer_id = :accepted;
-- without_its_purpose
UPDATE events SET purpose = NULL WHERE transfer_id = :accepted;
-- command_executed_twice
INSERT INTO events SELECT organization_id, 99999, at, action, outcome, rule, actor_id, role, os_uid, command_id, side,
    transfer_id, record_id, subject_id, purpose, state_from, state_to, counts, hash, hash
    FROM events WHERE transfer_id = :refused AND action = 'transfer.open';
-- counts_differ_from_the_manifest
UPDATE events SET counts = replace(counts, '"moved":2', '"moved":3') WHERE transfer_id = :accepted;
-- counted_what_is_its_authors_alone
UPDATE events SET counts = '{"collaborator_confidential":{"moved":2}}' WHERE transfer_id = :accepted;
-- free_text_in_the_log
UPDATE events SET rule = 'parce que' WHERE transfer_id = :accepted;
-- content_in_the_log
UPDATE events SET rule = (SELECT name FROM documents LIMIT 1) WHERE transfer_id = :accepted;

-- told_otherwise_than_concerned
DELETE FROM outbox WHERE kind = 'refused';
-- told_of_their_own_act
INSERT INTO outbox SELECT 99999, organization_id, 'accepted', command_id, transfer_id, actor_id, actor_id, NULL,
    transfer_id, NULL, at, NULL, NULL FROM events WHERE action = 'transfer.accept' AND transfer_id = :accepted;
-- nobody_was_asked_to_decide
DELETE FROM outbox WHERE kind = 'needs_you';
-- emergency_not_logged_or_told: untold
DELETE FROM outbox WHERE kind = 'emergency';
-- emergency_not_logged_or_told: unlogged
DELETE FROM events WHERE action = 'record.emergency';
-- emergency_not_logged_or_told: none
DELETE FROM emergencies;
-- told_to_name_a_coordinator_otherwise: line
UPDATE outbox SET cause_id = (SELECT command_id FROM events WHERE action = 'member.activate' LIMIT 1)
    WHERE kind = 'name_coordinator';
-- told_to_name_a_coordinator_otherwise: nothing happened
UPDATE outbox SET cause_id = 'nothing' WHERE kind = 'name_coordinator';
-- told_to_name_a_coordinator_otherwise: untold
DELETE FROM outbox WHERE kind = 'name_coordinator';
-- client_not_told_once
UPDATE appointments SET sequence = 2 WHERE holding_id = :old AND client_id IS NOT NULL;
-- client_told_of_something_else
UPDATE outbox SET transfer_id = :refused WHERE client_id IS NOT NULL;
-- kind_and_recipient_do_not_match
UPDATE outbox SET kind = 'appointment_cancelled' WHERE kind = 'asked';

-- crosses_the_wall: item and author
UPDATE notes SET author_id = :stranger;
-- crosses_the_wall: item and holding
UPDATE notes SET holding_id = :foreign_holding WHERE holding_id = :new;
-- crosses_the_wall: holding and owner
UPDATE holdings SET owner_id = :stranger;
-- crosses_the_wall: holding and record
UPDATE holdings SET record_id = :foreign_record;
-- crosses_the_wall: record and client
UPDATE clients SET organization_id = :elsewhere;
-- crosses_the_wall: share and member
UPDATE shares SET member_id = :stranger;
-- crosses_the_wall: restriction
UPDATE restrictions SET member_id = :stranger;
-- crosses_the_wall: appointment
UPDATE appointments SET practitioner_id = :stranger;
-- crosses_the_wall: transfer and record
UPDATE transfers SET record_id = :foreign_record;
-- crosses_the_wall: transfer and parties
UPDATE transfers SET to_id = :stranger;
-- crosses_the_wall: transfer and texts
UPDATE texts SET organization_id = :elsewhere;
-- crosses_the_wall: text and author
UPDATE texts SET author_id = :stranger;
-- crosses_the_wall: notice
UPDATE outbox SET member_id = :stranger WHERE member_id IS NOT NULL;
-- crosses_the_wall: event and actor
UPDATE events SET actor_id = :stranger;
-- crosses_the_wall: allowed event and transfer
UPDATE events SET organization_id = :elsewhere, seq = seq + 1000 WHERE transfer_id = :accepted;

-- destroyed_and_still_readable
UPDATE holdings SET title = 'Suivi individuel' WHERE id = :destroyed;

-- destroyed_with_items
UPDATE notes SET holding_id = :destroyed WHERE item_id = :note AND holding_id = :new;

-- tombstone_does_not_count_what_went
UPDATE tombstones SET count = count + 1 WHERE holding_id = :destroyed;

-- grace_took_something_else
UPDATE tombstones SET count = count + 1 WHERE rule = 'grace';

-- content_without_an_item
UPDATE manifest SET sha256 = :sha256 WHERE sha256 IS NULL AND item_class = 'confidential_note';

-- digest_lost_without_destruction
UPDATE manifest SET sha256 = NULL WHERE transfer_id = :held;

-- destroyed_too_early
UPDATE tombstones SET at = (SELECT until_at FROM holdings WHERE id = holding_id);

-- restored_and_nobody_told
DELETE FROM outbox WHERE kind = 'restored';
-- share_widened_while_open
UPDATE shares SET level = 'full' WHERE id = :lowered;
-- marked_otherwise_than_held
UPDATE records SET legal_hold = 1 - legal_hold WHERE id = :record;
-- held_by_no_administrator
UPDATE events SET role = 'practitioner' WHERE action = 'record.hold';
-- adopted_from_nothing
UPDATE notes SET state = 'draft' WHERE state = 'set_aside';
-- approved_otherwise_than_signed
UPDATE notes SET approved_by_id = NULL WHERE approved_at IS NOT NULL;
-- client_not_told_of_a_cancelled_appointment
UPDATE outbox SET sequence = sequence + 1 WHERE transfer_id IS NULL;
-- accepted_without_seals: unsealed
DELETE FROM seals WHERE transfer_id = :accepted AND salt IS NOT NULL;
-- accepted_without_seals: receipt
UPDATE receipts SET event_hash = 'other' WHERE transfer_id = :accepted;
-- seals_do_not_hold: commitment
UPDATE seals SET salt = 'other' WHERE transfer_id = :accepted AND salt IS NOT NULL;
-- seals_do_not_hold: manifest
UPDATE receipts SET manifest_hash = 'other' WHERE transfer_id = :accepted;
-- signature_does_not_hold: signature
UPDATE receipts SET signature = (SELECT o.signature FROM receipts o WHERE o.transfer_id = :held)
    WHERE transfer_id = :accepted;
-- signature_does_not_hold: statement
UPDATE transfers SET purpose = 'departure' WHERE id = :accepted;
-- statement_names_somebody_else
UPDATE transfers SET asked_by_id = :stranger WHERE id = :accepted;

-- did_not_rejoin
DELETE FROM rejoined;

-- delivered_otherwise_than_told: without message
UPDATE outbox SET delivery_id = 'other' WHERE id = (SELECT min(id) FROM outbox WHERE sent_at IS NULL);
-- delivered_otherwise_than_told: sent unsent
UPDATE outbox SET sent_at = NULL WHERE sent_at IS NOT NULL;
-- delivered_otherwise_than_told: another reader
UPDATE deliveries SET member_id = :stranger WHERE member_id IS NOT NULL;
-- called_about_nothing
UPDATE calls SET by_id = :stranger;
-- caseload_is_not_whole
DELETE FROM bulk_items WHERE bulk_id = :bulk AND position = 0;
-- asked_otherwise_than_the_bulk_says
UPDATE transfers SET record_id = :foreign_record WHERE bulk_id = :bulk;
-- reassigned_otherwise_than_the_bulk_says
UPDATE bulk_items SET reassigned_at = '2020-01-01T00:00:00.000000Z' WHERE reassigned_at IS NOT NULL;
-- imposed_otherwise_than_the_bulk_says: no reason
UPDATE bulks SET reason_id = NULL;
-- imposed_otherwise_than_the_bulk_says: asked
UPDATE transfers SET imposed = 0 WHERE bulk_id = :imposing;
-- imposed_otherwise_than_the_bulk_says: not told to
UPDATE transfers SET imposed = 1 WHERE bulk_id = :bulk AND state = 'accepted';
-- blocked_and_asked
UPDATE bulk_items SET rule = 'ELIG-4' WHERE bulk_id = :bulk;
-- bulk_states_do_not_follow
UPDATE bulks SET state = 'running' WHERE id = :bulk;
-- finished_and_unsettled: open
UPDATE transfers SET state = 'pending_acceptance' WHERE bulk_id = :bulk AND state = 'accepted';
-- finished_and_unsettled: never asked
UPDATE bulk_items SET rule = NULL WHERE bulk_id = :bulk AND rule IS NOT NULL;
-- asked_while_not_running
DELETE FROM events WHERE action = 'bulk.resume';
-- asked_by_somebody_who_did_not_lead: asked
UPDATE events SET actor_id = :owner WHERE action = 'transfer.open'
    AND transfer_id IN (SELECT id FROM transfers WHERE bulk_id = :bulk);
-- asked_by_somebody_who_did_not_lead: leads
UPDATE bulks SET led_by_id = :owner WHERE id = :bulk;
-- end_not_told_once: untold
DELETE FROM outbox WHERE kind = 'bulk_finished' AND member_id = (SELECT from_id FROM bulks WHERE id = :bulk);
-- end_not_told_once: told too much
UPDATE outbox SET member_id = (SELECT from_id FROM bulks WHERE id = :bulk) WHERE kind = 'bulk_finished';
-- imported_and_lost
DELETE FROM profiles WHERE item_id IN (SELECT became_id FROM imported WHERE became = 'profile');
-- digest_outlived_what_was_imported
UPDATE imported SET sha256 = 'h' WHERE became = 'memo';
-- imported_digest_lost: source
UPDATE imported SET sha256 = NULL WHERE became = 'member' AND resource_type = 'Practitioner';
-- imported_digest_lost: invented
UPDATE imported SET sha256 = 'h' WHERE became = 'share';
-- opening_not_logged_or_told: unlogged
DELETE FROM events WHERE action = 'quarantine.open';
-- opening_not_logged_or_told: unclosed
DELETE FROM events WHERE action = 'quarantine.close';
-- opening_not_logged_or_told: untold
DELETE FROM outbox WHERE kind = 'quarantine_opened';
-- opening_not_logged_or_told: none
DELETE FROM openings;
-- opening_told_to_somebody_else
UPDATE outbox SET member_id = :stranger, recipient_id = :stranger WHERE kind = 'quarantine_opened';
-- opened_what_is_no_copy
UPDATE openings SET holding_id = :new;
-- read_without_an_opening
UPDATE events SET at = '2041-01-01T00:00:00.000000Z' WHERE action = 'record.show' AND subject_id IS NOT NULL;
-- open_for_the_unwanted
UPDATE restrictions SET member_id = :reader, set_at = '2001-01-01T00:00:00.000000Z', ended_at = NULL;
-- recovered_otherwise_than_left
UPDATE notes SET author_only = 0 WHERE holding_id = :recovered;
-- recovered_and_not_logged_or_told: unlogged
DELETE FROM events WHERE action = 'quarantine.recover';
-- recovered_and_not_logged_or_told: untold
DELETE FROM outbox WHERE kind = 'quarantine_recovered';
-- recovered_and_not_logged_or_told: somebody else
UPDATE outbox SET member_id = :stranger, recipient_id = :stranger WHERE kind = 'quarantine_recovered';
-- roles_differ_from_the_log: not taken
INSERT INTO member_roles VALUES (:promoted, 'practitioner');
-- roles_differ_from_the_log: not given
DELETE FROM member_roles WHERE member_id = :promoted AND role = 'administrator';
-- roles_differ_from_the_log: came with another
INSERT INTO member_roles VALUES (:named, 'administrator');
-- role_changed_by_somebody_else
UPDATE events SET role = 'coordinator' WHERE action = 'member.grant';
-- acted_in_a_role_not_held
UPDATE events SET actor_id = :promoted WHERE action = 'member.deactivate';
-- nobody_administered
UPDATE members SET active = 0;
-- member_without_a_role
UPDATE events SET subject_id = :stranger WHERE action = 'member.revoke' AND counts LIKE '%practitioner%';
-- role_changed_and_not_told: untold
DELETE FROM outbox WHERE kind = 'role_granted';
-- role_changed_and_not_told: nothing happened
UPDATE outbox SET cause_id = 'nothing' WHERE kind = 'role_granted';

-- held_otherwise_than_cancelled: not cancelled
UPDATE held_cancellations SET client_id = :stranger WHERE state = 'undecided';
-- held_otherwise_than_cancelled: undecided
UPDATE held_cancellations SET decided_by_id = :stranger WHERE state = 'released';
-- held_otherwise_than_cancelled: moved
UPDATE appointments SET starts_at = ends_at WHERE item_id IN (SELECT moved_to_id FROM held_cancellations);
-- told_of_no_decision_about_an_appointment
UPDATE outbox SET cause_id = 'nothing' WHERE kind = 'appointment_offered';
-- practitioner_announced_otherwise: another
UPDATE outbox SET subject_id = :stranger WHERE kind = 'practitioner_announced';
-- practitioner_announced_otherwise: twice
INSERT INTO outbox SELECT 99998, organization_id, kind, 'again', transfer_id, recipient_id, NULL, client_id,
    subject_id, NULL, created_at, NULL, NULL FROM outbox WHERE kind = 'practitioner_announced' LIMIT 1;

-- answer_without_its_line
UPDATE bulk_answers SET member_id = :owner;
-- answer_ended_and_undecided
UPDATE bulk_answer_denials SET transfer_id = :refused;
-- accepted_without_practising
UPDATE member_roles SET role = 'administrator' WHERE role = 'practitioner';
-- stopped_practising_unnoticed
UPDATE transfers SET state = 'pending_acceptance' WHERE to_id = :promoted;

-- signed_in_without_access
INSERT INTO sessions SELECT printf('%064d', 1), id, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z',
    '2026-01-02T00:00:00.000000Z' FROM members LIMIT 1;
