"""Omega scans: which channels of a detector were disturbed at the time of an event.

model       what a scan is asked and what it answers, as JSON with a published schema
"""
