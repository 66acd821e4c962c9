"""Documents: the JSON answers under /api/v1, each a struct whose fields say what they mean.

`python -m reference` writes `streams/http/site/openapi.json` from them. Fields are sent in the
order in which they are declared.
"""
