"""Posterior samples in HDF5: bilby, PESummary (by label, and its older layout), LALInference, GWTC-1.

The file is not trusted.  Links to other files, datasets whose data lie in other files, and Python objects are refused; what is read is
bounded before it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.results.tables import BLOCK, EVIDENCE_KEYS, Run, Unreadable, add_column, check_shape, evidence_of, fill

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

#: runs in one file, bytes of a short value (names, approximants)
_MOST_RUNS, _SHORT = 200, 4 << 20
_NOT_LABELS = frozenset({"version", "history"})


def read(path: Path) -> tuple[str, list[Run]]:
    """The format, and each set of posterior samples.  Raises `Unreadable`."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            for name, found in _FORMATS:
                runs = found(file)
                if runs:
                    if len(runs) > _MOST_RUNS:
                        raise Unreadable(f"{path} has {len(runs)} sets of samples, more than {_MOST_RUNS}")
                    return name, [make() for make in runs]
    except Unreadable as error:
        raise error if str(path) in str(error) else Unreadable(f"{path}, {error}") from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError) as error:  # the ways of h5py to say "broken"
        raise Unreadable(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    raise Unreadable(f"{path} has no posterior samples in a place where bilby, PESummary, LALInference or GWTC-1 put them")


_Reader = Callable[[], Run]


# ---- the formats -------------------------------------------------------------------------------------------------------------
def _bilby(file: Any) -> list[_Reader]:
    return [lambda: _bilby_run(file)] if _is_group(child(file, "posterior")) else []


def _bilby_run(file: Any) -> Run:
    run = Run(_text(child(file, "label")) or "posterior")
    run.evidence = evidence_of({key: _scalar(child(file, key)) for key in EVIDENCE_KEYS if key in file})
    run.sampler = _text(child(file, "sampler"))
    run.sampled = tuple(_names(child(file, "search_parameter_keys")))
    settings = (
        "meta_data/likelihood/waveform_arguments/waveform_approximant",
        "meta_data/command_line_args/waveform_approximant",
    )
    run.approximant = next((text for path in settings if (text := _text(child(file, path)))), "")
    _columns(run, child(file, "posterior"))
    return run


def _pesummary(file: Any) -> list[_Reader]:
    runs: list[_Reader] = []
    for label in file:
        if label not in _NOT_LABELS and _is_group(group := child(file, label)) and _has(group, "posterior_samples"):
            runs.append(lambda group=group, label=label: _pesummary_run(group, label, lambda key: key))  # type: ignore[misc]
    return runs


def _old_pesummary(file: Any) -> list[_Reader]:
    """PESummary before 0.3: the label stands below each key."""
    top = child(file, "posterior_samples")
    if not _is_group(top):
        return []
    return [lambda label=label: _pesummary_run(file, label, lambda key: f"{key}/{label}") for label in top]  # type: ignore[misc]


def _pesummary_run(group: Any, label: str, key: Callable[[str], str]) -> Run:
    run = Run(label, approximant=_text(child(group, key("approximant"))))
    about = child(group, key("meta_data") + "/sampler")
    if _is_group(about):
        run.evidence = evidence_of({name: _scalar(child(about, name)) for name in EVIDENCE_KEYS if name in about})
        run.sampler = _text(child(about, "sampler"))
    run.prior_samples = _length(child(group, key("priors") + "/samples"))
    _samples(run, child(group, key("posterior_samples")))
    return run


def _lalinference(file: Any) -> list[_Reader]:
    """``lalinference/lalinference_nest/posterior_samples`` and its like: the evidence stands among the group's attributes."""
    runs: list[_Reader] = []
    top = child(file, "lalinference")
    for name in top if _is_group(top) else ():
        group = child(top, name)
        if _is_group(group) and _has(group, "posterior_samples"):
            runs.append(lambda group=group, name=name: _lalinference_run(group, name))  # type: ignore[misc]
    return runs


def _lalinference_run(group: Any, name: str) -> Run:
    table = child(group, "posterior_samples")
    run = Run(name, sampler=name)
    run.evidence = evidence_of({key: _attribute(group, key) for key in EVIDENCE_KEYS})
    run.approximant = _approximant_name(_attribute(table, "LAL_APPROXIMANT"))
    run.prior_samples = _length(child(group, "prior_samples"))
    _samples(run, table)
    return run


def _gwtc1(file: Any) -> list[_Reader]:
    prior = _length(child(file, "prior"))
    runs: list[_Reader] = []
    for name in file:
        label = name.removesuffix("_posterior")
        if label != name and _is_table(child(file, name)):
            runs.append(lambda name=name, label=label: _gwtc1_run(file, name, label, prior))  # type: ignore[misc]
    return runs


def _gwtc1_run(file: Any, name: str, label: str, prior: int | None) -> Run:
    run = Run(label, approximant="" if label == "Overall" else label, prior_samples=prior)
    _samples(run, child(file, name))
    return run


_FORMATS: tuple[tuple[str, Callable[[Any], list[_Reader]]], ...] = (
    ("bilby HDF5", _bilby),
    ("LALInference HDF5", _lalinference),
    ("PESummary HDF5", _pesummary),
    ("PESummary HDF5 (old layout)", _old_pesummary),
    ("GWTC-1 HDF5", _gwtc1),
)


# ---- tables ------------------------------------------------------------------------------------------------------------------
def _samples(run: Run, found: Any) -> None:
    """A table of named columns, names beside an array, or a column for each dataset."""
    if _is_table(found):
        fill(run, _Compound(found, run))
    elif _is_group(found) and _has(found, "samples") and _has(found, "parameter_names"):
        fill(run, _Plain(child(found, "samples"), _names(child(found, "parameter_names")), run.label))
    elif _is_group(found):
        _columns(run, found)
    else:
        raise Unreadable(f"{run.label}: the samples are neither a table nor columns")
    if not run.samples:
        raise Unreadable(f"{run.label}: the table of samples is empty")


def _columns(run: Run, group: Any) -> None:
    """Each dataset of the group is a column; all real ones must be as long as the first."""
    first = ""
    for name in group:
        column = child(group, name)
        if not _is_dataset(column) or column.dtype.kind not in "fiu" or column.ndim != 1:
            run.left_out.append(name)
            if name == "waveform_approximant" and _is_dataset(column) and column.ndim == 1 and len(column):
                run.approximant = run.approximant or _text_of(column[:1])
            continue
        check_shape(f"{run.label}, {name}", len(column), len(group))
        if first and len(column) != run.samples:
            raise Unreadable(f"{run.label}: {len(column)} samples of {name}, {run.samples} of {first}")
        first, run.samples = first or name, len(column)
        add_column(run, name, column[()].astype(float))
    if not run.samples:
        raise Unreadable(f"{run.label}: the table of samples is empty")


class _Compound:
    """A dataset of records."""

    def __init__(self, dataset: Any, run: Run) -> None:
        if dataset.ndim != 1:
            raise Unreadable(f"{run.label}: the table has {dataset.ndim} dimensions, expected 1")
        fields = dataset.dtype.fields
        self.names: Sequence[str] = [n for n in dataset.dtype.names if fields[n][0].kind in "fiu" and not fields[n][0].shape]
        self.rows, self._dataset = len(dataset), dataset
        run.left_out += [name for name in dataset.dtype.names if name not in self.names]
        self._whole = not run.left_out  # else texts and objects would be read with the numbers
        if dataset.dtype.itemsize > BLOCK:
            raise Unreadable(f"{run.label}: a record has {dataset.dtype.itemsize} bytes, more than {BLOCK}")

    def blocks(self, columns: Sequence[int]) -> Iterator[Array]:
        import numpy

        names = [self.names[place] for place in columns]
        source = self._dataset if self._whole else self._dataset.fields(names)
        step = _step(self._dataset)
        for first in range(0, self.rows, step):
            block = source[first : first + step]
            out = numpy.empty((len(block), len(names)))
            for place, name in enumerate(names):
                out[:, place] = block[name]
            yield out


class _Plain:
    """A two-dimensional array with the names beside it."""

    def __init__(self, dataset: Any, names: list[str], label: str) -> None:
        if not _is_dataset(dataset) or dataset.ndim != 2 or dataset.dtype.kind not in "fiu" or dataset.shape[1] != len(names):
            shape = getattr(dataset, "shape", None)
            raise Unreadable(f"{label}: {len(names)} names of parameters, and samples of shape {shape}")
        self.names: Sequence[str] = names
        self.rows, self._dataset = len(dataset), dataset

    def blocks(self, columns: Sequence[int]) -> Iterator[Array]:
        step = _step(self._dataset)
        for first in range(0, self.rows, step):
            yield self._dataset[first : first + step, columns[0] : columns[-1] + 1]


def _step(dataset: Any) -> int:
    """Rows of a block: whole chunks of the file, so that none is unpacked twice."""
    width = dataset.dtype.itemsize * (dataset.shape[1] if dataset.ndim == 2 else 1)
    rows: int = max(1, BLOCK // max(1, width))
    chunk: int = dataset.chunks[0] if dataset.chunks else 1
    return max(1, rows - rows % chunk) if chunk <= rows else rows


# ---- what may be read --------------------------------------------------------------------------------------------------------
def child(group: Any, path: str) -> Any:
    """The object at a path below, followed link by link; None where there is none.  Raises `Unreadable` for what leads out of the file."""
    import h5py

    here = group
    for part in path.split("/"):
        if not _is_group(here):
            return None
        link = here.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise Unreadable(
                f"{here.file.filename}: {here.name}/{part} is a link to {getattr(link, 'path', 'elsewhere')}, which is not followed"
            )
        here = here[part]
    if _is_dataset(here) and (here.is_virtual or here.external):
        raise Unreadable(f"{here.file.filename}: the data of {here.name} lie in another file, which is not opened")
    return here


def _is_group(found: Any) -> bool:
    import h5py

    return isinstance(found, h5py.Group)


def _is_dataset(found: Any) -> bool:
    import h5py

    return isinstance(found, h5py.Dataset) and found.shape is not None


def _is_table(found: Any) -> bool:
    return _is_dataset(found) and found.dtype.names is not None


def _has(group: Any, name: str) -> bool:
    return child(group, name) is not None


def _length(found: Any) -> int | None:
    """Samples of the prior: a table, or the first of its columns."""
    if _is_dataset(found):
        return len(found) if found.ndim else None
    if _is_group(found):
        for name in found:
            if (length := _length(child(found, name))) is not None:
                return length
    return None


def _short(dataset: Any) -> Any:
    """A dataset's contents, where it is small."""
    if dataset.size * dataset.dtype.itemsize > _SHORT:
        raise Unreadable(f"{dataset.file.filename}: {dataset.name} has {dataset.size} values, expected a few")
    return dataset[()]


def _scalar(found: Any) -> Any:
    import numpy

    if not _is_dataset(found) or not found.size or found.size > 1:
        return None
    value = numpy.asarray(_short(found)).reshape(-1)[0]
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _names(found: Any) -> list[str]:
    import numpy

    if not _is_dataset(found):
        return []
    return [_text_of(value) for value in numpy.asarray(_short(found)).reshape(-1)]


def _text(found: Any) -> str:
    value = _scalar(found)
    return str(value)[:200] if isinstance(value, str) and value not in {"None", "__none__"} else ""


def _text_of(value: Any) -> str:
    import numpy

    if isinstance(value, numpy.ndarray):
        value = value.reshape(-1)[0]
    return (value.decode(errors="replace") if isinstance(value, bytes) else str(value))[:200]


def _attribute(found: Any, name: str) -> Any:
    import numpy

    if name not in found.attrs:
        return None
    value = numpy.asarray(found.attrs[name]).reshape(-1)
    return value[0] if len(value) == 1 else None


def _approximant_name(number: Any) -> str:
    """LALInference keeps LAL's number of the approximant."""
    if number is None:
        return ""
    try:
        import lalsimulation

        return str(lalsimulation.GetStringFromApproximant(int(number)))
    except (ImportError, RuntimeError, ValueError, TypeError):
        return f"LAL approximant {number}"


__all__ = ["read"]
