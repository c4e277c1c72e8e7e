"""Which files of an attempt are kept."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.pipelines.base import AssetFile
from gwfollow.results.keep import keep, offers
from gwfollow.results.store import Store


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """PESummary's folder, with its samples inside."""
    folder = tmp_path / "webdir"
    for name in ("home.html", "html/corner.html", "samples/posterior_samples.h5"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_a_page_stands_for_its_folder_and_a_file_of_several_names_is_kept_once_as_samples(web: Path, tmp_path: Path) -> None:
    metafile = web / "samples" / "posterior_samples.h5"
    assets = {
        "pages": {"": AssetFile(web / "home.html", "0" * 64)},
        "metafile": {"": AssetFile(metafile)},
        "samples": {"": AssetFile(metafile)},
    }
    wanted = offers(assets, {"posterior_samples.h5": metafile, "home.html": web / "home.html"})
    store = Store(tmp_path / "store")
    kept = {one.name: one for one in keep(store, wanted)}
    assert {name: one.filename for name, one in kept.items() if name != "home.html"} == {
        "samples": "posterior_samples.h5",
        "pages": "pages.tar",
    }
    with tarfile.open(store.path(kept["pages"].sha256)) as tar:
        assert "html/corner.html" in tar.getnames()
        assert "samples/posterior_samples.h5" not in tar.getnames(), "it is kept on its own"


def test_raw_data_is_not_kept(tmp_path: Path) -> None:
    file = AssetFile(tmp_path / "H-H1.gwf")
    assert offers({"frames": {"H1": file}, "data files": {"H1": file}, "cache files": {"H1": file}}, {}) == []


def test_a_file_that_is_gone_or_changed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("now")
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match=r"r\.txt has changed since it was collected.*as the ledger says"):
        keep(store, offers({"psds": {"H1": AssetFile(path, "0" * 64)}}, {}))
    path.unlink()
    with pytest.raises(InputError, match=r"r\.txt"):
        keep(store, offers({"psds": {"H1": AssetFile(path, "0" * 64)}}, {}))
