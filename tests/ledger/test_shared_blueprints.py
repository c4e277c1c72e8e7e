"""asimov's own blueprints: each applies, alone or after what it needs, or is refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger.apply import Report, apply
from gwfollow.ledger.blueprints import read_file, read_text
from gwfollow.ledger.merge import event_document, merged_document, project_document
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.store import Ledger

EVENT = "GW150914_095045"
#: events and analyses that the files take for granted
GW150914 = f"kind: event\nname: {EVENT}\n"
PSD = "tests_test_blueprints_bayeswave_quick_test.yaml"


def analysis(name: str, pipeline: str = "psd", **more: str) -> str:
    return "\n".join([f"kind: analysis\nname: {name}\npipeline: {pipeline}", *(f"{key}: {value}" for key, value in more.items())])


@dataclass(frozen=True)
class File:
    made: list[str]  # what becomes of each document, and of those that it stands for
    first: list[str] = field(default_factory=lambda: [GW150914])  # texts and files that are applied before it
    later: bool = False
    arrived: dict[str, Any] = field(default_factory=dict)  # "analysis: path" -> value, all defaults merged in
    needs: dict[str, list[str]] = field(default_factory=dict)  # analysis -> what it waits for or works on


def added(*names: str) -> list[str]:
    return [f"added analysis {EVENT}/{name}" for name in names]


FILES = {
    "docs_source_ligo-cookbook_defaults_bayeswave.yaml": File(
        ["added configuration project"],
        [],
        arrived={
            "project: pipelines.bayeswave.likelihood.iterations": 100000,
            "project: pipelines.bayeswave.scheduler.request post memory": 16384,
        },
    ),
    "docs_source_ligo-cookbook_defaults_bilby.yaml": File(
        ["added configuration project"], [], arrived={"project: pipelines.bilby.sampler.sampler": "dynesty"}
    ),
    "examples_dependency-examples.yaml": File(
        added(
            "generate-psds",
            "pe-analysis-1",
            "combiner",
            "approved-bayeswave",
            "non-bayeswave-combiner",
            "complex-analysis",
            "auto-refresh",
        ),
        arrived={
            "complex-analysis: refreshable": True,
            "pe-analysis-1: waveform.approximant": "IMRPhenomXPHM",
        },
        needs={
            "pe-analysis-1": ["generate-psds"],
            "combiner": ["generate-psds", "pe-analysis-1"],
            "approved-bayeswave": ["generate-psds"],
            "complex-analysis": ["generate-psds", "pe-analysis-1"],
            "auto-refresh": [],
        },
    ),
    "examples_pesummary_subject_analysis.yaml": File(
        added("CombinedPESummary", "CombinedPESummaryWithOptional", "ApprovedPESummary"),
        [GW150914, analysis("xphm", "bilby"), analysis("psds", "bayeswave")],
        arrived={"CombinedPESummary: refreshable": True, "CombinedPESummary: analyses": [{"pipeline": "bilby"}]},
        needs={
            "CombinedPESummary": ["xphm"],
            "CombinedPESummaryWithOptional": ["psds", "xphm"],
            "ApprovedPESummary": ["xphm"],
        },
    ),
    "examples_strategy_examples.yaml": File(
        [
            f"added event {EVENT}",
            # as the comment at the end of the file lists them
            *added(
                "bilby-IMRPhenomXPHM",
                "bilby-SEOBNRv4PHM",
                "bilby-IMRPhenomD",
                "pe-IMRPhenomXPHM-dynesty",
                "pe-IMRPhenomXPHM-emcee",
                "pe-SEOBNRv4PHM-dynesty",
                "pe-SEOBNRv4PHM-emcee",
                "pe-IMRPhenomD-dynesty",
                "pe-IMRPhenomD-emcee",
                "bilby-fref-20",
                "bilby-fref-50",
                "bilby-fref-100",
                "bilby-margdist-true",
                "bilby-margdist-false",
            ),
        ],
        [],
        later=True,  # generate-psd is in another file
        arrived={
            "pe-SEOBNRv4PHM-emcee: waveform.approximant": "SEOBNRv4PHM",
            "pe-SEOBNRv4PHM-emcee: sampler.sampler": "emcee",
            "pe-SEOBNRv4PHM-emcee: likelihood": {"sample rate": 4096, "psd length": 4},
            "bilby-fref-50: waveform": {"reference frequency": 50},
            "bilby-margdist-false: likelihood": {"marginalization": {"distance": False}},
        },
    ),
    PSD: File(added("generate-psd"), arrived={"generate-psd: likelihood.iterations": 25000}),
    "tests_test_blueprints_bilby_quick_test.yaml": File(
        added("bilby-IMRPhenomXPHM"),
        [GW150914, PSD],
        arrived={"bilby-IMRPhenomXPHM: waveform.arguments": {"PhenomXHMReleaseVersion": 122022}},
        needs={"bilby-IMRPhenomXPHM": ["generate-psd"]},
    ),
    "tests_test_blueprints_gwosc_event.yaml": File(
        [f"added event {EVENT}"],
        [],
        arrived={
            "event: event time": 1126259462.391,
            "event: gid": "G190047",
            "event: likelihood.minimum frequency": {"H1": 20},
        },
    ),
    "tests_test_blueprints_gwosc_get_data.yaml": File(added("get-data"), arrived={"get-data: download": ["frames"]}),
    "tests_test_blueprints_gwosc_quick_test.yaml": File(
        ["added configuration project", "changed configuration project"],
        [],
        arrived={
            "project: data.frame types": {"H1": "H1_LOSC_16_V1"},
            "project: priors.mass ratio.minimum": 0.05,
            "project: postprocessing.pesummary.skymap samples": 2000,
            "project: pipelines.bilby.cosmology": "Planck15_lal",
        },
    ),
    "tests_test_blueprints_lalinference_quick_test.yaml": File(
        added("lalinference-IMRPhenomXPHM"), [GW150914, PSD], needs={"lalinference-IMRPhenomXPHM": ["generate-psd"]}
    ),
    "tests_test_data_blueprints_GW150914_095045.yaml": File(
        [f"added event {EVENT}"],
        [],
        arrived={"event: likelihood.window length": 4, "event: data.calibration": {}, "event: interferometers": ["H1", "L1"]},
    ),
    "tests_test_data_blueprints_GW190924_021846.yaml": File(
        ["added event GW190924_021846"], [], arrived={"GW190924_021846 event: supress": {"V1": {"lower": 49.5, "upper": 50.5}}}
    ),
    "tests_test_data_blueprints_bayeswave.yaml": File(added("Prod0"), arrived={"Prod0: scheduler.accounting group": "test"}),
    "tests_test_data_blueprints_bilby.yaml": File(added("Prod1"), arrived={"Prod1: waveform.approximant": "IMRPhenomXPHM"}),
    "tests_test_data_blueprints_production-pe-priors.yaml": File(
        ["added configuration project"], [], arrived={"project: priors.phase": {"boundary": "periodic", "type": "Uniform"}}
    ),
    "tests_test_data_blueprints_production-pe.yaml": File(
        ["added configuration project"],
        [],
        arrived={
            "project: pipelines.bayeswave.scheduler.request memory": "4096 MB",
            "project: pipelines.rift.sampler.cip.explode jobs auto": True,
            "project: likelihood.minimum frequency.K1": 20,
        },
    ),
    "tests_test_data_blueprints_rift.yaml": File(
        added("RIFT0"), arrived={"RIFT0: quality.state vector.V1": "V1:DQ_ANALYSIS_STATE_VECTOR"}
    ),
    "tests_test_data_event_deprecated_fmin_quality.yaml": File(
        ["added event Deprecated-fmin-in-quality"],
        [],
        arrived={
            "Deprecated-fmin-in-quality event: likelihood": {"minimum frequency": {"H1": 20, "L1": 20, "V1": 20}},
            "Deprecated-fmin-in-quality event: quality.minimum frequency": None,
            "Deprecated-fmin-in-quality event: quality.state vector.H1": "H1:DCS-CALIB_STATE_VECTOR_C01",
        },
    ),
    "tests_test_data_project_analysis.yaml": File(
        ["added projectanalysis project/TestPA"],
        [GW150914, "kind: event\nname: GW151012_095443"],
        arrived={"TestPA: subjects": [EVENT, "GW151012_095443"]},
    ),
    "tests_test_data_test_complex_dag.yaml": File(
        added(*(f"Prod{n}" for n in range(6))),
        needs={"Prod1": ["Prod0"], "Prod2": ["Prod1"], "Prod3": ["Prod0"], "Prod4": ["Prod2", "Prod3"], "Prod5": []},
    ),
    "tests_test_data_test_joint_analysis.yaml": File(
        [
            f"added projectanalysis project/{name}"
            for name in ("JointTest", "JointTestWaveform", "JointTestStatus", "JointTestReview", "JointTestReview2")
        ],
        [
            GW150914,
            analysis("psds", "bayeswave", status="finished"),
            "kind: event\nname: GW151226_033853",
            analysis("xphm", "bilby", waveform="{approximant: IMRPhenomXPHM}", event="GW151226_033853"),
        ],
        arrived={"JointTestReview2: analyses": ["review:approved", "waveform.approximant:IMRPhenomXPHM"]},
        needs={"JointTest": ["psds"], "JointTestWaveform": ["xphm"], "JointTestStatus": []},
    ),
    "tests_test_data_test_postprocessing.yaml": File(
        [
            "added postprocessing standard-pe-postprocessing",
            *added(
                "analysis-with-postprocessing",
                "analysis-with-postprocessing-simple-PE-summary",
                "analysis-with-postprocessing-less-simple-PE-summary",
            ),
            "added postprocessing combined-summary-pages-for-bilby",
            *added("combined-summary-pages-for-bilby-combined-pages"),
        ],
        arrived={"combined-summary-pages-for-bilby-combined-pages: analyses": ["pipeline:bilby"]},
        needs={
            "analysis-with-postprocessing": [],
            "analysis-with-postprocessing-simple-PE-summary": ["analysis-with-postprocessing"],
            "analysis-with-postprocessing-less-simple-PE-summary": [
                "analysis-with-postprocessing",
                "analysis-with-postprocessing-simple-PE-summary",
            ],
            "combined-summary-pages-for-bilby-combined-pages": ["analysis-with-postprocessing"],
        },
    ),
    "tests_test_data_test_query_dag.yaml": File(
        added("Prod0", "Prod1"),
        arrived={"Prod1: waveform.approximant": "IMRPhenomXPHM", "Prod1: approximant": None},
        needs={"Prod1": ["Prod0"]},
    ),
    "tests_test_data_test_strategy_matrix.yaml": File(
        [
            f"added analysis S000000/bilby-{waveform}-{sampler}"
            for waveform in ("IMRPhenomXPHM", "SEOBNRv4PHM")
            for sampler in ("dynesty", "emcee")
        ],
        ["kind: event\nname: S000000"],
        arrived={"bilby-SEOBNRv4PHM-emcee: sampler.sampler": "emcee"},
    ),
}

REFUSED = {"tests_integration_GW190426190642.yaml": "of asimov's GitLab era .* `gwfollow import olivaw FILE` reads it"}


@pytest.fixture
def own_ledger(sqlite_url: str) -> Iterator[Ledger]:
    found = Ledger.open(sqlite_url)
    yield found
    found.close()


@pytest.fixture
def folder(shared: Path) -> Path:
    return shared / "data" / "blueprints"


def put(ledger: Ledger, source: str, folder: Path, *, later: bool = False) -> Report:
    """Apply a file of the folder, or a text."""
    reading = read_text(source, "text") if "\n" in source else read_file(str(folder / source))
    event = EVENT if any(b.kind in ("analysis", "postprocessing") for b in reading.blueprints) else None
    return ledger.run(lambda change: apply(change, reading.blueprints, event=event, later=later), who="test")


def test_the_table_lists_every_blueprint_of_asimov_that_there_is(folder: Path) -> None:
    assert sorted(path.name for path in folder.glob("*.yaml")) == sorted([*FILES, *REFUSED])
    assert len([*FILES, *REFUSED]) == 26


@pytest.mark.parametrize("name", FILES)
def test_a_blueprint_of_asimov_applies_all_of_it_arrives_and_again_it_changes_nothing(
    own_ledger: Ledger, folder: Path, name: str
) -> None:
    file = FILES[name]
    for source in file.first:
        put(own_ledger, source, folder)
    report = put(own_ledger, name, folder, later=file.later)
    assert [f"{entry.verdict} {entry.kind} {entry.name}" for entry in report.entries] == file.made
    with own_ledger.read() as session:
        for place, value in file.arrived.items():
            who, _, path = place.partition(": ")
            here: Any = document_of(session, who)
            for key in path.split("."):
                here = here.get(key) if isinstance(here, dict) else None
            assert here == value, place
        for who, needed in file.needs.items():
            row = session.scalars(select(Analysis).where(Analysis.name == who)).one()
            assert sorted({need.needed.name for need in row.needs if need.needed is not None}) == needed, who
    again = put(own_ledger, name, folder, later=file.later)
    assert {entry.verdict for entry in again.entries} == {"unchanged"}


def document_of(session: Any, who: str) -> Any:
    if who == "project":
        return project_document(session)
    if who.endswith("event"):
        name = who.partition(" ")[0] if " " in who else EVENT
        return event_document(session.scalars(select(Event).where(Event.name == name)).one())
    return merged_document(session, session.scalars(select(Analysis).where(Analysis.name == who)).one())


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_blueprint_is_refused_with_the_command_that_reads_it(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=REFUSED[name]):
        read_file(str(folder / name))


def test_a_file_whose_needs_are_in_another_one_says_so_and_how_to_let_it_wait(own_ledger: Ledger, folder: Path) -> None:
    put(own_ledger, GW150914, folder)
    with pytest.raises(InputError, match=r"needs\[0\]: found 'generate-psd', expected .*--later"):
        put(own_ledger, "tests_test_blueprints_bilby_quick_test.yaml", folder)
    put(own_ledger, "tests_test_blueprints_bilby_quick_test.yaml", folder, later=True)


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        (
            "tests_test_data_event_deprecated_fmin_quality.yaml",
            [
                "the name 'Deprecated fmin in quality' has spaces; it was read as 'Deprecated-fmin-in-quality'",
                "quality.minimum frequency is deprecated; it was read as likelihood.minimum frequency",
            ],
        ),
        ("tests_test_data_test_query_dag.yaml", ["approximant is deprecated; it was read as waveform.approximant"]),
        (
            "tests_test_data_blueprints_GW150914_095045.yaml",
            ["likelihood.reference frequency is deprecated; it is read, but its new place is waveform.reference frequency"],
        ),
        ("tests_test_data_blueprints_production-pe.yaml", []),
    ],
)
def test_deprecated_forms_in_them_are_told(folder: Path, name: str, warnings: list[str]) -> None:
    assert [warning.rpartition("): ")[2] for warning in read_file(str(folder / name)).warnings] == warnings
