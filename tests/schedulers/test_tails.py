"""Ends of logs, and the logs of a DAG's failed nodes."""

from __future__ import annotations

from pathlib import Path

from gwfollow.schedulers.tails import TAIL_BYTES, failed_nodes, node_logs, rescue_file, tail, tails


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(10 * 2**30)  # a sparse file of 10 GB: reading it whole would not end in time
        file.seek(0, 2)
        file.write(b"\nlast but one\nlast\n")
    assert tail(log, 2) == "last but one\nlast"


def test_a_line_that_is_cut_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x" * TAIL_BYTES + "\nwhole\n")
    assert tail(log, 50) == "whole"


def test_files_that_are_not_there_or_empty_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "full").write_text("a\n")
    assert tails([tmp_path / "none", tmp_path / "empty", tmp_path / "full"], 5) == {tmp_path / "full": "a"}


def test_logs_of_failed_nodes_are_found_by_their_submit_files(tmp_path: Path) -> None:
    dag = tmp_path / "submit" / "run.dag"
    dag.parent.mkdir()
    dag.write_text('JOB A a.sub\nJOB B subs/b.sub\nVARS B LABEL="H1" ARGS="--x 1"\nPARENT A CHILD B\n')
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs/b.sub").write_text(
        "executable = /bin/false\nerror = logs/$(LABEL)-$(Cluster).err\noutput = logs/b.out\nqueue\n"
    )
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/H1-13.err").write_text("Traceback")
    assert failed_nodes(dag) == []
    (dag.parent / "run.dag.rescue001").write_text("# Nodes that failed: 1\n#   A,<ENDLIST>\n")
    (dag.parent / "run.dag.rescue002").write_text(
        "# Rescue DAG file\n#\n# Nodes premarked DONE: 1\n# Nodes that failed: 1\n#   B,<ENDLIST>\n\nDONE A\n"
    )
    assert rescue_file(dag) == dag.parent / "run.dag.rescue002"
    assert failed_nodes(dag) == ["B"]
    assert node_logs(dag, tmp_path) == [tmp_path / "logs/H1-13.err", tmp_path / "logs/b.out"]
