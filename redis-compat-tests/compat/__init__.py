"""Shared parts of the compatibility suites: raw RESP, servers under test, results.

Python 3.11, standard library only, so that the suites start anywhere.
"""
