"""The file of state checks that people edit: what gwfollow brings is whole, and a slip of the pen is refused with its path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gwfollow.data.lookup import Folder
from gwfollow.errors import InputError
from gwfollow.quality.bits import FILE, Questions, load, questions

GPS = 1187008882.4


@pytest.fixture(scope="module")
def configs(checkout: Path) -> Path:
    return checkout / "include" / "configs"


def asked(configs: Path, *detectors: str, **document: Any) -> Questions:
    return questions(configs, document, event="GW170817", gps=GPS, interferometers=detectors)


def bits(found: Questions) -> dict[str, set[str]]:
    return {question.channel: {bit.name for bit in question.bits.values()} for question in found.questions}


def test_the_bits_are_those_that_ligo_and_virgo_document(configs: Path) -> None:
    found = {question.channel: question.bits for question in asked(configs, "H1", "V1").questions}
    calibration = {number: bit.name for number, bit in found["H1:GDS-CALIB_STATE_VECTOR"].items()}
    assert calibration == {
        0: "HOFT_OK", 1: "OBSERVATION_INTENT", 5: "NO_STOCH_HW_INJ", 6: "NO_CBC_HW_INJ", 7: "NO_BURST_HW_INJ", 8: "NO_DETCHAR_HW_INJ",
    }  # fmt: skip
    virgo = {number: bit.name for number, bit in found["V1:DQ_ANALYSIS_STATE_VECTOR"].items()}
    assert virgo == calibration | {10: "GOOD_DATA_QUALITY_CAT1"}
    monitor = {number: bit.name for number, bit in found["H1:DMT-DQ_VECTOR"].items()}
    assert monitor == {1: "NO_OMC_DCPD_ADC_OVERFLOW", 2: "NO_DMT-ETMY_ESD_DAC_OVERFLOW"}


def test_bits_named_hw_inj_speak_of_injections_and_no_others(configs: Path) -> None:
    every = [bit for vector in load(configs).vectors for bit in vector.bits.values()]
    assert all(bit.injection == bit.name.endswith("_HW_INJ") for bit in every)


@pytest.mark.parametrize("pipeline", ["gstlal", "spiir", "pycbc", "MBTA", "CWB", "cwb"])
def test_searches_on_gated_strain_are_not_asked_about_overflows(configs: Path, pipeline: str) -> None:
    found = asked(configs, "H1", "V1", pipeline=pipeline)
    assert not any("DMT" in channel for channel in bits(found))
    assert found.not_asked == (f"H1:DMT-DQ_VECTOR: {pipeline} takes gated strain",)


@pytest.mark.parametrize("pipeline", ["oLIB", "MLy", "a new one", None])
def test_all_others_are(configs: Path, pipeline: str | None) -> None:
    assert any("DMT" in channel for channel in bits(asked(configs, "H1", pipeline=pipeline)))


def test_bits_of_a_group_are_asked_of_its_events_and_where_no_group_is_known(configs: Path) -> None:
    burst = {"SDF_NOMINAL", "NO_ETMX_OVERFLOW", "NO_ETMY_OVERFLOW"}
    vector = "K1:DET-DQ_STATE_VECTOR"
    assert burst <= bits(asked(configs, "K1", group="burst"))[vector]
    assert burst <= bits(asked(configs, "K1"))[vector]
    assert not burst & bits(asked(configs, "K1", group="CBC"))[vector]


def test_a_vector_without_a_bit_for_the_group_is_left_out_and_told(configs: Path) -> None:
    only = [{"channel": "X", "detectors": ["H1"], "frames": "low latency", "bits": {"0": {"name": "A", "groups": ["Burst"]}}}]
    assert asked(configs, "H1", vectors=only, group="CBC").not_asked == ("H1:X: nothing for CBC",)


@pytest.mark.parametrize(
    ("document", "window"),
    [
        ({}, (GPS - 2, GPS + 2)),
        ({"start": GPS - 1, "end": GPS + 0.5}, (GPS - 3, GPS + 2.5)),
        ({"start": GPS - 1}, (GPS - 3, GPS + 2)),
        ({"pipeline": "CWB"}, (GPS - 1.5, GPS + 1.5)),
        ({"window": {"before": 8}}, (GPS - 8, GPS + 2)),
        ({"window": {"before": 8}, "pipeline": "CWB"}, (GPS - 8, GPS + 2)),
    ],
    ids=["time", "begin and end", "begin", "search", "own", "own before the search's"],
)
def test_the_window_is_the_event_with_pads(configs: Path, document: dict[str, Any], window: tuple[float, float]) -> None:
    assert asked(configs, "H1", **document).window == pytest.approx(window)


def test_frame_types_are_looked_for_once_and_only_for_detectors_that_took_part(configs: Path) -> None:
    assert [(one.ifo, one.frame_type) for one in asked(configs, "H1", "V1").look_ups] == [
        ("H1", "H1_llhoft"),
        ("V1", "V1_llhoft"),
    ]


@pytest.mark.parametrize(
    "types",
    [
        {"H1_SIM_DQ": {"look up": [{"folder": "/frames"}], "timeout": 7}},
        [{"frame_type": "H1_SIM_DQ", "ways": [{"way": "folder", "path": "/frames"}], "timeout": 7}],
    ],
    ids=["as channel sets", "as gwfollow stores it"],
)
def test_an_analysis_lays_its_own_words_over_the_file(configs: Path, types: Any) -> None:
    found = asked(configs, "H1", "L1", frames={"low latency": {"H1": types}})
    assert [(one.frame_type, one.timeout) for one in found.look_ups] == [("H1_SIM_DQ", 7), ("L1_llhoft", 120)]
    assert found.look_ups[0].ways == (Folder(path="/frames"),)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"pipelin": "gstlal"}, "no key is called 'pipelin'"),
        ({"window": {"befor": 1}}, r"no key is called 'window\.befor'"),
        ({"window": {"before": "long"}}, r"window\.before: found 'long'"),
        ({"start": 5.0}, r"start and end: found \[5\.0"),
        ({"start": GPS + 1, "end": GPS - 1}, "start and end"),
        ({"group": ["CBC"]}, "checks, group"),
        ({"labels": {"counts": []}}, "labels are the site's"),
        ({"frames": {"low latency": {"H1": {"H1_T": {"look up": [{"folder": "here"}]}}}}}, r"H1_T\.look up\[0\]\.folder"),
        ({"frames": {"low latency": {"H1": 5}}}, "frames"),
        ({"frames": 5}, "frames"),
        ({"file": "../secrets.yaml"}, "checks, file"),
        ({"file": "none.yaml"}, "checks, file: found .none.yaml., expected a file of the folder"),
        ({"vectors": [{"channel": "X", "detectors": ["G1"], "frames": "low latency", "bits": {"0": {"name": "A"}}}]}, "no frame type of G1"),
        ({"vectors": [{"channel": "X", "detectors": ["H1"], "frames": "low latency", "bits": {"53": {"name": "A"}}}]}, "vectors"),
        ({"vectors": [{"channel": "X", "detectors": ["H1"], "frames": "low latency", "bits": {}}]}, "vectors"),
        (
            {
                "vectors": [
                    {"channel": name, "detectors": ["H1"], "frames": "low latency", "bits": {"0": {"name": "A"}}} for name in ("X", "Y")
                ]
            },
            "H1 A is asked of X and of Y",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(configs: Path, document: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        asked(configs, "H1", **document)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ({"passed": {"remove": ["INJ"]}}, "INJ says that a signal was put in"),
        ({"unknown": {"add": ["DQOK"], "take_back": []}}, "unknown is never pass"),
        ({"failed": {"add": ["DQV"], "remove": ["DQV"]}}, "DQV is named twice"),
        ({"fail": {}}, r"no key is called 'labels\.fail'"),
    ],
)
def test_a_policy_of_labels_that_cannot_be_meant_is_refused(configs: Path, labels: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load(configs, overrides={"labels": labels})


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("- 1\n")
    with pytest.raises(InputError, match="one mapping"):
        load(tmp_path)
