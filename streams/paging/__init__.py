"""Pages that somebody takes: whom the overload of a unit calls, the signed links in the texts, and
Alertmanager's silences, which say who has which page.
"""
