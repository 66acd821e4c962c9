"""Dashboards as code: `python -m grafana` writes what `grafana/dashboards` holds. For development;
no part of what is installed.
"""
