"""Experiments that settle, in a real project, what no documentation says: ``python -m tests.live``.

docs/live.md lists the questions. An experiment is a procedure over a registry, Google's APIs and
the audit log; tests/contract/test_live_procedures.py runs those that the stand-ins implement.
"""
