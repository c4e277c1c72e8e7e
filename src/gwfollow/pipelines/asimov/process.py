"""The child process in which a plugin's hooks run: started in the plugin's environment, asked once, limited in time and talk."""

from __future__ import annotations

import getpass
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from gwfollow.asimov_plugins import AsimovPlugin
from gwfollow.errors import PipelineError
from gwfollow.pipelines.files import builder_environment, tail

#: bytes of standard output and error that are kept of one step; the rest is thrown away
LOG_LIMIT = 20_000_000
#: bytes that an answer may have
ANSWER_LIMIT = 100_000_000
#: seconds that a child may take to end after it has answered
_PARTING = 10.0
_FOLDER = Path(__file__).parent / "child"


@dataclass
class _Talk:
    """What has come over the two pipes so far."""

    log: BinaryIO
    logged: int = 0
    answer: bytearray = field(default_factory=bytearray)

    def take_log(self, data: bytes) -> None:
        room = LOG_LIMIT - self.logged
        if room > 0:
            self.log.write(data[:room])
            if len(data) >= room:
                self.log.write(f"\n[gwfollow: it wrote more than {LOG_LIMIT} bytes; the rest is thrown away]\n".encode())
        self.logged += len(data)

    def take_answer(self, data: bytes) -> None:
        self.answer += data
        if len(self.answer) > ANSWER_LIMIT:
            raise PipelineError(f"its answer is longer than {ANSWER_LIMIT} bytes")


def ask(plugin: AsimovPlugin, question: Mapping[str, Any], log: Path, limit: float) -> dict[str, Any]:
    """The child's answer.

    Raises `PipelineError` where there is none: it took longer than `limit` seconds, was killed, ended early, or answered with something else.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    what = f"asimov's plugin {plugin}"
    with log.open("ab") as stream:
        stream.write(f"---- {', '.join(question['hooks'])}, {time.strftime('%Y-%m-%d %H:%M:%SZ', time.gmtime())}\n".encode())
        stream.flush()
        talk = _Talk(stream)
        try:
            ended = _run(plugin, json.dumps(question).encode(), talk, limit)
        except OSError as error:
            raise PipelineError(f"{what}: {plugin.python} cannot be started: {error}") from error
    if ended is None:
        raise PipelineError(
            f"{what} was stopped after {limit:.0f} s in {_last_hook(question)}; its log is {log}{_last_line(log)}"
        )
    return _read(what, bytes(talk.answer), ended, log)


def _run(plugin: AsimovPlugin, question: bytes, talk: _Talk, limit: float) -> int | None:
    """The exit code; None where it was stopped for its time."""
    reader, writer = os.pipe()
    code = f"import sys; sys.path.insert(0, {str(_FOLDER)!r}); from gwfollow_child.main import main; main()"
    command = [str(plugin.python), "-c", code, str(writer)]
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(plugin),
            pass_fds=(writer,),
            start_new_session=True,
        )
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    try:
        ended = _converse(child, question, reader, talk, time.monotonic() + limit)
    finally:
        os.close(reader)
        _end(child)
    return child.returncode if ended else None


def _environment(plugin: AsimovPlugin) -> dict[str, str]:
    """As a builder's, in the plugin's environment; lalinference_pipe and others want to know who they are."""
    environment = {"USER": getpass.getuser(), "PYTHONUNBUFFERED": "1"} | builder_environment(plugin.prefix / "bin" / "python")
    if plugin.python != Path(sys.executable):
        environment.pop("PYTHONPATH", None)  # names packages of our own Python
        environment["VIRTUAL_ENV"] = str(plugin.prefix)
    return environment


def _converse(child: subprocess.Popen[bytes], question: bytes, reader: int, talk: _Talk, deadline: float) -> bool:
    """Write the question and read both pipes until the child has answered and ended; False where the time is over."""
    assert child.stdin is not None
    assert child.stdout is not None
    os.set_blocking(child.stdin.fileno(), False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(child.stdin, selectors.EVENT_WRITE, None)
        waiting.register(child.stdout, selectors.EVENT_READ, talk.take_log)
        waiting.register(reader, selectors.EVENT_READ, talk.take_answer)
        while len(waiting.get_map()) and time.monotonic() < deadline:
            for key, _ in waiting.select(0.2):
                if key.data is None:
                    question = _write(waiting, child.stdin, question)
                elif data := os.read(key.fd, 65536):
                    key.data(data)
                else:
                    waiting.unregister(key.fileobj)
            if child.poll() is not None:
                # what the plugin left running may hold the log open for ever
                deadline = min(deadline, time.monotonic() + 0.5)
    try:
        child.wait(max(0.0, min(_PARTING, deadline - time.monotonic())))
    except subprocess.TimeoutExpired:
        return bool(talk.answer)
    return True


def _write(waiting: selectors.BaseSelector, stream: Any, question: bytes) -> bytes:
    try:
        question = question[os.write(stream.fileno(), question) :]
    except BrokenPipeError:
        question = b""
    if not question:
        waiting.unregister(stream)
        stream.close()
    return question


def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing that the child started outlives its step."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None and not stream.closed:
            stream.close()


def _read(what: str, answer: bytes, ended: int, log: Path) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("hooks"), list):
        return found
    if ended < 0:
        how = f"was killed by {signal.Signals(-ended).name}"
    elif answer:
        how = f"answered with {len(answer)} bytes that are no answer"
    else:
        how = f"ended with exit code {ended} and no answer"
    raise PipelineError(f"{what} {how}; its log is {log}{_last_line(log)}")


def _last_hook(question: Mapping[str, Any]) -> str:
    hooks = [str(hook) for hook in question["hooks"]]
    return hooks[0] if len(hooks) == 1 else "one of " + ", ".join(hooks)


def _last_line(log: Path) -> str:
    lines = [line for line in tail(log).splitlines() if line.strip() and not line.startswith("----")]
    return f", last line: {lines[-1].strip()[:300]}" if lines else ""
