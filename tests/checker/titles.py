"""Professional titles, compared as the domain compares them, and when the organization's choices changed."""

import sqlite3
import unicodedata


def folded(title: str) -> str:
    """Give a title without regard to upper and lower case, to spaces, and to how accents are encoded."""
    return unicodedata.normalize("NFKC", " ".join(title.casefold().split()))


def allows_raw_data(db: sqlite3.Connection, organization_id: str, member_id: str) -> bool:
    """Say whether a member's title is on the organization's raw-data list (ELIG-5)."""
    (title,) = db.execute("SELECT title FROM members WHERE id = ?", (member_id,)).fetchone()
    listed = db.execute("SELECT title FROM raw_data_titles WHERE organization_id = ?", (organization_id,))
    return folded(title) in {folded(found) for (found,) in listed}


def policy_changed_since(db: sqlite3.Connection, organization_id: str, at: str) -> bool:
    """Say whether the organization's choices may have been others at an instant."""
    changed = "SELECT 1 FROM events WHERE organization_id = ? AND action = 'organization.policy' AND at >= ?"
    return db.execute(changed, (organization_id, at)).fetchone() is not None


def title_changed_since(db: sqlite3.Connection, member_id: str, at: str) -> bool:
    """Say whether a member's title may have been another one at an instant."""
    changed = "SELECT 1 FROM events WHERE subject_id = ? AND action = 'member.title' AND at >= ?"
    return db.execute(changed, (member_id, at)).fetchone() is not None


def raw_data_choices_changed_since(
    db: sqlite3.Connection, organization_id: str, member_id: str, at: str
) -> bool:
    """Say whether the title or the list that decide about raw data may have been others at an instant."""
    return policy_changed_since(db, organization_id, at) or title_changed_since(db, member_id, at)
