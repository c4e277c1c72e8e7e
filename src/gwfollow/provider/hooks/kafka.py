"""Logins at the Kafka servers of alerts as connections; which servers and topics is said by the settings."""

from __future__ import annotations

from gwfollow.alerts.sources import GCN, IGWN_ALERT, Login, Source, with_logins
from gwfollow.errors import InputError
from gwfollow.provider.hooks.base import Hook
from gwfollow.settings import Settings

#: seconds that a server may take to answer the button Test
TEST_SECONDS = 10.0


class KafkaHook(Hook):
    """A login at one Kafka server."""

    source_name: str

    def login(self) -> Login | None:
        """None where nobody defined the connection."""
        connection = self.connection()
        if connection is None:
            return None
        if not connection.login or not connection.password:
            raise InputError(f"connection {self.conn_id}", "(not shown)", "both fields filled in")
        return Login(connection.login, connection.password)

    def test_connection(self) -> tuple[bool, str]:
        from confluent_kafka import Consumer

        def ask() -> str:
            source = next((one for one in sources(Settings.read(), {self.source_name: self})), None)
            if source is None:
                raise InputError(f"no server of {self.source_name} in the settings (see 'gwfollow settings')")
            consumer = Consumer(source.config())
            try:
                known = consumer.list_topics(timeout=TEST_SECONDS).topics
            finally:
                consumer.close()
            missing = [topic for topic in source.topics if topic not in known]
            return f"{source.server} answers" + (f"; it does not show us {', '.join(missing)}" if missing else "")

        connection = self.connection()
        return self._try(ask, connection.password if connection else None)


class IGWNAlertHook(KafkaHook):
    """The LVK's internal alerts.

    :param igwn_alert_conn_id: connection of the type ``igwn_alert``; where it is not defined GWFOLLOW_KAFKA_LOGIN_FILE has the login
    """

    source_name = IGWN_ALERT
    conn_name_attr = "igwn_alert_conn_id"
    default_conn_name = "igwn_alert_default"
    conn_type = "igwn_alert"
    hook_name = "igwn-alert (SCiMMA)"

    def __init__(self, igwn_alert_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = self.igwn_alert_conn_id = igwn_alert_conn_id


class GCNHook(KafkaHook):
    """The public notices.

    :param gcn_conn_id: connection of the type ``gcn``; where it is not defined GWFOLLOW_KAFKA_LOGIN_FILE has the login
    """

    source_name = GCN
    conn_name_attr = "gcn_conn_id"
    default_conn_name = "gcn_default"
    conn_type = "gcn"
    hook_name = "GCN notices (NASA)"

    def __init__(self, gcn_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = self.gcn_conn_id = gcn_conn_id


def sources(settings: Settings, hooks: dict[str, KafkaHook]) -> list[Source]:
    """What the settings ask to listen to, of those that have a hook; a login of the connection wins over that of the file."""
    logins = {name: login for name, hook in hooks.items() if (login := hook.login()) is not None}
    return [source for source in with_logins(settings, logins) if source.name in hooks]


__all__ = ["GCNHook", "IGWNAlertHook", "KafkaHook", "sources"]
