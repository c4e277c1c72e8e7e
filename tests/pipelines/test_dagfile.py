"""DAG files: whole or not, how far, and why they failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.errors import PipelineError
from gwfollow.pipelines import dagfile
from gwfollow.pipelines.dagfile import check_dag

SUBMIT = "executable = /bin/true\nrequest_disk = 1M\nerror = logs/$(JOB).err\nQueue 1\n"

#: the table that DAGMan 25 writes
TABLE = """\
11/21/26 16:22:52 Of 5 nodes total:
11/21/26 16:22:52  Done     Pre   Queued    Post   Ready   Un-Ready   Failed   Futile
11/21/26 16:22:52   ===     ===      ===     ===     ===        ===      ===      ===
11/21/26 16:22:52     {done}       0        1       0       0          2        {failed}        0
11/21/26 16:22:52 0 job proc(s) currently held
"""


@pytest.fixture
def dag(tmp_path: Path) -> Path:
    (tmp_path / "a.sub").write_text(SUBMIT)
    path = tmp_path / "x.dag"
    path.write_text(
        '# made by a test\nJOB a a.sub\nJob b a.sub DIR sub NOOP\nVARS a x="1 2"\nRETRY ALL_NODES 3\nParent a Child b\n'
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.sub").write_text(SUBMIT)
    return path


def test_a_whole_dag_is_read(dag: Path, tmp_path: Path) -> None:
    assert check_dag(dag, tmp_path).jobs == {"a": tmp_path / "a.sub", "b": tmp_path / "sub" / "a.sub"}


def test_a_description_inside_the_dag_is_no_file(dag: Path, tmp_path: Path) -> None:
    dag.write_text("SUBMIT-DESCRIPTION d {\nexecutable = x\n}\nJOB a d\nJOB b {\nexecutable = y\n}\nPARENT a CHILD b\n")
    assert check_dag(dag, tmp_path).nodes >= {"a", "b"}
    dag.write_text("JOB a {\nexecutable = x\n")
    with pytest.raises(PipelineError, match="ends inside the description of a"):
        check_dag(dag, tmp_path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("PARENT a CHILD c d", "line 7 joins nodes that it does not have: c, d"),
        ("PARENT a", "line 7 is cut off"),
        ("RETRY c 2", "line 7 is about a node that it does not have: c"),
        ("RETRY a", "line 7 is cut off"),
        ("JOB c", "line 7 is cut off"),
        ("JOB c none.sub", "submit file of node c"),
        ('VARS a y="', "line 7 is cut off"),
        ("SUBDAG EXTERNAL c inner.dag", "there is no DAG to submit at .*inner.dag"),
    ],
)
def test_a_line_that_cannot_be_is_named(dag: Path, tmp_path: Path, line: str, reason: str) -> None:
    dag.write_text(dag.read_text() + line + "\n")
    with pytest.raises(PipelineError, match=reason):
        check_dag(dag, tmp_path)


def test_a_submit_file_without_its_end_is_not_whole(dag: Path, tmp_path: Path) -> None:
    (tmp_path / "a.sub").write_text(SUBMIT.replace("Queue 1\n", ""))
    with pytest.raises(PipelineError, match="submit file of node a"):
        check_dag(dag, tmp_path)


def test_the_dags_inside_a_dag_are_checked_too(dag: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer.dag"
    outer.write_text(f"SUBDAG EXTERNAL inner {dag} DIR {tmp_path}\nRETRY inner 1\n")
    check_dag(outer, tmp_path)
    assert dagfile.all_dags(outer, tmp_path) == [outer, dag]
    dag.write_text("JOB a none.sub\n")
    with pytest.raises(PipelineError, match="submit file of node a"):
        check_dag(outer, tmp_path)


def test_submit_files_are_put_right(dag: Path, tmp_path: Path) -> None:
    dagfile.settle_submit_files(check_dag(dag, tmp_path), {"request_disk": "64MB", "accounting_group": "a.b"})
    for file in (tmp_path / "a.sub", tmp_path / "sub" / "a.sub"):
        lines = file.read_text().splitlines()
        assert lines[-3:] == ["request_disk = 64MB", "accounting_group = a.b", "Queue 1"]
        assert len([line for line in lines if line.startswith("request_disk")]) == 1
    check_dag(dag, tmp_path)


def test_progress_is_the_sum_of_the_last_tables(dag: Path, tmp_path: Path) -> None:
    assert dagfile.progress([dag]) is None
    Path(f"{dag}.dagman.out").write_text(TABLE.format(done=0, failed=0) + TABLE.format(done=1, failed=1))
    other = tmp_path / "y.dag"
    Path(f"{other}.dagman.out").write_text(
        TABLE.format(done=3, failed=0) + "11/21/26 Done Pre Queued Post Ready Un-Ready Failed\n"
    )
    progress = dagfile.progress([dag, other])
    assert progress is not None
    assert progress.text == "4 of 11 nodes done, 1 failed"
    assert progress.fraction == pytest.approx(4 / 11)
    assert progress.values == {"nodes_done": 4, "nodes_total": 11, "nodes_failed": 1}


def test_the_reason_is_that_of_the_failed_node(dag: Path, tmp_path: Path) -> None:
    assert dagfile.why_failed([(dag, tmp_path)], tmp_path) is None
    Path(f"{dag}.dagman.out").write_text("11/21/26 16:22:52 Node return val: 1\n")
    assert dagfile.why_failed([(dag, tmp_path)], tmp_path) == "DAGMan: Node return val: 1 (x.dag.dagman.out)"
    Path(f"{dag}.rescue001").write_text("# Nodes that failed: 1\n#   a,<ENDLIST>\n")
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "a.err"
    log.write_text("XLAL Error - XLALFrOpen: no such frame\nalmost there\n")
    assert dagfile.why_failed([(dag, tmp_path)], tmp_path) == "XLAL Error - XLALFrOpen: no such frame (logs/a.err)"
    log.write_text("Traceback\nOSError: gone\nbye\n")
    assert dagfile.why_failed([(dag, tmp_path)], tmp_path) == "OSError: gone (logs/a.err)"
    log.write_text("one\ntwo\n")
    assert dagfile.why_failed([(dag, tmp_path)], tmp_path) == "two (logs/a.err)"
