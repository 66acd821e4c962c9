"""Findings: which alarm types to fix first, why, and how.

It knows the patterns, their evidence and their remedies. It refuses to know overload, and what
another setting would have done.
"""

from analyzer.findings.evidence import Evidence
from analyzer.findings.findings import (
    PATTERNS,
    REMEDIES,
    Finding,
    Owner,
    Pattern,
    Remedy,
    UnitFindings,
    Verdict,
)

__all__ = [
    "PATTERNS",
    "REMEDIES",
    "Evidence",
    "Finding",
    "Owner",
    "Pattern",
    "Remedy",
    "UnitFindings",
    "Verdict",
]
