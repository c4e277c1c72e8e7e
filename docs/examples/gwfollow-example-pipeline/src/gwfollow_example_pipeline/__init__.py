"""A pipeline for gwfollow, to copy."""
