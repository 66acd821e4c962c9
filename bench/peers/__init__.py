"""The peers, each a program of its own: it reads the topics as its documentation suggests, and
prints one JSON line of what it did.
"""
