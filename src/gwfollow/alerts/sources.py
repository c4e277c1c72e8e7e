"""What is listened to: the Kafka servers that the settings name, their topics, and how to log in there.

One source is one connection, however many topics it has.  A login is asked for apart from the rest: everybody may know what is
listened to (the health check does), only a listener needs the password.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gwfollow.alerts.inbox import LARGEST
from gwfollow.errors import InputError
from gwfollow.settings import Settings

IGWN_ALERT, GCN = "igwn-alert", "gcn"
#: what the login file calls the name and the secret of each source
LOGIN_KEYS = {IGWN_ALERT: ("username", "password"), GCN: ("client_id", "client_secret")}
#: a server of which no login is asked: of this machine, or said to be so
_PLAIN = "plaintext://"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Login:
    """Name and secret: SCiMMA's user and password, GCN's client id and secret."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Source:
    """One connection to a Kafka server."""

    name: str  # igwn-alert or gcn
    server: str  # HOST:PORT; plaintext://HOST:PORT for one that asks for no login
    topics: tuple[str, ...]
    group: str  # consumer group
    login: Login | None = None

    def config(self) -> dict[str, Any]:
        """The configuration of its consumer.  Raises `InputError` where a login is missing."""
        server = self.server.removeprefix(_PLAIN)
        own = {
            "group.id": self.group,
            # a group without a commit begins with what the broker still has, not with what comes next
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 2 * LARGEST,
            "fetch.max.bytes": 2 * LARGEST,
            # whatever the broker holds has to pass: a message that does not would be asked for for ever
            "receive.message.max.bytes": 1_000_000_000,
            # memory: what waits in the client, for each partition
            "queued.max.messages.kbytes": 2 * LARGEST // 1000,
            # a listener that was killed keeps its partitions for this long
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 2000,
            # a topic that comes later is found within this time
            "topic.metadata.refresh.interval.ms": 5000,
            "reconnect.backoff.max.ms": 5000,
        }
        if self.plain and self.login is None:
            return {**own, "bootstrap.servers": server}
        if self.login is None:
            raise InputError(
                f"{self.name}: login for {server}",
                "",
                f"one in the Airflow connection or in the file that GWFOLLOW_KAFKA_LOGIN_FILE names ({_PLAIN}{server} asks for none)",
            )
        return {**own, **(_gcn(server, self.login) if self.name == GCN else _scimma(server, self.login))}

    @property
    def plain(self) -> bool:
        """Whether it may be spoken to without a login."""
        return self.server.startswith(_PLAIN) or self.server.rpartition(":")[0] in _LOOPBACK

    def with_login(self, login: Login | None) -> Source:
        """The same with a login; SCiMMA lets a user read only in consumer groups that begin with the user's name."""
        if login is None:
            return self
        group = f"{login.name}-{self.group}" if self.name == IGWN_ALERT else self.group
        return replace(self, login=login, group=group)


def expected(settings: Settings) -> list[Source]:
    """What the settings ask to listen to, without logins.  Raises `InputError` for a server without topics."""
    found = []
    if settings.igwn_alert_server:
        topics = _topics("GWFOLLOW_IGWN_ALERT_TOPICS", settings.igwn_alert_topics)
        names = tuple(f"{settings.igwn_alert_group}.{topic}" for topic in topics)
        found.append(Source(IGWN_ALERT, settings.igwn_alert_server, names, settings.listener_group))
    if settings.gcn_server:
        topics = _topics("GWFOLLOW_GCN_TOPICS", settings.gcn_topics)
        found.append(Source(GCN, settings.gcn_server, topics, settings.listener_group))
    return found


def with_logins(settings: Settings, logins: Mapping[str, Login] | None = None) -> list[Source]:
    """`expected` with logins, by source: those given (from connections), else those of the file that the settings name.

    Raises `InputError` for a file that others can read.
    """
    path = settings.kafka_login_file
    logins = {**(read_logins(Path(path).expanduser()) if path else {}), **(logins or {})}
    return [source.with_login(logins.get(source.name)) for source in expected(settings)]


def read_logins(path: Path) -> dict[str, Login]:
    """The logins in a file that only its owner can read; see the setting ``GWFOLLOW_KAFKA_LOGIN_FILE``."""
    place = f"GWFOLLOW_KAFKA_LOGIN_FILE {path}"
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InputError(place, f"mode {stat.S_IMODE(path.stat().st_mode):o}", "mode 600: nobody else may read a password")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{place} cannot be read ({error.strerror})") from None
    except ValueError:  # its text may hold the password
        raise InputError(f"{place} is not JSON") from None
    if not isinstance(document, dict):
        raise InputError(place, type(document).__name__, "an object with igwn-alert, gcn or both")
    return {name: _login(f"{place}, {name}", document[name], keys) for name, keys in LOGIN_KEYS.items() if name in document}


def _login(place: str, found: object, keys: tuple[str, str]) -> Login:
    values = [found.get(key) for key in keys] if isinstance(found, Mapping) else []
    if not values or not all(isinstance(value, str) and value for value in values):
        raise InputError(place, "(not shown)", f'{{"{keys[0]}": TEXT, "{keys[1]}": TEXT}}')
    return Login(str(values[0]), str(values[1]))


def _topics(name: str, text: str) -> tuple[str, ...]:
    topics = tuple(dict.fromkeys(topic.strip() for topic in text.split(",") if topic.strip()))
    if not topics:
        raise InputError(name, text, "at least one topic")
    return topics


def _scimma(server: str, login: Login) -> dict[str, Any]:
    """The LVK's server, as hop-client logs in there."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return {
        "bootstrap.servers": server,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": login.name,
        "sasl.password": login.secret,
        "ssl.ca.location": DEFAULT_CA_BUNDLE_PATH,
    }


def _gcn(server: str, login: Login) -> dict[str, Any]:
    """NASA's server, by the configuration that its own client makes."""
    from gcn_kafka.core import get_config

    domain = server.partition(":")[0].removeprefix("kafka.")
    config: dict[str, Any] = get_config(  # type: ignore[no-untyped-call]
        "consumer", {"group.id": "-"}, client_id=login.name, client_secret=login.secret, domain=domain
    )
    return {key: value for key, value in config.items() if key != "group.id"} | {"bootstrap.servers": server}


__all__ = ["GCN", "IGWN_ALERT", "LOGIN_KEYS", "Login", "Source", "expected", "read_logins", "with_logins"]
