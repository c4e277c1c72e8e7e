"""A CA of our own, the server's certificate and the users' credentials, all in one folder that only its owner can read."""

from __future__ import annotations

import ipaddress
import os
import secrets
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
#: of the tokens; nobody serves its keys, who wants to check a token is given `Credentials.issuer_key`
ISSUER = "https://localhost/gwfollow"


class Credentials:
    """``ca.pem``, ``server.pem``, ``user.pem`` (key and certificate in one file, as X509_USER_PROXY wants), ``token.pem`` (the key
    that signs tokens).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca, self._ca_key = folder / "ca.pem", folder / "ca.key"
        self.server, self.user, self._token_key = folder / "server.pem", folder / "user.pem", folder / "token.pem"

    def make(self, user: str = "gwfollow") -> None:
        """Make what is not there yet."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._ca_key.exists():
            self._make_ca()
        if not self.server.exists():
            _write(self.server, self._certificate("localhost", server=True))
        if not self.user.exists():
            self.certificate(user, self.user)
        if not self._token_key.exists():
            _write(self._token_key, _pem(ec.generate_private_key(ec.SECP256R1())))

    def certificate(self, user: str, file: Path) -> None:
        """Write key and certificate of a person."""
        _write(file, self._certificate(user, server=False))

    def token(self, user: str, seconds: float = 86400.0) -> str:
        """A SciToken by which this server knows `user` for so long."""
        now = datetime.now(UTC)
        claims = {
            "sub": user,
            "iss": ISSUER,
            "aud": "https://localhost",
            "scope": "gracedb.read",
            "ver": "scitoken:2.0",
            "jti": secrets.token_hex(8),
            "iat": now,
            "nbf": now - timedelta(minutes=5),
            "exp": now + timedelta(seconds=seconds),
        }
        return jwt.encode(claims, self._token_key.read_text(), algorithm="ES256", headers={"kid": "local"})

    def token_user(self, token: str) -> str | None:
        """Whose token it is; None when it is none of ours or its time is over."""
        try:
            return str(
                jwt.decode(token, self.issuer_key, algorithms=["ES256"], audience="https://localhost", issuer=ISSUER)["sub"]
            )
        except (jwt.InvalidTokenError, KeyError):
            return None

    @cached_property
    def issuer_key(self) -> ec.EllipticCurvePublicKey:
        """By which others can check our tokens."""
        key = serialization.load_pem_private_key(self._token_key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key.public_key()

    def _make_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("gwfollow local GraceDB CA")
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write(self._ca_key, _pem(key))
        _write(self.ca, certificate.public_bytes(serialization.Encoding.PEM))

    def _certificate(self, name: str, *, server: bool) -> bytes:
        ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
        ca_key = serialization.load_pem_private_key(self._ca_key.read_bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            _builder(_name(name), ca.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        )
        if server:
            hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return _pem(key) + builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(file: Path, contents: bytes) -> None:
    """Whole or not at all, and never readable by others in between."""
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(contents)
    part.replace(file)
