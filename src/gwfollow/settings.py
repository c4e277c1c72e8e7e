"""Every setting that gwfollow reads, and the only module that reads the environment for them.

No setting holds a secret: passwords and tokens live in Airflow connections, or in files that the settings name.
"""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass, field, fields
from pathlib import Path

from gwfollow.errors import InputError


def _setting(name: str, default: str, doc: str) -> str:
    value: str = field(default=default, metadata={"env": name, "doc": doc})
    return value


@dataclass(frozen=True)
class Settings:
    """One value for each environment variable; ``Settings.read()`` gives the present ones."""

    home: str = _setting(
        "GWFOLLOW_HOME", "~/gwfollow", "Folder that holds the ledger (SQLite) and the working folders of all events."
    )
    ledger: str = _setting(
        "GWFOLLOW_LEDGER",
        "",
        "SQLAlchemy URL of the ledger; it outranks Airflow's connection gwfollow_ledger.  Empty means that connection, without one SQLite "
        "in the home folder.",
    )
    ledger_password_file: str = _setting(
        "GWFOLLOW_LEDGER_PASSWORD_FILE",
        "",
        "File with the ledger's database password, so that it stands in no URL and no environment.",
    )
    configs: str = _setting(
        "GWFOLLOW_CONFIGS", "", "Folder with templates and defaults; empty means the include/configs that came with gwfollow."
    )
    scheduler: str = _setting("GWFOLLOW_SCHEDULER", "htcondor", "Where jobs go when an analysis does not say: htcondor or local.")
    schedd: str = _setting("GWFOLLOW_SCHEDD", "", "Name of the HTCondor schedd; empty means the one of this machine.")
    collector: str = _setting("GWFOLLOW_COLLECTOR", "", "Address of the HTCondor collector; empty means the configured one.")
    poll_seconds: str = _setting(
        "GWFOLLOW_POLL_SECONDS", "60", "Seconds between two queries of a scheduler; a personal pool can bear 1."
    )
    settle_seconds: str = _setting(
        "GWFOLLOW_SETTLE_SECONDS",
        "15",
        "Seconds that a wait stays deferred at least (Airflow's LocalExecutor can fail a shorter one).",
    )
    airflow_url: str = _setting(
        "GWFOLLOW_AIRFLOW_URL", "", "Address of Airflow's API server; empty means that runs are started by upkeep only."
    )
    airflow_login_file: str = _setting(
        "GWFOLLOW_AIRFLOW_LOGIN_FILE",
        "",
        'File {"username": ..., "password": ...} with which the command line asks Airflow for runs.',
    )
    gracedb_url: str = _setting(
        "GWFOLLOW_GRACEDB_URL", "", "Address of GraceDB's API (https://.../api/); empty means that nothing is written there."
    )
    gracedb_auth: str = _setting(
        "GWFOLLOW_GRACEDB_AUTH", "auto", "How to log in to GraceDB: auto (SciToken, then X.509) or anonymous."
    )
    gracedb_ca: str = _setting("GWFOLLOW_GRACEDB_CA", "", "CA bundle for GraceDB's certificate; empty means the system's.")
    data: str = _setting(
        "GWFOLLOW_DATA",
        "",
        "Folder of the event folders (current_run, past_runs), the alert archive and logs; empty means data in the home folder.",
    )
    observing_run: str = _setting(
        "GWFOLLOW_OBSERVING_RUN", "", "Name below past_runs for events that are archived (O4); empty means the run of their date."
    )
    alert_policy: str = _setting(
        "GWFOLLOW_ALERT_POLICY", "", "File with the alert policy; empty means alert_policy.yaml among the templates and defaults."
    )
    igwn_alert_server: str = _setting(
        "GWFOLLOW_IGWN_ALERT_SERVER",
        "",
        "Kafka server HOST:PORT of the LVK's internal alerts (kafka.scimma.org:9092); empty means that nobody listens to them.",
    )
    igwn_alert_group: str = _setting(
        "GWFOLLOW_IGWN_ALERT_GROUP", "gracedb", "Which GraceDB's internal alerts: gracedb, gracedb-playground or gracedb-test."
    )
    igwn_alert_topics: str = _setting(
        "GWFOLLOW_IGWN_ALERT_TOPICS", "superevent", "Topics of the internal alerts, without the group, separated by commas."
    )
    gcn_server: str = _setting(
        "GWFOLLOW_GCN_SERVER",
        "",
        "Kafka server of the public notices (kafka.gcn.nasa.gov); empty means that nobody listens to them.",
    )
    gcn_topics: str = _setting("GWFOLLOW_GCN_TOPICS", "igwn.gwalert", "Topics of the public notices, separated by commas.")
    listener_group: str = _setting(
        "GWFOLLOW_LISTENER_GROUP", "gwfollow", "Kafka consumer group of this site: its listeners share the messages among them."
    )
    kafka_login_file: str = _setting(
        "GWFOLLOW_KAFKA_LOGIN_FILE",
        "",
        'File {"igwn-alert": {"username", "password"}, "gcn": {"client_id", "client_secret"}} for `gwfollow listen` without Airflow.',
    )
    reconcile_seconds: str = _setting(
        "GWFOLLOW_RECONCILE_SECONDS", "300", "Seconds between two questions to GraceDB for superevents that no alert told us of."
    )

    results: str = _setting(
        "GWFOLLOW_RESULTS",
        "",
        "Folder of the results store, which keeps each content once; empty means results in the home folder.",
    )
    blueprint_hosts: str = _setting(
        "GWFOLLOW_BLUEPRINT_HOSTS",
        "git.ligo.org,raw.githubusercontent.com,gitlab.com,zenodo.org",
        "Hosts that `gwfollow apply` may fetch blueprints from, separated by commas (HOST or HOST:PORT).",
    )
    asimov_python: str = _setting(
        "GWFOLLOW_ASIMOV_PYTHON",
        "",
        "Python of the environment that has asimov's plugins; empty means gwfollow's own, where they are installed in that.",
    )
    repositories: str = _setting(
        "GWFOLLOW_REPOSITORIES",
        "",
        "Where the git repositories of events that name none are made on demand: a folder, or a URL such as "
        "git@git.ligo.org:pe/O4/{event}.git; empty means that such events have none.",
    )

    @classmethod
    def read(cls, environ: dict[str, str] | None = None) -> Settings:
        """The settings of the present environment; an empty variable counts as unset."""
        env = os.environ if environ is None else environ
        return cls(**{f.name: env[f.metadata["env"]] for f in fields(cls) if env.get(f.metadata["env"])})

    @property
    def home_folder(self) -> Path:
        return Path(self.home).expanduser().absolute()

    @property
    def ledger_url(self) -> str:
        return self.ledger or f"sqlite:///{self.home_folder / 'ledger.db'}"

    @property
    def configs_folder(self) -> Path:
        """``include/configs`` of the checkout, or its installed copy.  Raises `InputError` where there is none."""
        if self.configs:
            return Path(self.configs).expanduser().absolute()
        checkout = Path(__file__).parents[2] / "include" / "configs"
        if checkout.is_dir():
            return checkout
        installed = Path(sysconfig.get_path("data")) / "share" / "gwfollow" / "configs"
        if installed.is_dir():
            return installed
        raise InputError("GWFOLLOW_CONFIGS", "", "a folder with gwfollow's templates")

    @property
    def results_folder(self) -> Path:
        return Path(self.results).expanduser().absolute() if self.results else self.home_folder / "results"

    @property
    def data_folder(self) -> Path:
        return Path(self.data).expanduser().absolute() if self.data else self.home_folder / "data"

    @property
    def policy_file(self) -> Path:
        """Raises `InputError` where there is no folder of templates."""
        return Path(self.alert_policy).expanduser().absolute() if self.alert_policy else self.configs_folder / "alert_policy.yaml"

    @property
    def reconcile_period(self) -> float:
        return _seconds("GWFOLLOW_RECONCILE_SECONDS", self.reconcile_seconds)

    @property
    def poll_period(self) -> float:
        return _seconds("GWFOLLOW_POLL_SECONDS", self.poll_seconds)

    @property
    def settle_period(self) -> float:
        return _seconds("GWFOLLOW_SETTLE_SECONDS", self.settle_seconds)


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86400:
        raise InputError(name, text, "a number of seconds from 0 to 86400")
    return value
