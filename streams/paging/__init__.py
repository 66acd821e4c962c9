"""Taking pages: who is paged for the overload of a unit, the signed links in the texts, and
Alertmanager's silences, which record who has taken which page.
"""
