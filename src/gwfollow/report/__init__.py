"""The report: a static site about all events, and the same as JSON."""
