"""Does every hand-over have a receipt that its organization's key signed? Once more by hand (AUD-4)."""

import hashlib
import json
import sqlite3

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_SIGNED = """
SELECT t.id, r.statement, r.signature, k.public_key, r.manifest_hash, e.hash
  FROM transfers AS t
  LEFT JOIN receipts AS r ON r.transfer_id = t.id
  LEFT JOIN organization_keys AS k ON k.organization_id = t.organization_id
  LEFT JOIN events AS e ON e.transfer_id = t.id AND e.outcome = 'allowed'
            AND e.action IN ('transfer.accept', 'transfer.impose')
 WHERE t.state = 'accepted'
"""


def unproven(connection: sqlite3.Connection) -> tuple[int, list[str]]:
    """Count the hand-overs, and name those whose receipt does not hold or says something else."""
    rows = connection.execute(_SIGNED).fetchall()
    return len(rows), [transfer_id for transfer_id, *row in rows if not _holds(transfer_id, *row)]


def _holds(
    transfer_id: str, statement: str | None, signature: str, key: str | None, manifest: str, line: str
) -> bool:
    if statement is None or key is None:
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature), statement.encode())
        said = json.loads(statement)
    except (InvalidSignature, ValueError):
        return False
    found = (said["transfer"], said["manifest"]["hash"], said["chain"]["hash"], said["key"])
    return bool(found == (transfer_id, manifest, line, hashlib.sha256(bytes.fromhex(key)).hexdigest()))
