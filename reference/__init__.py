"""Reference pages as code: `python -m reference` writes `docs/reference`. For development; not part
of the installed package.
"""
