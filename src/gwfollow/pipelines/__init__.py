"""Pipelines: the science code behind an analysis.  `base` has the interface, `registry` finds the installed ones."""
