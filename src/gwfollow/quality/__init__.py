"""State vectors and iDQ: whether the detectors said that their data are good."""
