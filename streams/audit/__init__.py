"""Audit: who read what about whom, in a chain in which a change, a gap or a cut shows."""

from streams.audit.chain import Break, Entries, verified
from streams.audit.recorder import Counts, Recorder, recorder_of
from streams.audit.trail import AuditError, Trail, audit_key, settings_fingerprint

__all__ = [
    "AuditError",
    "Break",
    "Counts",
    "Entries",
    "Recorder",
    "Trail",
    "audit_key",
    "recorder_of",
    "settings_fingerprint",
    "verified",
]
