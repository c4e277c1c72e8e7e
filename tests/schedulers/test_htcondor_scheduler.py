"""The HTCondor scheduler on a real pool."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from condor_jobs import SH, chain, has_ended, runs, shell, until

from gwfollow.errors import InputError, SubmitRefused
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.schedulers.base import Dag, Job, JobState, Resources
from gwfollow.schedulers.condor_description import job_description
from gwfollow.schedulers.htcondor import HTCondor

pytestmark = [pytest.mark.slow, pytest.mark.system]


@pytest.fixture(scope="module")
def condor(pool: PersonalPool) -> Iterator[HTCondor]:
    scheduler = HTCondor()
    yield scheduler
    scheduler.close()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return f"event/{request.node.name.partition('[')[0]}/1"


def condor_command(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def was_evicted(event_log: Path) -> bool:
    """HTCondor 25.14 leaves a job idle for minutes that is released within the tenth of a second that its eviction takes."""
    return "Job was evicted" in event_log.read_text()


def test_a_job_is_staged_until_it_is_started_and_then_runs_once(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job = shell(tmp_path, "echo out; echo err >&2; exit 3")
    submitted = condor.submit(job, key)
    assert not submitted.adopted
    staged = condor.query([submitted.job_id])[submitted.job_id]
    assert (staged.state, staged.key) == (JobState.STAGED, key)
    assert condor.submit(job, key).job_id == submitted.job_id, "found in the queue"
    condor.start(submitted.job_id)
    ended = until(condor, submitted.job_id, has_ended)
    assert (ended.state, ended.exit_code, ended.key) == (JobState.COMPLETED, 3, key)
    again = condor.submit(job, key)
    assert (again.job_id, again.adopted) == (submitted.job_id, True), "found in the history"
    condor.start(again.job_id)
    assert condor.find(key) == condor.find(key, tmp_path) == [submitted.job_id]
    assert runs(tmp_path) == 1
    tails = {path.name: text for path, text in condor.logs(job).tails.items()}
    assert tails["job.out"] == "out"
    assert tails["job.err"] == "err"
    assert "return value 3" in tails["job.log"]


def test_the_same_key_in_the_folder_of_another_ledger_is_another_job(condor: HTCondor, tmp_path: Path, key: str) -> None:
    ids = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ids.append(condor.submit(shell(tmp_path / name), key).job_id)
    assert ids[0] != ids[1]
    assert condor.find(key) == ids
    assert condor.find(key, tmp_path / "two") == [ids[1]]
    condor.start(ids[0])
    assert condor.query(ids)[ids[1]].state is JobState.STAGED
    for one in ids:
        condor.remove(one, "the test is over")


def test_a_twin_that_another_machine_staged_goes_when_the_recorded_one_starts(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job = shell(tmp_path)
    mine = condor.submit(job, key).job_id
    lines = [f"{name} = {value}" for name, value in job_description(job, key).items()]
    (tmp_path / "twin.sub").write_text("\n".join([*lines, "queue", ""]))
    condor_command("condor_submit", str(tmp_path / "twin.sub"))
    [first, twin] = condor.find(key)
    assert first == mine
    condor.start(mine)
    assert until(condor, mine, has_ended).succeeded
    assert until(condor, twin, has_ended).state is JobState.REMOVED
    assert runs(tmp_path) == 1


def test_arguments_and_environment_arrive_as_they_are(condor: HTCondor, tmp_path: Path, key: str) -> None:
    arguments = ("a b", "it's", 'say "hi"', "$(HOME) $ENV(PATH) $x", "", "back\\", "100%", "*", "$$", "a$$b")
    script = 'printf "[%s]" "$@" "$ODD" "$EMPTY"'
    resources = Resources(memory_mb=128, environment={"ODD": 'it\'s "x" $(Y) ', "EMPTY": ""}, requirements="TARGET.Memory > 1")
    job = Job(SH, ("-c", script, "sh", *arguments), tmp_path, "job", resources)
    job_id = condor.submit(job, key).job_id
    condor.start(job_id)
    until(condor, job_id, has_ended)
    assert (tmp_path / "job.out").read_text() == "".join(f"[{value}]" for value in (*arguments, 'it\'s "x" $(Y) ', ""))


def test_accounting_and_priority_reach_the_queue(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job = shell(tmp_path, accounting_group="ligo.dev.o4.cbc", accounting_user="albert.einstein", priority=4)
    job_id = condor.submit(job, key).job_id
    command = ["condor_q", job_id, "-af", "AcctGroup", "AcctGroupUser", "JobPrio", "RequestMemory"]
    asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    assert asked == ["ligo.dev.o4.cbc", "albert.einstein", "4", "128"]
    condor.set_priority(job_id, 9)
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()[2] == "9"
    condor.remove(job_id, "the test is over")


# ---- what can happen to a job ------------------------------------------------------------------------------------------------
def test_no_such_executable_is_a_hold_with_its_reason(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job_id = condor.submit(Job(tmp_path / "absent", (), tmp_path, "job", Resources(memory_mb=128)), key).job_id
    condor.start(job_id)
    held = until(condor, job_id, lambda status: status.state is JobState.HELD)
    assert held.hold_code == 6
    assert str(tmp_path / "absent") in held.reason
    condor.remove(job_id, "the test is over")


def test_a_person_holds_and_releases(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job_id = condor.submit(shell(tmp_path, "[ -e second ] || { touch second; sleep 600; }"), key).job_id
    condor.start(job_id)
    until(condor, job_id, lambda status: (tmp_path / "second").exists())
    condor.hold(job_id, "retracted:\nby the alert")
    held = until(condor, job_id, lambda status: status.state is JobState.HELD)
    assert held.hold_code == 1
    assert "retracted: by the alert" in held.reason
    condor.start(job_id)
    assert condor.query([job_id])[job_id].state is JobState.HELD, "start releases staged jobs only"
    until(condor, job_id, lambda status: was_evicted(tmp_path / "job.log"))
    condor.release(job_id)
    assert until(condor, job_id, has_ended).succeeded


def test_a_signal_is_told_apart_from_an_exit_code(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job_id = condor.submit(shell(tmp_path, "kill -SEGV $$"), key).job_id
    condor.start(job_id)
    status = until(condor, job_id, has_ended)
    assert (status.state, status.signal, status.exit_code) == (JobState.COMPLETED, signal.SIGSEGV, None)


def test_an_eviction_shows_and_is_no_end(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job_id = condor.submit(shell(tmp_path, "[ -e second ] || { touch second; sleep 600; }"), key).job_id
    condor.start(job_id)
    until(condor, job_id, lambda status: (tmp_path / "second").exists())
    condor_command("condor_vacate_job", job_id)
    until(condor, job_id, lambda status: status.evictions == 1)
    ended = until(condor, job_id, has_ended)
    assert (ended.exit_code, ended.signal, ended.evictions) == (0, None, 1)
    assert runs(tmp_path) == 2, "HTCondor itself runs an evicted job again"


def test_a_removed_job_says_why_and_removing_again_does_nothing(condor: HTCondor, tmp_path: Path, key: str) -> None:
    job_id = condor.submit(shell(tmp_path, "sleep 600"), key).job_id
    condor.start(job_id)
    until(condor, job_id, lambda status: status.state is JobState.RUNNING)
    condor.remove(job_id, "stopped by albert")
    removed = until(condor, job_id, has_ended)
    assert removed.state is JobState.REMOVED
    assert "stopped by albert" in removed.reason
    condor.remove(job_id, "again")
    condor.remove("999999.0", "never there")


def test_what_is_in_neither_queue_nor_history_is_unknown(condor: HTCondor) -> None:
    assert condor.query(["999999.0"])["999999.0"].state is JobState.UNKNOWN
    assert condor.query([]) == {}


# ---- DAGs --------------------------------------------------------------------------------------------------------------------
def test_a_failed_dag_goes_on_from_its_rescue_file(condor: HTCondor, tmp_path: Path, key: str) -> None:
    dag = chain(tmp_path, first="true", second="test -e cured || { echo broken >&2; exit 1; }", third="true")
    job_id = condor.submit(dag, key).job_id
    assert condor.query([job_id])[job_id].state is JobState.STAGED
    condor.start(job_id)
    failed = until(condor, job_id, has_ended)
    assert (failed.exit_code, failed.nodes_done, failed.nodes_total) == (1, 1, 3)
    assert condor.logs(dag).tails[tmp_path / "second.err"] == "broken"
    (tmp_path / "cured").touch()
    rescue = condor.submit(dag, key + ".1")
    assert not rescue.adopted
    condor.start(rescue.job_id)
    done = until(condor, rescue.job_id, has_ended)
    assert (done.exit_code, done.nodes_done, done.nodes_total) == (0, 3, 3)
    assert [runs(tmp_path, f"runs-{node}") for node in ("first", "second", "third")] == [1, 2, 1]


def test_progress_of_a_dag_is_seen_and_its_removal_removes_the_nodes(condor: HTCondor, tmp_path: Path, key: str) -> None:
    dag = chain(tmp_path, first="true", second="sleep 600", third="true")
    job_id = condor.submit(dag, key).job_id
    condor.start(job_id)
    until(condor, job_id, lambda status: (status.nodes_done, status.nodes_total) == (1, 3))
    until(condor, job_id, lambda status: (tmp_path / "runs-second").exists())
    condor.remove(job_id, "retracted")
    assert until(condor, job_id, has_ended).state is JobState.REMOVED
    end = time.monotonic() + 60
    command = ["condor_q", "-constraint", f"DAGManJobId == {job_id.partition('.')[0]}", "-af", "ClusterId"]
    while subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split():
        assert time.monotonic() < end
        time.sleep(0.5)
    until(
        condor, job_id, lambda status: (tmp_path / "chain.dag.rescue001").exists()
    )  # DAGMan writes it while its job is being removed


def test_a_held_node_is_told_as_the_hold_of_its_dag_and_a_release_reaches_held_nodes(
    condor: HTCondor, tmp_path: Path, key: str
) -> None:
    dag = chain(tmp_path, first="[ -e second ] || { touch second; sleep 600; }")
    job_id = condor.submit(dag, key).job_id
    condor.start(job_id)
    until(condor, job_id, lambda status: (tmp_path / "second").exists())
    condor_command("condor_hold", "-constraint", f"DAGManJobId == {job_id.partition('.')[0]}")
    held = until(condor, job_id, lambda status: status.state is JobState.HELD)
    assert "node first" in held.reason
    until(condor, job_id, lambda status: was_evicted(tmp_path / "nodes.log"))
    condor.release(job_id)
    assert until(condor, job_id, has_ended).succeeded


def test_a_held_node_of_a_dag_inside_the_dag_is_told_and_released_too(condor: HTCondor, tmp_path: Path, key: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    chain(inside, first="[ -e second ] || { touch second; sleep 600; }")
    (tmp_path / "outer.dag").write_text("SUBDAG EXTERNAL within chain.dag DIR inside\n")
    job_id = condor.submit(Dag(Path("outer.dag"), tmp_path, "outer"), key).job_id
    condor.start(job_id)
    until(condor, job_id, lambda status: (inside / "second").exists())
    condor_command("condor_hold", "-constraint", f'DAGNodeName == "first" && Iwd == "{inside}"')
    held = until(condor, job_id, lambda status: status.state is JobState.HELD)
    assert "node first" in held.reason
    until(condor, job_id, lambda status: was_evicted(inside / "nodes.log"))
    condor.release(job_id)
    assert until(condor, job_id, has_ended).succeeded


def test_a_dag_file_that_is_not_there_is_refused(condor: HTCondor, tmp_path: Path, key: str) -> None:
    with pytest.raises(SubmitRefused, match=r"absent\.dag does not exist"):
        condor.submit(Dag(Path("absent.dag"), tmp_path, "absent"), key)


# ---- the door ----------------------------------------------------------------------------------------------------------------
def test_a_folder_that_is_not_there_is_refused(condor: HTCondor, tmp_path: Path, key: str) -> None:
    with pytest.raises(SubmitRefused, match="No such file or directory"):
        condor.submit(shell(tmp_path / "nowhere"), key)


def test_requirements_that_are_no_expression_are_refused(condor: HTCondor, tmp_path: Path, key: str) -> None:
    with pytest.raises(SubmitRefused, match="refuses"):
        condor.submit(shell(tmp_path, requirements="Machine == == 1"), key)
    assert condor.find(key) == []


def test_an_id_that_is_none_of_htcondors_is_refused(condor: HTCondor) -> None:
    for bad in ("12", "12.0 || true", ""):
        with pytest.raises(InputError, match=r"such as 12\.0"):
            condor.remove(bad, "no")


def test_one_query_answers_for_thousands(condor: HTCondor, tmp_path: Path, key: str) -> None:
    """5000 staged jobs in one cluster, each with the key: one question, no more per job than its lines."""
    lines = [f"{name} = {value}" for name, value in job_description(shell(tmp_path), key).items()]
    (tmp_path / "many.sub").write_text("\n".join([*lines, "queue 5000", ""]))
    condor_command("condor_submit", str(tmp_path / "many.sub"))
    ids = condor.find(key)
    assert len(ids) == 5000
    begun = time.perf_counter()
    states = condor.query(ids)
    print(f"query of 5000: {time.perf_counter() - begun:.2f} s")
    assert {status.state for status in states.values()} == {JobState.STAGED}
    assert set(states) == set(ids)
    condor_command("condor_rm", ids[0].partition(".")[0])
