"""What a post-processing may say."""

from __future__ import annotations

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.blueprints import read_text

HEAD = "kind: PostProcessing\nname: standard pe\n"
STAGES = "stages: [{name: first one, pipeline: pesummary}, {name: second, pipeline: pesummary, needs: [first one], pesummary: {mode: full}}]\n"


def test_a_post_processing_is_kept_by_its_name_with_its_stages() -> None:
    reading = read_text(HEAD + STAGES, "f")
    (read,) = reading.blueprints
    assert (read.kind, read.name) == ("postprocessing", "standard-pe")
    assert read.document == {
        "postprocessing": {
            "standard-pe": {
                "stages": [
                    {"name": "first-one", "pipeline": "pesummary"},
                    {"name": "second", "pipeline": "pesummary", "needs": ["first-one"], "pesummary": {"mode": "full"}},
                ]
            }
        }
    }
    assert [warning.rpartition("): ")[2] for warning in reading.warnings] == [
        "the name 'standard pe' has spaces; it was read as 'standard-pe'",
        "the name 'first one' has spaces; it was read as 'first-one'",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "f, document 1 (postprocessing standard pe), stages: found None, expected a value"),
        (HEAD + "stages: []", "stages: found [], expected"),
        (HEAD + "stages: [summary]", "stages.0: found 'summary', expected a mapping"),
        (HEAD + "stages: [{name: a}]", "stages.0.pipeline: found None, expected a value"),
        (HEAD + "stages: [{name: ../a, pipeline: psd}]", "stages.0.name: found '../a'"),
        (HEAD + "stages: [{name: a, pipeline: psd}, {name: a, pipeline: psd}]", "expected stages with a name each"),
        (
            HEAD + "stages: [{name: a, pipeline: psd, needs: [b]}]",
            "expected needs that are stages of the same post-processing (a), not 'b'",
        ),
        (
            HEAD + "stages: [{name: a, pipeline: psd, needs: [b]}, {name: b, pipeline: psd, needs: [a]}]",
            "expected stages without the circle a needs b needs a",
        ),
        (HEAD + "stages: [{name: a, pipeline: psd, analyses: [x]}]", "stages[0]: found 'analyses', expected a stage without it"),
        (HEAD + "stages: [{name: a, pipeline: psd, status: done}]", "stages[0].status: found 'done', expected one of"),
        (HEAD + STAGES + "subject: all", "analyses: found None, expected the analyses that it works on, since it has a subject"),
        (HEAD + STAGES + "analyses: [[]]", "analyses[0]: found [], expected conditions"),
        (
            "kind: configuration\npostprocessing: {x: {stages: [{name: a}]}}",
            "f, document 1 (configuration project), postprocessing.x, stages.0.pipeline: found None",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_text(text, "f")
    assert message in str(error.value)


def test_a_configuration_may_hold_them_beside_settings_of_pipelines_as_it_is_exported() -> None:
    text = "kind: configuration\npostprocessing: {x y: {stages: [{name: a b, pipeline: psd}]}, pesummary: {cosmology: Planck15}}"
    (read,) = read_text(text, "f").blueprints
    assert read.document == {
        "postprocessing": {"x-y": {"stages": [{"name": "a-b", "pipeline": "psd"}]}, "pesummary": {"cosmology": "Planck15"}}
    }
