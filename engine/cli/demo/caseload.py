"""Did the whole caseload go where its plan said, once, by the recipients' own gestures? In SQL, by hand."""

from typing import Final

#: What is counted, then the questions whose answers are what is wrong.
CASELOAD: Final = (
    "SELECT count(*) FROM bulk_items",
    # What no rule stopped is in the hands of the one whom the plan named, by the transfer of the bulk.
    """SELECT r.number FROM bulk_items AS i JOIN records AS r ON r.id = i.record_id
         LEFT JOIN transfers AS t ON t.id = i.transfer_id
         LEFT JOIN holdings AS h ON h.record_id = i.record_id AND h.state = 'live'
        WHERE i.rule IS NULL AND (t.state IS NOT 'accepted' OR t.bulk_id IS NOT i.bulk_id
           OR t.to_id IS NOT i.to_id OR h.owner_id IS NOT i.to_id)""",
    # What a rule stopped was not asked for, and stays.
    """SELECT r.number FROM bulk_items AS i JOIN records AS r ON r.id = i.record_id
         JOIN bulks AS b ON b.id = i.bulk_id
         LEFT JOIN holdings AS h ON h.record_id = i.record_id AND h.state = 'live'
        WHERE i.rule IS NOT NULL AND (h.owner_id IS NOT b.from_id OR EXISTS (
          SELECT 1 FROM transfers AS t WHERE t.bulk_id = i.bulk_id AND t.record_id = i.record_id))""",
    # The power cut made nothing be asked twice.
    """SELECT r.number FROM transfers AS t JOIN records AS r ON r.id = t.record_id
        WHERE t.bulk_id IS NOT NULL GROUP BY t.bulk_id, t.record_id HAVING count(*) <> 1""",
    # Nothing was left over, and nothing came in from elsewhere.
    """SELECT b.id FROM bulks AS b WHERE b.state <> 'finished' OR b.ended_at IS NULL
           OR b.records <> (SELECT count(*) FROM bulk_items AS i WHERE i.bulk_id = b.id)""",
    # One gesture a recipient, and one line of the log for it.
    """SELECT t.to_id FROM transfers AS t WHERE t.bulk_id IS NOT NULL GROUP BY t.bulk_id, t.to_id
        HAVING 1 <> (SELECT count(*) FROM bulk_answers AS a
                       JOIN events AS e ON e.command_id = a.id AND e.action = 'bulk.answer'
                      WHERE a.bulk_id = t.bulk_id AND a.member_id = t.to_id AND a.answer = 'accept'
                        AND a.scope = 'all' AND e.actor_id = t.to_id AND e.outcome = 'allowed')""",
)
