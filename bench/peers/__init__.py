"""Peers: separate programs that read the topics as their documentation suggests, and print one JSON
line with the result.
"""
