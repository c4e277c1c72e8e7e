"""See `gwfollow.checksums`."""

from gwfollow.checksums import sha256_of

__all__ = ["sha256_of"]
