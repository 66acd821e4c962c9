"""Incidents: reads facts from files or an archive for `analyzer.incident`, and writes its answer as
JSON, text and a page.
"""

from streams.incidents.document import as_json
from streams.incidents.taken import TakenFacts

__all__ = ["TakenFacts", "as_json"]
