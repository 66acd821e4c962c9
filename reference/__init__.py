"""Reference pages as code: `python -m reference` writes what `docs/reference` holds. For
development; no part of what is installed.
"""
