from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_sidecar.errors import ModelCorruptError, ModelVersionError, StateCorruptError, StoreError
from ml_sidecar.results import ModelCard
from ml_sidecar.store import ModelStore, running_versions

NOW = 1_795_357_200.0
"""2026-11-22T14:20:00Z."""
CARD = ModelCard(
    "anomaly_detector", "IsolationForest", NOW, (NOW - 100.0, NOW), 1234, math.nan, "share", {"trees": 200}
)
REMEDY = "it is not used; the next training replaces it (rapidapi-ml train does so now)"


class Touchy:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __setstate__(self, state: dict[str, Any]) -> None:
        state["mark"].touch()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store whose directory does not exist yet."""
    return ModelStore(tmp_path / "models")


def _save(store: ModelStore, now: float = NOW, **models: object) -> str:
    models = models or {"anomaly_detector": np.arange(3.0)}
    return store.save(models, {"anomaly_detector": CARD}, {"budget": 0.25}, now)


def test_saved_models_come_back_with_their_cards(store: ModelStore) -> None:
    """What was saved is loaded again, whether it has a card or not."""
    version = _save(store, anomaly_detector=np.arange(3.0), threshold_optimizer={"a": 1})
    loaded = store.load(version)
    assert loaded.version == version == "20261122T142000Z"
    np.testing.assert_array_equal(loaded.models["anomaly_detector"], [0.0, 1.0, 2.0])
    assert loaded.models["threshold_optimizer"] == {"a": 1}
    card = loaded.cards["anomaly_detector"]
    assert math.isnan(card.accuracy)
    assert (card.span, card.details) == (CARD.span, CARD.details)
    assert set(loaded.cards) == {"anomaly_detector"}


def test_files_are_named_as_documented(store: ModelStore) -> None:
    """A person finds model and metadata where the documentation says, and metadata is strict JSON."""
    folder = store.directory / _save(store)
    assert sorted(path.name for path in folder.iterdir()) == [
        "anomaly_detector_metadata.json",
        "anomaly_detector_model.pkl",
    ]
    text = (folder / "anomaly_detector_metadata.json").read_text(encoding="utf-8")
    metadata = json.loads(text, parse_constant=pytest.fail)
    assert metadata["versions"] == running_versions()
    assert metadata["training_span"] == list(CARD.span)
    assert metadata["settings"] == {"budget": 0.25}
    assert metadata["accuracy"] is None


def test_directory_is_closed_to_others(store: ModelStore) -> None:
    """Nobody else may read or plant a pickle."""
    folder = store.directory / _save(store)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (store.directory, folder)] == [0o700, 0o700]


def test_nothing_is_in_service_before_promotion(store: ModelStore) -> None:
    """A stored candidate serves nobody until it is promoted."""
    assert store.current() is None
    version = _save(store)
    assert store.current() is None
    with pytest.raises(StoreError) as caught:
        store.load()
    assert str(caught.value) == (
        f"{store.directory} has no model in service yet; the first training puts one there"
    )
    store.promote(version)
    assert store.current() == store.load().version == version


def test_versions_of_one_second_are_told_apart(store: ModelStore) -> None:
    """Two versions made in one second get ids of their own, in order."""
    versions = [_save(store) for _ in range(3)]
    assert versions == ["20261122T142000Z", "20261122T142000Z-2", "20261122T142000Z-3"]
    assert store.versions() == versions


def test_last_five_and_the_one_in_service_are_kept(store: ModelStore) -> None:
    """Old versions go, the one in service stays however old it is."""
    first = _save(store)
    store.promote(first)
    later = [_save(store, NOW + i) for i in range(1, 8)]
    assert store.versions() == [first, *later[-5:]]
    assert store.load().version == first


def test_what_a_killed_writer_left_is_removed(store: ModelStore) -> None:
    """A half-written version is never loaded and goes with the next one."""
    _save(store)
    leftover = store.directory / ".tmp-abc"
    leftover.mkdir()
    (leftover / "anomaly_detector_model.pkl").touch()
    assert len(store.versions()) == 1
    _save(store)
    assert not leftover.exists()


def test_failed_save_leaves_no_version(store: ModelStore) -> None:
    """A model that cannot be pickled stores nothing at all."""
    with pytest.raises(Exception, match="pickle"):
        _save(store, anomaly_detector=1, broken=lambda: None)
    assert store.versions() == []


def test_unknown_version_is_refused(store: ModelStore) -> None:
    """Promoting or loading what is not there names what is."""
    version = _save(store)
    for act in (store.promote, store.load):
        with pytest.raises(StoreError, match=rf"20200101T000000Z; it holds {version}$"):
            act("20200101T000000Z")


def test_damaged_model_is_not_unpickled(store: ModelStore, tmp_path: Path) -> None:
    """A file that was changed is refused before any of it runs."""
    mark = tmp_path / "ran"
    path = store.directory / _save(store, anomaly_detector=Touchy(mark)) / "anomaly_detector_model.pkl"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ModelCorruptError) as caught:
        store.load(path.parent.name)
    assert str(caught.value) == f"{path} does not have the digest that its metadata states; {REMEDY}"
    assert not mark.exists()


@pytest.mark.parametrize("library", ["scikit-learn", "numpy", "joblib", "python", "sidecar"])
def test_model_of_another_library_version_is_not_unpickled(tmp_path: Path, library: str) -> None:
    """A pickle of another version is refused before any of it runs, with both versions in the message."""
    mark = tmp_path / "ran"
    old = ModelStore(tmp_path, libraries={**running_versions(), library: "0.9"})
    version = _save(old, anomaly_detector=Touchy(mark))
    with pytest.raises(ModelVersionError) as caught:
        ModelStore(tmp_path).load(version)
    assert str(caught.value) == (
        f"{tmp_path / version / 'anomaly_detector_model.pkl'} was written with {library} 0.9, "
        f"{running_versions()[library]} runs; {REMEDY}"
    )
    assert not mark.exists()


@pytest.mark.parametrize(
    ("victim", "content"),
    [
        ("anomaly_detector_metadata.json", b"{"),
        ("anomaly_detector_metadata.json", b"[]"),
        ("anomaly_detector_metadata.json", b"\xff"),
        ("anomaly_detector_metadata.json", b"{}"),
        ("anomaly_detector_model.pkl", None),
    ],
)
def test_missing_or_damaged_files_are_told(store: ModelStore, victim: str, content: bytes | None) -> None:
    """Damage of either file is one clear error, never a traceback of json or pickle."""
    path = store.directory / _save(store) / victim
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ModelCorruptError, match="is missing or damaged") as caught:
        store.load(path.parent.name)
    assert str(caught.value).endswith(REMEDY)


def test_pickle_of_code_that_has_changed_is_told(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that no longer exists under the same version number is a version error, not a crash."""
    version = _save(store, anomaly_detector=Touchy(tmp_path / "ran"))
    monkeypatch.delitem(globals(), "Touchy")
    with pytest.raises(ModelVersionError, match="was written by other code of the same version"):
        store.load(version)


