"""The alert policy: what it asks, what it refuses, and what it says why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from gwfollow.alerts import templates
from gwfollow.alerts.conditions import When
from gwfollow.alerts.history import State
from gwfollow.alerts.policy import evaluate, load, parse
from gwfollow.alerts.wanted import decide
from gwfollow.errors import InputError

CBC = State(
    superevent_id="S250101a", far=1e-9, significant=True, group="CBC", pipeline="gstlal", search="AllSky", instruments=("H1", "L1"),
    classification={"BBH": 0.7, "BNS": 0.1}, properties={"HasNS": 0.2}, labels=("ADVOK", "SKYMAP_READY"), kind="initial",
)  # fmt: skip
NOTHING = State(superevent_id="S250101a", kind="label_added")


def ask(when: dict[str, Any], state: State) -> tuple[bool | None, str]:
    answer = When.model_validate(when).ask(state)
    return answer.yes, answer.why


@pytest.mark.parametrize(
    ("when", "answer", "why"),
    [
        ({}, True, ""),
        ({"far": {"max": 1e-9}}, True, ""),
        ({"far": {"max": "1e-10"}}, False, "far is 1e-09 Hz, not at most 1e-10 Hz"),
        ({"far": {"min": 1e-8, "max": 1e-6}}, False, "far is 1e-09 Hz, not at least 1e-08 Hz and at most 1e-06 Hz"),
        ({"group": "cbc"}, True, ""),
        ({"group": ["Burst", "External"]}, False, "group is CBC, not Burst or External"),
        ({"pipeline": ["GstLAL"], "search": "allsky"}, True, ""),
        ({"classification": {"BBH": ">= 0.7"}}, True, ""),
        ({"classification": {"BBH": "> 0.7"}}, False, "classification.BBH is 0.7, not > 0.7"),
        ({"classification": {"NSBH": "> 0"}}, None, "classification.NSBH is unknown"),
        ({"properties": {"HasNS": "< 0.5"}}, True, ""),
        ({"instruments": {"all": ["H1"], "any": ["V1", "L1"], "min": 2}}, True, ""),
        ({"instruments": {"all": ["V1"]}}, False, "instruments are H1, L1, without V1"),
        ({"instruments": {"min": 3}}, False, "instruments are H1, L1, fewer than 3"),
        ({"instruments": {"any": ["V1", "K1"]}}, False, "instruments are H1, L1, none of V1, K1"),
        ({"labels": {"all": ["ADVOK"], "any": ["DQV", "SKYMAP_READY"], "none": ["INJ"]}}, True, ""),
        ({"labels": {"none": ["ADVOK"]}}, False, "has the label ADVOK"),
        ({"labels": {"all": ["DQV"]}}, False, "has no label DQV"),
        ({"category": ["Test", "MDC"]}, False, "category is Production, not Test or MDC"),
        ({"significant": False}, False, "significant is true, not false"),
        ({"kind": ["initial", "update"], "role": "observation", "superevent": True, "external": False}, True, ""),
        ({"any": [{"group": "Burst"}, {"far": {"max": 1}}]}, True, ""),
        ({"any": [{"group": "Burst"}, {"far": {"max": 0}}]}, False,
         "none of: group is CBC, not Burst; far is 1e-09 Hz, not at most 0 Hz"),
        ({"all": [{"group": "CBC"}, {"far": {"max": 0}}]}, False, "far is 1e-09 Hz, not at most 0 Hz"),
        ({"not": {"group": "Burst"}}, True, ""),
        ({"not": {"group": "CBC", "far": {"max": 1}}}, False, "what stands under not (far, group) is so"),
    ],
)  # fmt: skip
def test_a_condition_says_yes_or_no_and_what_it_found(when: dict[str, Any], answer: bool | None, why: str) -> None:
    found, said = ask(when, CBC)
    assert found is answer
    assert answer is True or said == why


@pytest.mark.parametrize(
    "when",
    [
        {"far": {"max": 1}}, {"group": "CBC"}, {"pipeline": "gstlal"}, {"search": "AllSky"}, {"significant": False},
        {"significant": True}, {"classification": {"BBH": "< 1"}}, {"properties": {"HasNS": "<= 1"}}, {"instruments": {"min": 1}},
    ],
)  # fmt: skip
def test_what_nobody_has_told_never_passes_not_even_turned_round(when: dict[str, Any]) -> None:
    for wrapped in (when, {"not": when}, {"not": {"not": when}}, {"any": [when]}, {"all": [when, {}]}, {"not": {"any": [when]}}):
        answer, why = ask(wrapped, NOTHING)
        assert answer is None
        assert "unknown" in why


def test_one_known_yes_is_enough_for_any_and_one_known_no_for_all() -> None:
    unknown = {"far": {"max": 1}}
    assert ask({"any": [unknown, {"kind": "label_added"}]}, NOTHING)[0] is True
    assert ask({"not": {"all": [unknown, {"kind": "initial"}]}}, NOTHING)[0] is True


def test_all_rules_that_match_count_up_to_the_first_that_ignores() -> None:
    policy = parse(
        """
        rules:
        - {name: a, when: {group: CBC}, do: {apply: [one.j2]}}
        - {name: b, when: {group: Burst}, do: {event: true}}
        - {name: c, do: {apply: [two.j2, one.j2], notify: [journal]}}
        - {name: d, when: {far: {max: 1}}, do: {ignore: true}}
        - {name: e, do: {apply: [three.j2]}}
        """,
        "policy",
    )
    decision = evaluate(policy, CBC)
    assert decision.apply == (("a", "one.j2"), ("c", "two.j2"), ("c", "one.j2"))
    assert decision.notify == (("c", "journal"),)
    assert [(said.rule, said.matched) for said in decision.said] == [("a", True), ("b", False), ("c", True), ("d", True)]
    assert (decision.event, decision.ignored_by) == (True, "d")
    assert evaluate(policy, NOTHING).ignored_by is None


def test_what_was_asked_for_once_stays_asked_for() -> None:
    policy = parse("rules: [{name: a, when: {classification: {BBH: '> 0.5'}}, do: {apply: [one.j2]}}]", "policy")
    later = State(superevent_id="S250101a", classification={"BBH": 0.1})
    wanted, decisions = decide(policy, [NOTHING, CBC, later])
    assert wanted.event
    assert wanted.apply == (("a", "one.j2"),)
    assert [decision.event for decision in decisions] == [False, True, False]
    assert not decide(policy, [NOTHING, later])[0].event


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules: [{name: a, do: {event: true}, when: {far: {max: -1}}}]", r"rules\[0\]\.when\.far\.max: found -1, expected a number of at least 0"),
        ("rules: [{name: a, do: {event: true}, when: {far: {maximum: 1}}}]", r"rules\[0\]\.when\.far\.maximum: there is no such key"),
        ("rules: [{name: a, do: {event: true}, when: {any: [{fra: 1}]}}]", r"rules\[0\]\.when\.any\[0\]\.fra: there is no such key"),
        ("rules: [{name: a, do: {event: true}, when: {classification: {BBH: 0.5}}}]", r"classification\.BBH: found 0.5, expected a comparison"),
        ("rules: [{name: a, do: {event: true}, when: {classification: {BBH: '>= 5'}}}]", "expected a comparison with a probability"),
        ("rules: [{name: a, do: {event: true}, when: {category: [Prod]}}]", r"rules\[0\]\.when\.category\[0\]: found 'Prod'"),
        ("rules: [{name: a, do: {event: true}, when: {kind: neww}}]", "expected a kind of alert"),
        ("rules: [{name: a, do: {event: true}, when: {any: []}}]", "expected at least one"),
        ("rules: [{name: a, do: {}}]", "expected ignore alone, or at least one of event, apply and notify"),
        ("rules: [{name: a, do: {ignore: true, event: true}}]", "ignore alone"),
        ("rules: [{name: a, do: {apply: [../../secret]}}]", r"rules\[0\]\.do\.apply\[0\]: found '../../secret'"),
        ("rules: [{name: a, do: {apply: [/etc/passwd]}}]", r"found '/etc/passwd'"),
        ("rules: [{name: a, do: {apply: [.hidden]}}]", "found '.hidden'"),
        ("rules: [{name: a, do: {notify: [everybody]}}]", r"rules\[0\]\.do\.notify\[0\]: found 'everybody'"),
        ("rules: [{name: a b, do: {event: true}}]", r"rules\[0\]\.name: found 'a b'"),
        ("rules: [{name: a, do: {event: true}}, {name: a, do: {ignore: true}}]", "each name once; twice there: a"),
        ("rules: [{name: a}]", r"rules\[0\]\.do: found None, expected a value"),
        ("rules: {a: b}", r"policy\.yaml, rules"),
        ("- rules", "expected one document, a mapping"),
        ("rules: []\n---\nrules: []", "expected one document"),
        ("rules: !!python/object/apply:os.system ['true']", "plain data without YAML tags"),
        ("rules: [}", "not YAML"),
    ],
)  # fmt: skip
def test_a_policy_with_a_mistake_is_refused_with_the_place_of_it(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse(text, "alert policy policy.yaml")
    assert str(caught.value).startswith("alert policy policy.yaml")


def test_a_yaml_bomb_is_refused_at_once() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    with pytest.raises(InputError, match="at most 50000 values"):
        parse(bomb + "rules: *a8\n", "policy")


def test_a_template_that_is_not_there_is_told_with_its_rule(tmp_path: Path) -> None:
    (tmp_path / "blueprints").mkdir()
    (tmp_path / "p.yaml").write_text("rules: [{name: a, do: {apply: [none.yaml.j2]}}]")
    with pytest.raises(InputError, match=r"rules\[0\]\.do\.apply\[0\] \(rule a\): found 'none\.yaml\.j2', expected a file in"):
        load(tmp_path / "p.yaml", tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "q.yaml", tmp_path)


# ---- the policy that comes with gwfollow -------------------------------------------------------------------------------------
@pytest.fixture
def shipped(checkout: Path) -> Path:
    return checkout / "include" / "configs"


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({}, ["significant-cbc", "significant-bbh"]),
        ({"significant": None}, ["significant-cbc", "significant-bbh"]),
        ({"significant": None, "far": 1e-6}, []),
        ({"significant": False, "far": 1e-6}, ["low-significance"]),
        ({"classification": {"BNS": 0.9, "BBH": 0.0}}, ["significant-cbc", "significant-ns"]),
        ({"classification": None}, ["significant-cbc"]),
        ({"group": "Burst", "classification": None, "properties": None}, ["significant-burst"]),
        ({"category": "MDC", "role": "test"}, ["mock"]),
        ({"labels": ("INJ",)}, ["injection"]),
        ({"superevent": False}, ["no-superevent"]),
    ],
)
def test_the_policy_of_gwfollow(shipped: Path, change: dict[str, Any], rules: list[str]) -> None:
    from dataclasses import replace

    policy = load(shipped / "alert_policy.yaml", shipped)
    decision = evaluate(policy, replace(CBC, **change))
    assert [said.rule for said in decision.said if said.matched] == rules


def test_the_documentation_of_the_policy_names_every_key(shipped: Path) -> None:
    text = (shipped / "alert_policy.yaml").read_text()
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    for key in [field.alias or name for name, field in When.model_fields.items()]:
        assert f"{key}: " in comments, key


def test_every_example_in_the_documentation_of_the_policy_is_right(shipped: Path) -> None:
    lines = (shipped / "alert_policy.yaml").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("#   when "))
    examples = [line[6:].split("   ")[0] for line in lines[start + 1 :] if line.startswith("#     ") and ": " in line[:20]]
    examples = [
        text
        for text in examples
        if not text.startswith("What") and "{...}" not in text and text.split(":")[0] in When.model_fields
    ]
    assert len(examples) > 12
    for text in examples:
        When.model_validate(yaml.safe_load(text))


def test_the_templates_of_gwfollow_give_analyses_that_fetch_their_own_strain(shipped: Path) -> None:
    env = templates.environment(shipped)
    for example in templates.examples():
        found = {}
        for name in ("alert-psd.yaml.j2", "alert-bbh.yaml.j2", "alert-ns.yaml.j2"):
            found |= {
                b.name: (b.pipeline, b.status, b.document.get("needs")) for b in templates.render(env, name, "S250101a", example)
            }
        assert found == {
            "get-data": ("gwdata", "ready", None),
            "psd": ("psd", "ready", ["get-data"]),
            "bilby-bbh": ("bilby", "ready", ["get-data", "psd"]),
            "pesummary-bbh": ("pesummary", "ready", ["bilby-bbh"]),
            "bilby-ns": ("bilby", "ready", ["get-data", "psd"]),
            "pesummary-ns": ("pesummary", "ready", ["bilby-ns"]),
        }


# ---- templates and what strangers write ---------------------------------------------------------------------------------------
EVIL = [
    "CBC\nkind: configuration",
    'CBC"\nstatus: "running',
    "{{ 7 * 7 }}",
    "{% for x in range(9) %}x{% endfor %}",
    "x: y",
    "&a [*a]",
    "!!python/none",
    "# gone",
    "a, b: c}",
    "${HOME}",
    "\u2028next: line",
]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "blueprints").mkdir()
    return tmp_path


def write(folder: Path, text: str, name: str = "t.j2") -> None:
    (folder / "blueprints" / name).write_text(text)


def rendered(folder: Path, state: State, name: str = "t.j2") -> list[Any]:
    return templates.render(templates.environment(folder), name, state.superevent_id, state)


@pytest.mark.parametrize("evil", EVIL)
def test_what_an_alert_says_stays_data_whatever_it_looks_like(made: Path, evil: str) -> None:
    state = State(superevent_id="S250101a", group=evil, pipeline=evil, preferred_event=evil, instruments=())
    write(made, "kind: analysis\nname: a\npipeline: psd\nnote: {{ group | tojson }}\nlist: [{{ pipeline | tojson }}]\n")
    if not evil.isprintable():  # line breaks are no text for a document
        with pytest.raises(InputError, match="control characters"):
            rendered(made, state)
        return
    (blueprint,) = rendered(made, state)
    assert (blueprint.document["note"], blueprint.document["list"]) == (evil, [evil])
    assert (blueprint.kind, blueprint.status) == ("analysis", "ready")


@pytest.mark.parametrize("evil", EVIL)
def test_a_template_that_forgets_tojson_is_refused_rather_than_deceived(made: Path, evil: str) -> None:
    write(made, "kind: analysis\nname: a\npipeline: psd\nnote: {{ group }}\n")
    assert rendered(made, State(superevent_id="S250101a", group="CBC"))[0].document["note"] == "CBC"
    with pytest.raises(InputError, match=r"print it with \| tojson"):
        rendered(made, State(superevent_id="S250101a", group=evil))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ no_such }}", "'no_such' is undefined"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{% for a in [1] %}", "template t.j2, line 1"),
        ("{% include '../secret' %}", "template t.j2"),
        ("{% include 'link' %}", "leads out of"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("kind: configuration\ndata: {}\n", "no configuration"),
        ("kind: projectanalysis\nname: a\npipeline: psd\nsubjects: [S250101a]\n", "no projectanalysis"),
        ("kind: postprocessing\nname: a\nstages: [{name: b, pipeline: psd}]\n", "no postprocessing"),
        ("kind: analysisbundle\nname: a\nanalyses: [../secret]\n", "cannot be looked for, since this text is no file"),
        ("kind: analysis\nname: a\npipeline: psd\nevent: S250101b\n", "the event of the alert"),
        ("kind: event\nname: S250101b\n", "the event of the alert"),
        ("kind: analysis\nname: ../a\npipeline: psd\n", "letters, digits"),
        ("{{ gps.far }}", "template t.j2"),
    ],
)
def test_a_template_that_is_wrong_is_told_by_name(made: Path, text: str, message: str) -> None:
    (made / "secret").write_text("kind: analysis\nname: stolen\npipeline: psd\n")
    (made / "blueprints" / "link").symlink_to(made / "secret")
    write(made, text)
    with pytest.raises(InputError, match=message):
        rendered(made, CBC)


def test_a_template_may_have_nothing_for_an_event(made: Path) -> None:
    write(
        made,
        "{# a loop #}\n{% for ifo in instruments or [] %}\nkind: analysis\nname: a-{{ ifo }}\npipeline: psd\n---\n{% endfor %}",
    )
    assert rendered(made, State(superevent_id="S250101a", instruments=())) == []
    assert rendered(made, State(superevent_id="S250101a", instruments=("H1",)))[0].name == "a-H1"


def test_a_template_outside_its_folder_is_not_read(made: Path) -> None:
    (made / "secret").write_text("kind: analysis\nname: stolen\npipeline: psd\n")
    (made / "blueprints" / "link").symlink_to(made / "secret")
    for name in ("../secret", "link", str(made / "secret")):
        with pytest.raises(InputError):
            rendered(made, CBC, name)


def test_a_template_cannot_change_what_the_next_one_sees(made: Path) -> None:
    write(made, "{% do classification.clear() %}", "a.j2")
    write(made, "kind: analysis\nname: a\npipeline: psd\nbbh: {{ classification.BBH }}\n", "b.j2")
    with pytest.raises(InputError):
        rendered(made, CBC, "a.j2")
    assert rendered(made, CBC, "b.j2")[0].document["bbh"] == 0.7


def test_a_site_can_have_a_policy_and_templates_of_its_own(shipped: Path, tmp_path: Path) -> None:
    shutil.copytree(shipped, tmp_path / "configs")
    (tmp_path / "mine.yaml").write_text("rules: [{name: all, do: {apply: [alert-psd.yaml.j2]}}]")
    assert load(tmp_path / "mine.yaml", tmp_path / "configs").templates == ["alert-psd.yaml.j2"]
