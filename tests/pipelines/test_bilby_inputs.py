"""asimov's keys as bilby_pipe's options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gwfollow.errors import InputError
from gwfollow.ledger.merge import deep_merge
from gwfollow.pipelines.bilby_inputs import BilbyInputs, gather
from gwfollow.schedulers.base import Resources


@pytest.fixture
def gathered(make_task: Any) -> Any:
    """``gathered(changes)``: what becomes of the document with these changes."""

    def make(changes: dict[str, Any] | None = None, **fields: Any) -> BilbyInputs:
        return gather(make_task(changes, **fields), "label")

    return make


def test_a_real_event_of_the_catalogue_is_understood(make_task: Any, shared: Path) -> None:
    """GW150914 with asimov's production defaults, frames by datafind and PSDs among what it needs."""
    folder = shared / "data" / "blueprints"
    event = yaml.safe_load((folder / "tests_test_data_blueprints_GW150914_095045.yaml").read_text())
    defaults = yaml.safe_load((folder / "tests_test_data_blueprints_production-pe.yaml").read_text())
    priors = yaml.safe_load((folder / "tests_test_data_blueprints_production-pe-priors.yaml").read_text())
    bilby = defaults.pop("pipelines")["bilby"]
    document = deep_merge(
        defaults,
        priors,
        bilby,
        event,
        {"waveform": {"approximant": "IMRPhenomXPHM", "arguments": {"PhenomXHMReleaseVersion": 122022}}},
    )
    found = gather(replace(make_task(), document=document, gps=event["event time"], resources=Resources(cpus=16)), "Prod0")
    assert found.frame_types == {"H1": "H1_HOFT_C02", "L1": "L1_HOFT_C02"}
    assert found.channels == {"H1": "DCS-CALIB_STRAIN_C02", "L1": "DCS-CALIB_STRAIN_C02"}
    assert (found.duration, found.post_trigger, found.sample_rate) == (4, 2, 2048)
    assert found.minimum_frequency == {"H1": 20, "L1": 20, "waveform": pytest.approx(13.3333, abs=1e-4)}
    assert found.maximum_frequency == {"H1": 896, "L1": 896}
    assert found.accounting == "ligo.prod.o4.cbc.pe.bilby"
    assert found.cpus == 16
    assert (
        "chirp_mass = bilby.gw.prior.UniformInComponentsChirpMass(minimum=21.418182160215295, maximum=41.97447913941358"
        in found.prior_dict
    )


def test_the_source_model_fits_the_likelihood_unless_said(gathered: Any) -> None:
    assert gathered().source_model == "lal_binary_black_hole"
    banded = {"likelihood": {"type": "MBGravitationalWaveTransient"}}
    assert gathered(banded).source_model == "binary_black_hole_frequency_sequence"
    assert gathered(deep_merge(banded, {"waveform": {"frequency domain source model": "own_model"}})).source_model == "own_model"


@pytest.mark.slow
def test_a_likelihood_of_somebody_else_must_be_there(gathered: Any) -> None:
    assert gathered({"likelihood": {"type": "bilby.gw.likelihood.GravitationalWaveTransient"}}).likelihood_type.startswith(
        "bilby."
    )
    with pytest.raises(InputError, match=r"likelihood\.type"):
        gathered({"likelihood": {"type": "bilby.gw.likelihood.NoSuchTransient"}})


def test_the_segment_may_be_given_by_its_start(gathered: Any) -> None:
    assert gathered({"likelihood": {"segment start": 1126259459.4}}).post_trigger == pytest.approx(1.0)
    with pytest.raises(InputError, match=r"likelihood\.segment start"):
        gathered({"likelihood": {"segment start": 1126259463.0}})


def test_accounting_has_a_dot_or_is_not_asked_for(gathered: Any) -> None:
    plain = {"scheduler": {"accounting group": None}}
    assert "." in gathered(plain, resources=Resources()).accounting
    with pytest.raises(InputError, match=r"scheduler\.accounting group: found 'nodot'"):
        gathered(resources=Resources(accounting_group="nodot"))


def test_memory_is_in_gigabytes(gathered: Any) -> None:
    found = gathered({"scheduler": {"request memory": "1536 MB"}}, resources=Resources(memory_mb=1536))
    assert (found.memory_gb, found.generation_memory_gb) == (1.5, 1.5)
    assert gathered({"scheduler": {"request generation memory": "2048 MB"}}).generation_memory_gb == 2
    assert gathered().memory_gb == 4
    with pytest.raises(InputError, match="request generation memory"):
        gathered({"scheduler": {"request generation memory": "much"}})


@pytest.mark.parametrize(("name", "value"), [("A B", "1"), ("PATH", "/a:/b"), ("X", "a, Y: b"), ("X", "$(rm)")])
def test_the_jobs_environment_has_plain_values(gathered: Any, name: str, value: str) -> None:
    assert gathered().environment["OMP_NUM_THREADS"] == 1
    with pytest.raises(InputError, match=r"scheduler\.environment variables"):
        gathered({"scheduler": {"environment variables": {name: value}}})


def test_a_time_before_the_event_is_known_is_refused(gathered: Any) -> None:
    with pytest.raises(InputError, match="event time"):
        gathered(gps=None)