def test_unwritable_directory_is_told(tmp_path: Path) -> None:
    """A directory that cannot be made is one clear error."""
    (tmp_path / "file").touch()
    store = ModelStore(tmp_path / "file" / "models")
    for act in (lambda: _save(store), lambda: store.write_state("journal", {})):
        with pytest.raises(StoreError, match="cannot be written: Not a directory; check MODELS_DIR"):
            act()


def test_state_survives_a_restart(store: ModelStore) -> None:
    """A journal written by one process is read by the next; models are not disturbed."""
    assert store.read_state("journal") is None
    store.write_state("journal", {"open": ["ünïcode"], "n": 1})
    store.write_state("journal", {"open": [], "n": 2})
    assert ModelStore(store.directory).read_state("journal") == {"open": [], "n": 2}
    assert store.versions() == []
    assert [path.name for path in (store.directory / "state").iterdir()] == ["journal.json"]


@pytest.mark.parametrize("content", [b"", b'{"half', b"[1]", b"\xff\xfe"])
def test_damaged_state_is_told(store: ModelStore, content: bytes) -> None:
    """A journal that cannot be read is an error with a way out, not an empty journal."""
    store.write_state("journal", {})
    path = store.directory / "state" / "journal.json"
    path.write_bytes(content)
    with pytest.raises(StateCorruptError) as caught:
        store.read_state("journal")
    assert str(path) in str(caught.value)
    assert str(caught.value).endswith("delete it, and counts start from zero")
