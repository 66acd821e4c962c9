"""Dashboards as code: `python -m grafana` writes `grafana/dashboards`. For development; not part of
the installed package.
"""
