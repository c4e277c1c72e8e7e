"""Processing the inbox: everything once, and one event's trouble is nobody else's."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from gwfollow.alerts import process as process_module
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.process import process, replay
from gwfollow.errors import InputError, LedgerBusy, NotFound, PipelineError
from gwfollow.ledger.schema import Event, Journal, Outbox
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.life.awaited import wants
from stories import SITE_POLICY, internal, minute, notice, picture, put, retracted_story, rows, site_of, statuses, superevent

NAME = "S250101a"


@pytest.fixture
def site(ledger: Ledger, tmp_path: Path) -> Site:
    """On both databases."""
    return site_of(ledger, tmp_path)


@pytest.fixture
def lite(sqlite_url: str, tmp_path: Path) -> Site:
    return site_of(Ledger.open(sqlite_url), tmp_path)


def sent(site: Site) -> list[tuple[str, str]]:
    with site.ledger.read() as session:
        return [(row.destination, row.key) for row in session.scalars(select(Outbox).order_by(Outbox.id))]


def written(site: Site) -> list[str]:
    with site.ledger.read() as session:
        return list(session.scalars(select(Journal.what).order_by(Journal.id)))


def new(name: str = NAME, **thing: object) -> tuple[bytes, object]:
    return internal(name, "new", **{**superevent(), **thing}), minute(0)  # type: ignore[dict-item]


def test_a_significant_superevent_becomes_an_event_with_its_analyses_and_one_run(lite: Site) -> None:
    put(lite, new())
    report = process(lite)
    assert report.work
    assert [(e.event, e.state, e.revision) for e in report.events] == [(NAME, "done", 1)]
    assert statuses(lite.ledger, NAME) == {"psd": "ready"}
    assert sent(lite) == [("airflow", f"run:{NAME}:rev-1"), ("gracedb", f"alert:{NAME}:cbc")]
    (row,) = rows(lite.ledger)
    assert row.state == "done"
    assert row.verdict == "asked for by rule cbc; event made; analyses added: psd; run rev-1 asked for"
    assert row.decision == [
        {
            "rule": "cbc",
            "matched": True,
            "why": "",
            "actions": ["event", "apply psd.yaml.j2", "notify journal", "notify gracedb"],
        },
        {"rule": "bbh", "matched": False, "why": "classification.BBH is unknown", "actions": []},
    ]


def test_the_journal_says_which_message_it_was(lite: Site) -> None:
    put(lite, new())
    process(lite)
    with lite.ledger.read() as session:
        entries = session.scalars(select(Journal).where(Journal.event == NAME)).all()
    assert {entry.who for entry in entries} == {"alert:new"}
    assert {entry.why for entry in entries} == {"message 1 (test new)"}


def test_the_same_alert_a_hundred_times_asks_for_one_run(site: Site) -> None:
    for _ in range(100):
        put(site, new())
        process(site)
    assert [key for destination, key in sent(site) if destination == "airflow"] == [f"run:{NAME}:rev-1"]
    assert len(rows(site.ledger)) == 1


def test_replaying_an_alert_does_nothing_twice(site: Site) -> None:
    put(site, new())
    process(site)
    before, outbox = picture(site.ledger, NAME), sent(site)
    for _ in range(5):
        replay(site.ledger, 1, "alice@test")
        process(site)
    assert picture(site.ledger, NAME) == before
    assert sent(site) == outbox
    assert written(site).count("alert 1 to be processed again") == 5


def test_an_update_that_gives_no_work_asks_for_no_run(lite: Site) -> None:
    put(lite, new())
    process(lite)
    put(lite, (internal(NAME, "label_added", {"name": "ADVOK"}), minute(2)))
    report = process(lite)
    assert not report.work
    assert picture(lite.ledger, NAME)["alert"]["labels"] == ["ADVOK"]
    assert len(sent(lite)) == 2


def test_analyses_that_cannot_begin_yet_ask_for_no_run(lite: Site) -> None:
    template = lite.settings.configs_folder / "blueprints" / "psd.yaml.j2"
    template.write_text(template.read_text() + "status: wait\n")
    put(lite, new())
    put(lite, (notice(NAME, "initial", minute(1)), minute(1)))
    assert not process(lite).work
    assert statuses(lite.ledger, NAME) == {"psd": "wait", "pe": "ready", "pages": "wait"}
    assert [destination for destination, _ in sent(lite)] == ["gracedb"]


def test_what_no_rule_asks_for_is_ignored_with_the_reason(lite: Site) -> None:
    put(lite, new(far=1e-3))
    (done,) = process(lite).events
    assert (done.state, done.verdict) == ("ignored", "ignored: no rule asks for it")
    (row,) = rows(lite.ledger)
    assert row.state == "ignored"
    assert row.decision[0]["why"] == "far is 0.001 Hz, not at most 1e-07 Hz"
    assert picture(lite.ledger, NAME) == {}


def test_two_processors_at_once_do_everything_once(site: Site) -> None:
    names = [f"S250101{letter}" for letter in "abcdefgh"]
    for name in names:
        for message in retracted_story(name)[:3]:
            put(site, message)
    gate = threading.Barrier(4)
    reports = []

    def run() -> None:
        own = site_of(Ledger.open(site.ledger.engine.url.render_as_string(hide_password=False)), Path(site.settings.home).parent)
        gate.wait()
        reports.append(process(own))
        own.ledger.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 4
    assert sum(event.state == "done" for report in reports for event in report.events) == len(names)
    assert sorted(key for destination, key in sent(site) if destination == "airflow") == [f"run:{name}:rev-1" for name in names]
    assert {row.state for row in rows(site.ledger)} == {"done"}
    assert [len(statuses(site.ledger, name)) for name in names] == [1] * len(names)


@pytest.mark.parametrize(("name", "category"), [("MS250101a", "MDC"), ("TS250101a", "Test"), (NAME, "Test"), (NAME, "MDC")])
def test_nothing_of_a_test_or_mock_event_leaves_the_house(lite: Site, name: str, category: str) -> None:
    put(lite, new(name, category=category))
    process(lite)
    put(lite, (notice(name, "initial", minute(1)), minute(1)))
    process(lite)
    assert statuses(lite.ledger, name) == {"psd": "ready", "pe": "ready", "pages": "wait"}
    assert {destination for destination, _ in sent(lite)} == {"airflow"}
    assert any(what.startswith("gracedb log not sent") for what in written(lite))
    with lite.ledger.read() as session:
        assert session.scalars(select(Event)).one().category == category


def test_an_event_that_one_message_calls_a_test_stays_one(lite: Site) -> None:
    put(lite, new(category="MDC"))
    put(lite, (notice(NAME, "initial", minute(1)), minute(1)))
    process(lite)
    assert picture(lite.ledger, NAME)["category"] == "MDC"
    assert {destination for destination, _ in sent(lite)} == {"airflow"}


def test_what_was_not_sent_yet_is_held_back_when_an_event_turns_out_to_be_a_test(lite: Site) -> None:
    put(lite, new())
    process(lite)
    assert [destination for destination, _ in sent(lite)] == ["airflow", "gracedb"]
    put(lite, (internal(NAME, "update", **superevent(), category="Test"), minute(1)))  # type: ignore[arg-type]
    process(lite)
    with lite.ledger.read() as session:
        states = {row.destination: row.state for row in session.scalars(select(Outbox))}
    assert states == {"airflow": "pending", "gracedb": "superseded"}


def test_an_error_in_one_event_holds_up_no_other_and_is_set_aside_after_three_tries(lite: Site) -> None:
    template = lite.settings.configs_folder / "blueprints" / "psd.yaml.j2"
    good = template.read_text()
    template.write_text(good + "{% if superevent_id == 'S250101a' %}{{ no_such_thing }}{% endif %}")
    put(lite, new())
    put(lite, new("S250101b"))
    for tries in (1, 2, 3):
        process(lite)
        row = rows(lite.ledger)[0]
        assert (row.tries, row.state) == (tries, "failed" if tries == 3 else "new")
    assert row.verdict == "template psd.yaml.j2: 'no_such_thing' is undefined"
    assert not process(lite).events
    assert statuses(lite.ledger, "S250101b") == {"psd": "ready"}
    assert picture(lite.ledger, NAME) == {}
    template.write_text(good)
    replay(lite.ledger, row.id, "alice@test")
    process(lite)
    assert statuses(lite.ledger, NAME) == {"psd": "ready"}


def test_a_template_that_its_pipeline_cannot_take_is_told_and_holds_up_no_other_rule(lite: Site) -> None:
    configs = lite.settings.configs_folder
    rule = "  - name: scans\n    when: {superevent: true}\n    do: {apply: [scan.yaml.j2]}\n"
    (configs / "alert_policy.yaml").write_text(SITE_POLICY.replace("rules:\n", f"rules:\n{rule}"))
    scan = "kind: analysis\nname: scan\npipeline: omegascan\ncomment: {{ (preferred_event or '') | tojson }}\nscan: {channel set: H1_strian}\n"
    (configs / "blueprints" / "scan.yaml.j2").write_text(scan)
    put(lite, new())
    (done,) = process(lite).events
    assert statuses(lite.ledger, NAME) == {"scan": "ready", "psd": "ready"}
    assert (done.state, done.revision) == ("done", 1)
    reason = f"scan, channel set: found 'H1_strian', expected one of (none) in {configs}/channel_sets, or a path"
    assert f"; scan cannot be built: {reason}; run rev-1 asked for" in rows(lite.ledger)[0].verdict
    with lite.ledger.read() as session:
        (entry,) = session.scalars(select(Journal).where(Journal.what == "analysis cannot be built"))
    assert (entry.event, entry.analysis, entry.details, entry.who) == (NAME, "scan", {"reason": reason}, "alert:new")
    # its first task tells it once more, where people look for it
    with pytest.raises(PipelineError, match="found 'H1_strian'"):
        wants(lite, NAME, "scan")
    assert statuses(lite.ledger, NAME) == {"scan": "stuck", "psd": "ready"}
    # and so does the next alert that changes its document, until somebody has mended the template
    put(lite, (internal(NAME, "update", **superevent("G100002")), minute(1)))
    process(lite)
    assert "scan cannot be built" in rows(lite.ledger)[1].verdict
    (configs / "channel_sets").mkdir()
    (configs / "channel_sets" / "H1_strian.yaml").write_text(
        "{ifo: H1, channels: ['H1:A'], frame types: {H1_R: {look up: [{folder: /frames}]}}}"
    )
    put(lite, (internal(NAME, "update", **superevent("G100003")), minute(2)))
    process(lite)
    assert "analysis changed" in written(lite)
    assert "cannot be built" not in rows(lite.ledger)[2].verdict


def test_a_busy_ledger_costs_no_try(lite: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise LedgerBusy("the ledger does not answer")

    put(lite, new())
    monkeypatch.setattr(process_module, "enact", busy)
    for _ in range(5):
        (done,) = process(lite).events
        assert (done.state, done.verdict) == ("waiting", "the ledger does not answer")
    assert rows(lite.ledger)[0].tries == 0
    monkeypatch.undo()
    assert process(lite).events[0].state == "done"


def test_a_wrong_policy_leaves_every_message_where_it_is(lite: Site) -> None:
    put(lite, new())
    lite.settings.policy_file.write_text("rules: [{name: a, when: {fra: 1}, do: {event: true}}]")
    with pytest.raises(InputError, match=r"rules\[0\]\.when\.fra: there is no such key"):
        process(lite)
    assert rows(lite.ledger)[0].state == "new"


def test_a_message_of_the_archive_is_read_again_when_it_is_replayed(lite: Site) -> None:
    stored = put(lite, (b'{"uid": "../../x", "alert_type": "new"}', minute(0)))
    assert stored.state == "refused"
    with pytest.raises(InputError, match=r"\.\./\.\./x"):
        replay(lite.ledger, stored.id, "alice@test")
    assert rows(lite.ledger)[0].state == "refused"
    # a later gwfollow can read it
    path = Path(str(rows(lite.ledger)[0].archive))
    path.write_bytes(new()[0])
    replay(lite.ledger, stored.id, "alice@test")
    assert process(lite).events[0].state == "done"
    with pytest.raises(NotFound, match="no message 77"):
        replay(lite.ledger, 77, "alice@test")


def test_accepted_alerts_are_kept_beside_the_event_and_ignored_ones_are_not(lite: Site) -> None:
    put(lite, new())
    put(lite, new("S250101b", far=1.0))
    process(lite)
    folders = Folders(lite.settings.data_folder)
    assert any(path.suffix == ".json" for path in folders.event(NAME).iterdir())
    assert not folders.event("S250101b").exists()


def test_only_the_events_that_are_asked_for(lite: Site) -> None:
    for name in ("S250101a", "S250101b", "S250101c"):
        put(lite, new(name))
    assert [event.event for event in process(lite, events=["S250101b"]).events] == ["S250101b"]
    assert [event.event for event in process(lite, limit=1).events] == ["S250101a"]
    assert [event.event for event in process(lite).events] == ["S250101c"]


# ---- what people have done -------------------------------------------------------------------------------------------------
def by_hand(site: Site, what: str) -> None:
    from gwfollow.ledger.apply import apply
    from gwfollow.ledger.blueprints import read_text

    with site.ledger.change(who="alice@test") as change:
        apply(change, read_text(what, "by hand").blueprints, event=NAME, update=True)


def test_what_a_person_changed_is_not_changed_back_by_an_alert(lite: Site) -> None:
    put(lite, new())
    process(lite)
    by_hand(lite, f"kind: event\nname: {NAME}\nevent time: 1400000000\n")
    by_hand(lite, "kind: analysis\nname: psd\npipeline: onefile\ncomment: mine\nlikelihood: {psd length: 8}\n")
    put(lite, (internal(NAME, "update", **superevent("G100002", 1419768020.0)), minute(1)))
    process(lite)
    found = picture(lite.ledger, NAME)
    assert found["gps"] == 1400000000
    assert found["alert"]["t_0"] == 1419768020.0
    assert found["analyses"]["psd"][3] == "mine"
    assert found["analyses"]["psd"][6]["likelihood"] == {"psd length": 8}


def test_an_analysis_of_the_same_name_that_a_person_made_stays_the_persons(lite: Site) -> None:
    by_hand(lite, f"kind: event\nname: {NAME}\n---\nkind: analysis\nname: psd\npipeline: other\nstatus: wait\n")
    put(lite, new())
    process(lite)
    found = picture(lite.ledger, NAME)
    assert found["analyses"]["psd"][0:2] == ["other", "wait"]
    assert found["analyses"]["psd"][4] == ""
    assert (found["source"], found["gps"], found["alert"]["far"]) == ("blueprint", 1419768018.5, 1e-10)


def test_a_superevent_that_a_person_calls_by_another_name_is_found(lite: Site) -> None:
    by_hand(lite, f"kind: event\nname: GW250101\ngid: {NAME}\n")
    put(lite, new())
    (done,) = process(lite).events
    assert done.state == "done"
    assert statuses(lite.ledger, "GW250101") == {"psd": "ready"}
    assert picture(lite.ledger, NAME) == {}


def test_what_a_persons_event_leaves_open_is_filled_in_and_kept_up_to_date(lite: Site) -> None:
    by_hand(lite, f"kind: event\nname: {NAME}\ninterferometers: [H1]\n")
    put(lite, new())
    process(lite)
    put(lite, (internal(NAME, "update", **superevent("G100002", 1419768020.0)), minute(1)))
    process(lite)
    found = picture(lite.ledger, NAME)
    assert (found["gps"], found["graceid"], found["document"]["interferometers"]) == (1419768020.0, "NAME", ["H1"])


# ---- what an earlier message asks for that comes later -----------------------------------------------------------------------
EARLY = (
    SITE_POLICY
    + """
  - name: unclassified
    when: {superevent: true, labels: {all: [EM_READY], none: [DQV]}}
    do: {apply: [early.yaml.j2]}
