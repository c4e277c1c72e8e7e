"""Credentials for GraceDB where IGWN's tools keep them, found anew as they are renewed.

The client of ligo-gracedb takes a certificate when it is made and, asked to reload, fails where there is no token; without a valid
credential it goes on as nobody, and what is not public seems not to exist.  Here every request has the credential of the moment, and
none at all means silence, not "no such event".
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

from igwn_auth_utils import IgwnAuthError, find_scitoken, find_x509_credentials, scitoken_authorization_header
from igwn_auth_utils.scitokens import target_audience

from gwfollow.errors import InputError, RemoteSilent

AUTHS = ("auto", "anonymous")
#: what a token must allow
SCOPE = "gracedb.read"
#: seconds that a credential must still be good for
TIME_LEFT = 60
#: seconds after which files are looked at again (a 401 does so at once)
KEPT_SECONDS = 30.0


@dataclass(frozen=True)
class Login:
    """What goes with a request: the header Authorization, or files with certificate and key, or neither."""

    header: str | None = None
    certificate: str | tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"Login({'token' if self.header else 'certificate' if self.certificate else 'nobody'})"

    def __call__(self, request: Any) -> Any:
        """As `requests` asks its auth.  With none at all it would look into ~/.netrc."""
        if self.header:
            request.headers["Authorization"] = self.header
        return request


class Credentials:
    """
    Parameters
    ----------
    url : GraceDB's API, whose host must be the token's audience
    auth : "auto" finds a SciToken, then an X.509 certificate; "anonymous" sends nothing
    token : a SciToken from a connection, instead of looking for one
    """

    def __init__(self, url: str, *, auth: str = "auto", token: str = "") -> None:
        if auth not in AUTHS:
            raise InputError("GraceDB auth", auth, " or ".join(AUTHS))
        self.url = url
        self._fixed: Login | None = None
        if auth == "anonymous":
            self._fixed = Login()
        elif token:
            self._fixed = Login(header=f"Bearer {token}")
        self._found, self._until = Login(), 0.0

    @property
    def anonymous(self) -> bool:
        return self._fixed == Login()

    def login(self) -> Login:
        """The credential of the moment.  Raises `RemoteSilent` where there is none that is valid."""
        if self._fixed is not None:
            return self._fixed
        if time.time() >= self._until:
            self._found, self._until = self._find()
        return self._found

    def refused(self) -> bool:
        """The server did not accept the last one: whether there is another by now."""
        before, self._until = self._found, 0.0
        try:
            return self._fixed is None and self.login() != before
        except RemoteSilent:
            return False

    def _find(self) -> tuple[Login, float]:
        """A login and until when it is kept (Unix time, s)."""
        again = time.time() + KEPT_SECONDS
        reasons = []
        try:
            token = find_scitoken(target_audience(self.url, include_any=False), SCOPE, timeleft=TIME_LEFT)
            return Login(header=scitoken_authorization_header(token)), min(again, float(token["exp"]) - TIME_LEFT)
        except (IgwnAuthError, OSError) as error:  # OSError: a file that a variable names, or the issuer's key, is not there
            reasons.append(f"no SciToken ({error})")
        try:
            with warnings.catch_warnings():
                # IGWN retires X.509; until a site has done so its robots have nothing else
                warnings.simplefilter("ignore")
                return Login(certificate=find_x509_credentials(timeleft=TIME_LEFT)), again
        except (IgwnAuthError, OSError) as error:
            reasons.append(f"no X.509 certificate ({error})")
        raise RemoteSilent(
            f"no valid credentials for {self.url}: {'; '.join(reasons)}. Renew them; or, to read what is public, set GWFOLLOW_GRACEDB_AUTH "
            "(or Login in the connection) to anonymous"
        )


__all__ = ["AUTHS", "Credentials", "Login"]
