"""Schedulers: what runs the jobs.  `base` has the interface, `get` gives the one that a name stands for."""
