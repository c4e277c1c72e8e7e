"""asimov's own blueprints of bayeswave, lalinference and RIFT: every value arrives in the configuration under the builder's own name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gwfollow.ledger.merge import deep_merge, pipeline_defaults
from gwfollow.life.site import resources_of
from gwfollow.pipelines import registry, rift_inputs
from gwfollow.pipelines.base import Task

#: what other blueprints of the event and the project give
REST: dict[str, Any] = {
    "data": {"frame types": {"H1": "H1_HOFT_C01", "L1": "L1_HOFT_C01"}},
    "priors": {"mass 1": {"minimum": 1, "maximum": 1000}, "spin 1": {"maximum": 0.99}, "spin 2": {"maximum": 0.99}},
    "sampler": {},
}

#: keys that say which analysis it is, not what it does
LEDGER = frozenset({"kind", "name", "status", "pipeline", "comment", "needs"})
#: path in the blueprint -> section and option, of each builder
STATE_VECTORS = {f"quality.state vector.{ifo}": ("statevector", "state-vector-channel", ifo) for ifo in ("H1", "L1")}
BAYESWAVE = {
    "likelihood.iterations": ("bayeswave_options", "Niter"),
    "likelihood.chains": ("bayeswave_options", "Nchain"),
    "likelihood.threads": ("bayeswave_options", "Nthreads"),
    "likelihood.roll off time": ("input", "rolloff"),
    "scheduler.accounting group": ("condor", "accounting-group"),
    "scheduler.request memory": ("condor", "bayeswave-request-memory"),
    "scheduler.request post memory": ("condor", "bayeswave_post-request-memory"),
}
LALINFERENCE = {"waveform.approximant": ("engine", "approx"), **STATE_VECTORS}
RIFT = {
    "waveform.approximant": ("rift-pseudo-pipe", "approx"),
    "scheduler.accounting group": ("rift-pseudo-pipe", "accounting_group"),
    **STATE_VECTORS,
}


def leaves(document: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{place}{key}.")
        elif place or key not in LEDGER:
            yield f"{place}{key}", value


@pytest.fixture
def render(make_task: Any, shared: Path) -> Any:
    """``render(file, pipeline)``: the blueprint's document and the configuration that it gives, in sections."""

    def run(file: str, pipeline: str) -> tuple[dict[str, Any], dict[str, Any], str]:
        blueprint = yaml.safe_load((shared / "data" / "blueprints" / file).read_text())
        said = dict(pipeline_defaults(blueprint, pipeline)) if blueprint["kind"] == "configuration" else blueprint
        document = deep_merge(REST, said)
        task: Task = make_task(document, pipeline=pipeline, resources=resources_of(document.get("scheduler") or {}))
        built = registry.find(str(blueprint.get("pipeline", pipeline)))(task)
        built.before_config(dryrun=True)
        built.build_dag(dryrun=True)
        (ini,) = task.folder.glob("*.ini")
        return said, type(built).read_ini(ini), ini.read_text()

    return run


@pytest.mark.parametrize(
    ("file", "pipeline", "names"),
    [
        ("docs_source_ligo-cookbook_defaults_bayeswave.yaml", "bayeswave", BAYESWAVE),
        ("tests_test_blueprints_bayeswave_quick_test.yaml", "bayeswave", BAYESWAVE),
        ("tests_test_blueprints_lalinference_quick_test.yaml", "lalinference", LALINFERENCE),
        ("tests_test_data_blueprints_rift.yaml", "rift", RIFT),
    ],
)
def test_every_value_arrives(render: Any, file: str, pipeline: str, names: dict[str, tuple[str, ...]]) -> None:
    said, ini, text = render(file, pipeline)
    values = dict(leaves(said))
    assert values
    for path, value in values.items():
        if path.endswith(".V1"):
            assert str(value) not in text  # the event of this test has no Virgo
        elif pipeline == "bayeswave" and path.startswith("quality.state vector"):
            assert f"# state vector of {path[-2:]}: {value} (bayeswave_pipe has no option for it)" in text
        else:
            found: Any = ini
            for step in names[path]:
                found = found[step]
            assert found == (f"{value} MB" if "memory" in path else value), path


def test_the_defaults_of_a_catalogue_reach_rift_and_bayeswave(render: Any) -> None:
    _, ini, text = render("tests_test_data_blueprints_production-pe.yaml", "rift")
    options = ini["rift-pseudo-pipe"]
    assert (options["cip-fit-method"], options["cip-explode-jobs-auto"]) == ("rf", True)
    assert (options["ile-n-eff"], options["ile-jobs-per-worker"]) == (10, 100)
    assert options["internal-use-aligned-phase-coordinates"] is True
    assert options["accounting_group"] == "ligo.prod.o4.cbc.pe.rift"
    assert options["internal-ile-request-memory"] == 1024
    _, ini, text = render("tests_test_data_blueprints_production-pe.yaml", "bayeswave")
    assert ini["bayeswave_options"]["Niter"] == 250000
    assert "4096 MB" in text


def test_a_generic_job_of_a_test_pipeline_is_refused_with_the_pipelines_that_there_are(render: Any) -> None:
    """The file is called bayeswave.yaml, and asks for asimov's SimpleTestPipeline."""
    with pytest.raises(Exception, match=r"pipeline: found 'SimpleTestPipeline', expected one of .*bayeswave, bilby"):
        render("tests_test_data_blueprints_bayeswave.yaml", "bayeswave")


def test_rift_knows_every_option_that_we_write(render: Any, peers: Path) -> None:
    _, ini, _ = render("tests_test_data_blueprints_rift.yaml", "rift")
    program = peers / "bin" / "util_RIFT_pseudo_pipe.py"
    assert rift_inputs.unknown_options(program, [*ini["rift-pseudo-pipe"]]) == []
    assert rift_inputs.unknown_options(program, ["l-max", "guess"]) == ["guess"]
    assert ast.literal_eval(ini["rift-pseudo-pipe"]["force-mc-range"]) == [20, 45]