"""
)


def test_what_the_whole_history_does_not_ask_for_is_withdrawn_if_nobody_has_touched_it(lite: Site) -> None:
    configs = lite.settings.configs_folder
    (configs / "alert_policy.yaml").write_text(EARLY)
    (configs / "blueprints" / "early.yaml.j2").write_text(
        "kind: analysis\nname: early\npipeline: onefile\n---\nkind: analysis\nname: later\npipeline: onefile\nneeds: [early]\n"
    )
    late = (internal(NAME, "update", **superevent(labels=("EM_READY", "DQV"))), minute(2))
    put(lite, new())
    put(lite, (internal(NAME, "label_added", {"name": "EM_READY"}), minute(3)))
    process(lite)
    assert statuses(lite.ledger, NAME) == {"psd": "ready", "early": "ready", "later": "ready"}
    put(lite, (internal(NAME, "label_added", {"name": "DQV"}), minute(1)))
    put(lite, late)
    process(lite)
    assert statuses(lite.ledger, NAME) == {"psd": "ready"}
    assert "analysis withdrawn: no rule asks for it any more" in written(lite)


def test_what_is_withdrawn_may_need_what_is_added_at_the_same_moment(lite: Site) -> None:
    configs = lite.settings.configs_folder
    (configs / "alert_policy.yaml").write_text(EARLY)
    (configs / "blueprints" / "early.yaml.j2").write_text("kind: analysis\nname: early\npipeline: onefile\nneeds: [psd]\n")
    put(lite, (internal(NAME, "label_added", {"name": "EM_READY"}), minute(3)))
    process(lite)
    assert statuses(lite.ledger, NAME) == {"early": "ready"}
    put(lite, (internal(NAME, "new", **superevent(labels=("DQV",))), minute(0)))
    process(lite)
    assert statuses(lite.ledger, NAME) == {"psd": "ready"}


@pytest.mark.parametrize("who", ["a note", "a need", "a project analysis"])
def test_what_a_person_has_taken_up_is_not_withdrawn(lite: Site, who: str) -> None:
    configs = lite.settings.configs_folder
    (configs / "alert_policy.yaml").write_text(EARLY)
    (configs / "blueprints" / "early.yaml.j2").write_text("kind: analysis\nname: early\npipeline: onefile\n")
    put(lite, new())
    put(lite, (internal(NAME, "label_added", {"name": "EM_READY"}), minute(3)))
    process(lite)
    if who == "a note":
        by_hand(lite, "kind: analysis\nname: early\npipeline: onefile\ncomment: mine\n")
    elif who == "a need":
        by_hand(lite, "kind: analysis\nname: mine\npipeline: onefile\nneeds: [early]\n")
    else:
        by_hand(lite, f"kind: projectanalysis\nname: mine\npipeline: onefile\nsubjects: [{NAME}]\nneeds: [early]\n")
    put(lite, (internal(NAME, "label_added", {"name": "DQV"}), minute(1)))
    process(lite)
    assert statuses(lite.ledger, NAME)["early"] == "ready"


def test_an_event_that_no_rule_asks_for_any_more_becomes_inactive_and_comes_back(lite: Site) -> None:
    policy = lite.settings.policy_file
    policy.write_text("rules: [{name: cbc, when: {group: CBC}, do: {event: true}}]")
    put(lite, new())
    process(lite)
    assert picture(lite.ledger, NAME)["active"] is True
    policy.write_text("rules: [{name: cbc, when: {group: CBC, far: {max: 1.0e-20}}, do: {event: true}}]")
    put(lite, (internal(NAME, "label_added", {"name": "DQV"}), minute(2)))
    process(lite)
    assert picture(lite.ledger, NAME)["active"] is False
    policy.write_text(SITE_POLICY)
    replay(lite.ledger, 1, "alice@test")
    process(lite)
    assert picture(lite.ledger, NAME)["active"] is True
    assert statuses(lite.ledger, NAME) == {"psd": "ready"}
