"""asimov's priors become a prior-dict that bilby can evaluate, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gwfollow.errors import InputError
from gwfollow.pipelines.bilby_priors import prior_dict, time_width

MASSES = {"chirp mass": {"minimum": 20, "maximum": 45}, "luminosity distance": {"minimum": 100, "maximum": 1500}}


def test_names_and_usual_types_are_filled_in() -> None:
    line = prior_dict(MASSES | {"spin 1": {"maximum": 0.8}, "phi 12": {"type": "Uniform"}})
    assert "chirp_mass = bilby.gw.prior.UniformInComponentsChirpMass(minimum=20, maximum=45, name='chirp_mass')" in line
    assert "a_1 = Uniform(minimum=0, maximum=0.8, name='a_1')" in line
    assert "phi_12 = Uniform(minimum=0, maximum=2 * np.pi, boundary='periodic', name='phi_12')" in line
    assert "dec = Cosine(name='dec')" in line
    assert "tilt_2" not in line  # the blueprint speaks of spins, so all of them are its own


def test_spins_are_not_taken_as_zero_where_nothing_is_said() -> None:
    assert all(f"{name} = " in prior_dict(MASSES) for name in ("a_1", "a_2", "tilt_1", "tilt_2", "phi_12", "phi_jl"))
    assert "a_1" not in prior_dict(MASSES | {"chi 1": {"type": "Uniform", "minimum": -1, "maximum": 1}})


def test_the_sky_follows_the_reference_frame() -> None:
    assert "zenith = Sine" in prior_dict(MASSES, sky_frame=False)
    assert "ra = " not in prior_dict(MASSES, sky_frame=False)


def test_a_prior_may_be_an_argument() -> None:
    chi = {"type": "bilby.gw.prior.AlignedSpin", "a_prior": {"type": "Uniform", "minimum": 0, "maximum": 0.8}}
    assert "chi_1 = bilby.gw.prior.AlignedSpin(a_prior=Uniform(minimum=0, maximum=0.8), name='chi_1')" in prior_dict(
        MASSES | {"chi 1": chi}
    )


def test_what_is_no_parameter_is_left_out() -> None:
    line = prior_dict(MASSES | {"amplitude order": 1, "default": "BBHPriorDict", "geocentric time": {"width": 0.1}})
    assert "amplitude" not in line
    assert "default" not in line
    assert "geocent_time" not in line


def test_the_time_prior_has_a_width() -> None:
    assert time_width({}) == 0.2
    assert time_width({"geocentric time": {"width": 0.1}}) == 0.1
    with pytest.raises(InputError, match=r"priors\.geocentric time\.width"):
        time_width({"geocentric time": {"width": "wide"}})


@pytest.mark.parametrize(
    ("priors", "place"),
    [
        ({"chirp mass": {"type": "os.system", "minimum": 1, "maximum": 2}}, r"priors\.chirp mass\.type"),
        ({"chirp mass": {"type": "Uniform(0,1)) + __import__('os'", "minimum": 1, "maximum": 2}}, r"priors\.chirp mass\.type"),
        ({"chirp mass": {"minimum": "__import__('os')", "maximum": 2}}, r"priors\.chirp mass\.minimum"),
        ({"chirp mass": {"minimum": float("inf"), "maximum": 2}}, r"priors\.chirp mass\.minimum"),
        ({"chirp mass": {"minimum": 1, "maximum": 2, "unit": "'), x=Uniform('"}}, r"priors\.chirp mass\.unit"),
        ({"chirp mass": {"minimum": 1, "maximum": 2, "a=1, b": 1}}, r"priors\.chirp mass\.a=1, b"),
        ({"chirp mass": {"type": "Uniform", "minimum": 1}}, "a minimum and a maximum"),
        ({"x = y, z": {"type": "Uniform", "minimum": 1, "maximum": 2}}, "the name of a parameter"),
        ({"chirp mass": [1, 2]}, r"priors\.chirp mass"),
    ],
)
def test_what_bilby_must_not_evaluate_is_refused_by_its_place(priors: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        prior_dict(MASSES | priors)


@pytest.mark.parametrize("missing", list(MASSES))
def test_masses_and_distance_have_no_usual_bounds(missing: str) -> None:
    with pytest.raises(InputError, match=r"^priors: "):
        prior_dict({name: spec for name, spec in MASSES.items() if name != missing})


@pytest.mark.parametrize(
    "name", ["tests_test_data_blueprints_production-pe-priors.yaml", "tests_test_blueprints_gwosc_quick_test.yaml"]
)
@pytest.mark.slow
def test_bilby_evaluates_the_priors_of_real_blueprints(shared: Path, name: str) -> None:
    import bilby
    from bilby_pipe.utils import convert_prior_string_input

    documents = yaml.safe_load_all((shared / "data" / "blueprints" / name).read_text())
    priors = next(document["priors"] for document in documents if "priors" in document)
    found = bilby.gw.prior.BBHPriorDict(dictionary=convert_prior_string_input(prior_dict(priors)))
    assert found["chirp_mass"].maximum == 100
    assert found["phase"].boundary == "periodic"
    assert found["a_1"].maximum == 0.99
    assert found.sample(10)["chirp_mass"].shape == (10,)
