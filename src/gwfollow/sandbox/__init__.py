"""What stands in for the far side in the demonstration and the tests: a personal HTCondor, a local GraceDB."""
