"""A real PostgreSQL server in a temporary folder, from Debian's binaries."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

USER = "gwfollow"
HINT = "no PostgreSQL here: apt-get install --no-install-recommends postgresql"


def binaries() -> Path | None:
    """The newest of /usr/lib/postgresql/*/bin, or the folder of the postgres on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name) if p.parent.name.isdigit() else 0)
    if found:
        return found[-1]
    on_path = shutil.which("postgres")
    return Path(on_path).parent if on_path else None


class PostgresServer:
    """Listens on a socket in its own folder only and asks for a password (``password_file``); `stop` leaves nothing."""

    def __init__(self, bin_folder: Path) -> None:
        self.bin = bin_folder
        self.password = secrets.token_urlsafe(24)
        # short: the path of a socket has at most 107 characters
        self.folder = Path(tempfile.mkdtemp(prefix="gwf-pg-", dir="/tmp"))
        self.password_file = self.folder / "password"
        self.password_file.write_text(self.password)
        self.prefix = self._as_plain_user()
        try:
            self._run("initdb", "-D", f"{self.folder}/data", "-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync",
                      f"--pwfile={self.password_file}")  # fmt: skip
            options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=120"
            self._run("pg_ctl", "-D", f"{self.folder}/data", "-o", options, "-l", f"{self.folder}/log", "-w", "start")
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{error.stdout}\n{error.stderr}") from error

    def url(self, database: str, password: bool = True) -> str:
        """URL of a database; without the password for those who read it from `password_file`."""
        secret = f":{self.password}" if password else ""
        return f"postgresql+psycopg://{USER}{secret}@/{database}?host={self.folder}"

    def psql(self, statement: str, database: str = "postgres") -> str:
        """Run one statement.  Returns its rows."""
        import psycopg

        with psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return "\n".join(str(row) for row in cursor.fetchall()) if cursor.description else ""

    def stop(self) -> None:
        try:
            self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _as_plain_user(self) -> list[str]:
        """PostgreSQL refuses to run as root: its own user does, or nobody."""
        if os.geteuid() != 0:
            return []
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        for path in (self.folder, self.password_file):
            os.chown(path, user.pw_uid, user.pw_gid)
        self.folder.chmod(0o700)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self.prefix, str(self.bin / program), *arguments]
        # files, not pipes: the server that pg_ctl leaves behind would hold a pipe open
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder, timeout=120, check=False)
            output.seek(0)
            if done.returncode:
                raise subprocess.CalledProcessError(done.returncode, command, output.read())
