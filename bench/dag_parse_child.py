"""Usage: dag_parse_child.py parse | task FILE DAG_ID.  Prints what it took as a line of JSON (see dag_parse.py)."""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

BEGUN = time.perf_counter()
FORKS = 15


def parse(file: str) -> dict[str, float]:
    """As Airflow's DAG processor does it for one file: import, DagBag, serialization.  Seconds and MB."""
    import structlog
    from airflow.dag_processing.processor import DagFileParseRequest, _parse_file

    log = structlog.get_logger()
    imported, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    request = DagFileParseRequest(
        file=file, bundle_path=Path(file).parent, bundle_name="dags-folder", callback_requests=[], type="DagFileParseRequest"
    )
    result = _parse_file(request, log)
    done = time.perf_counter()
    assert result is not None
    if result.import_errors:
        raise SystemExit(str(result.import_errors))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "dags": len(result.serialized_dags),
        "import": imported - BEGUN,
        "parse": done - imported,
        "cpu": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
        "memory": used.ru_maxrss / 1024,
    }


def task(file: str, dag_id: str) -> dict[str, float]:
    """What a task spends in the file, in ms: in a fresh process (Airflow's own imports are not counted), and in forked workers."""
    cold = in_fork(lambda: [bag(file, dag_id)])[0]
    from airflow import plugins_manager

    plugins_manager.ensure_plugins_loaded()
    gc.collect()
    gc.freeze()  # as LocalExecutor does before it forks
    pairs = [in_fork(lambda: [bag(file, dag_id), bag(file, dag_id)]) for _ in range(FORKS)]
    with tempfile.NamedTemporaryFile("w", suffix=".py") as empty:
        empty.write("from airflow.sdk import DAG\n\nempty = DAG('empty', schedule=None)\n")
        empty.flush()
        least = [in_fork(lambda: [bag(empty.name, "empty")])[0] for _ in range(FORKS)]
    return {
        "cold": cold,
        "empty": statistics.median(least),
        "first": statistics.median(first for first, _ in pairs),
        "again": statistics.median(again for _, again in pairs),
    }


def in_fork(work) -> list[float]:  # type: ignore[no-untyped-def]
    """The result of `work` in a child process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    found: list[float] = json.loads(text)
    return found


def bag(file: str, dag_id: str) -> float:
    """One parse by a task of the DAG `dag_id`; Airflow logs this figure as dag_file_parse_ms."""
    from airflow.dag_processing.dagbag import BundleDagBag

    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    begun = time.perf_counter()
    found = BundleDagBag(
        dag_folder=file, safe_mode=False, load_op_links=False, bundle_path=Path(file).parent, bundle_name="dags-folder"
    )
    took = 1000 * (time.perf_counter() - begun)
    if set(found.dags) != {dag_id}:
        raise SystemExit(f"expected the DAG {dag_id}, found {set(found.dags)} {found.import_errors}")
    return took


if __name__ == "__main__":
    if sys.argv[1] == "task":
        # what a LocalExecutor's worker inherits from the scheduler
        from airflow.dag_processing.dagbag import BundleDagBag  # noqa: F401

        print(json.dumps(task(sys.argv[2], sys.argv[3])))
    else:
        print(json.dumps(parse(sys.argv[2])))
