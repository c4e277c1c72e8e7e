"""What no scheduler is given: values that its submit language, a shell or a file name could take for something else."""

from __future__ import annotations

import re

from gwfollow.errors import SubmitRefused
from gwfollow.schedulers.base import Dag, Resources, Work

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.*-]*")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: HTCondor replaces it when the job starts, and has no way to write that it should not
_DEFERRED = re.compile(r"\$\$+(\w*\(|\[)")


def check(work: Work, key: str) -> None:
    """Refuse what cannot be said safely, before anything is written or started.  Raises `SubmitRefused`."""
    _matching("job name", work.name, _NAME, "letters, digits and . _ + -")
    _plain("key", key)
    if not work.folder.is_absolute():
        raise SubmitRefused(f"working folder {str(work.folder)!r} is not an absolute path")
    _plain("working folder", str(work.folder))
    _check_resources(work.resources)
    if isinstance(work, Dag):
        _plain("DAG file", str(work.file))
        return
    _plain("executable", str(work.executable))
    for number, argument in enumerate(work.arguments, 1):
        _plain(f"argument {number}", argument, edges=False)


def _check_resources(resources: Resources) -> None:
    for name, value in resources.environment.items():
        _matching("environment variable", name, _VARIABLE, "letters, digits and _")
        _plain(f"environment {name}", value, edges=False)
    for service in resources.oauth_services:
        _matching("credential service", service, _SERVICE, "letters, digits and . _ * -")
    for what, account in (("accounting group", resources.accounting_group), ("accounting user", resources.accounting_user)):
        if account is not None:
            _matching(what, account, _ACCOUNT, "letters, digits and . _ @ + -")
    if resources.requirements is not None:
        _plain("requirements", resources.requirements)
    for what, number in (("cpus", resources.cpus), ("memory_mb", resources.memory_mb), ("disk_mb", resources.disk_mb)):
        if number <= 0:
            raise SubmitRefused(f"{what} is {number}, expected a positive number")


def _matching(what: str, text: str, pattern: re.Pattern[str], allowed: str) -> None:
    if not pattern.fullmatch(text):
        raise SubmitRefused(f"{what} {text!r} is not allowed: use {allowed}")


def _plain(what: str, text: str, *, edges: bool = True) -> None:
    """`edges`: the value stands bare in the description, where a blank at an end is lost and a last backslash joins lines."""
    if _CONTROL.search(text):
        raise SubmitRefused(f"{what} {text!r} holds a newline or another control character")
    if _DEFERRED.search(text):
        raise SubmitRefused(f"{what} {text!r} holds $$( or $$[, which HTCondor would replace when the job starts")
    if edges and (not text or text != text.strip() or text.endswith("\\")):
        raise SubmitRefused(f"{what} {text!r} is empty, or begins or ends with a blank or a backslash")


__all__ = ["check"]
