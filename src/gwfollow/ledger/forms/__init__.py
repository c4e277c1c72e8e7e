"""The forms of blueprints that stand for several documents, or for one that is somewhere else."""
