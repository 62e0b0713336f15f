"""Trained models on disk, in versions.

    <directory>/<version>/<model_name>_model.pkl and <model_name>_metadata.json
    <directory>/current -> <version>          the version in service, swapped atomically
    <directory>/state/<name>.json             small journals of the running sidecar

A pickle runs code when it is loaded, so that the directory is closed to others, and the digest and the library
versions in the metadata are compared before anything is unpickled. The digest guards against damage, not against
someone who may write into the directory.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, NamedTuple

import joblib

from ml_sidecar import __version__
from ml_sidecar.errors import ModelCorruptError, ModelVersionError, StateCorruptError, StoreError
from ml_sidecar.results import ModelCard

_VERSION = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
_CURRENT = "current"
_TEMPORARY = ".tmp-"
_REMEDY = "it is not used; the next training replaces it (rapidapi-ml train does so now)"


class LoadedModels(NamedTuple):
    """One stored version.

    Attributes:
        version: its id.
        models: the unpickled models by name.
        cards: their cards by name, for those that have one.
    """

    version: str
    models: dict[str, Any]
    cards: dict[str, ModelCard]


def running_versions() -> dict[str, str]:
    """Versions of all that a pickled model depends on."""
    libraries = {name: installed(name) for name in ("numpy", "scikit-learn", "joblib")}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, "sidecar": __version__, "code": _code_digest(), **libraries}


def _code_digest() -> str:
    """Digest of the code whose objects are pickled: a version number alone does not tell two checkouts apart."""
    package = Path(__file__).parent
    pickled = (*sorted((package / "models").rglob("*.py")), package / "features.py", package / "results.py")
    content = b"".join(path.read_bytes() for path in pickled)
    return hashlib.sha256(content).hexdigest()[:12]


class ModelStore:
    """Versions of the models in a directory. One process writes at a time, any number read.

    Args:
        directory: made when first written to, with permissions 0700.
        keep: versions kept; the one in service is kept besides.
        libraries: versions that stored models must have been written with; those running by default.
    """

    def __init__(self, directory: Path, keep: int = 5, libraries: Mapping[str, str] | None = None) -> None:
        self.directory = Path(directory)
        self.keep = keep
        self.libraries = dict(libraries or running_versions())

    # ------------------------------------------------------------------ models

    def save(
        self,
        models: Mapping[str, object],
        cards: Mapping[str, ModelCard],
        settings: Mapping[str, Any],
        now: float,
    ) -> str:
        """Write a new version, all of it or nothing, without putting it into service.

        Args:
            models: picklable models by name.
            cards: their cards by name; a model may have none.
            settings: JSON-able settings they were trained with.
            now: time, seconds since the epoch, from which the version's id is made.

        Returns:
            The version's id, such as 20261122T141500Z.

        Raises:
            StoreError: the directory cannot be written.
        """
        try:
            self._make(self.directory)
            temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.directory))
            for name, model in models.items():
                self._write_model(temporary, name, model, cards.get(name), settings)
            _sync(temporary)
            version = self._publish(temporary, now)
            self._prune()
        except OSError as error:
            raise self._unwritable(error) from error
        return version

    def promote(self, version: str) -> None:
        """Put a stored version into service, atomically.

        Raises:
            StoreError: there is no such version, or the directory cannot be written.
        """
        if version not in self.versions():
            raise StoreError(f"{self.directory} holds no version {version}; it holds {self._listed()}")
        pointer = self.directory / f"{_TEMPORARY}{_CURRENT}"
        try:
            pointer.unlink(missing_ok=True)
            pointer.symlink_to(version)
            pointer.replace(self.directory / _CURRENT)
            _sync(self.directory)
        except OSError as error:
            raise self._unwritable(error) from error

    def current(self) -> str | None:
        """Id of the version in service, None where none ever was."""
        try:
            return (self.directory / _CURRENT).readlink().name
        except OSError:
            return None

    def versions(self) -> list[str]:
        """Ids of the stored versions, oldest first."""
        if not self.directory.is_dir():
            return []
        return sorted(
            (p.name for p in self.directory.iterdir() if _VERSION.fullmatch(p.name)), key=_age_order
        )

    def load(self, version: str | None = None) -> LoadedModels:
        """Load a version, the one in service by default.

        Raises:
            ModelCorruptError: a file is missing or damaged.
            ModelVersionError: it was written with other versions of the libraries or of the sidecar.
            StoreError: there is no such version.
        """
        chosen = self.current() if version is None else version
        if chosen is None:
            raise StoreError(
                f"{self.directory} has no model in service yet; the first training puts one there"
            )
        folder = self.directory / chosen
        names = sorted(p.name.removesuffix("_metadata.json") for p in folder.glob("*_metadata.json"))
        if not names:
            raise StoreError(
                f"{self.directory} holds no models of version {chosen}; it holds {self._listed()}"
            )
        checked = {name: self._read_checked(folder, name) for name in names}
        models = {
            name: _unpickle(folder / f"{name}_model.pkl", content) for name, (content, _) in checked.items()
        }
        cards = {
            name: _card(metadata["card"])
            for name, (_, metadata) in checked.items()
            if metadata["card"] is not None
        }
        return LoadedModels(chosen, models, cards)

    def _write_model(
        self, folder: Path, name: str, model: object, card: ModelCard | None, settings: Mapping[str, Any]
    ) -> None:
        buffer = io.BytesIO()
        joblib.dump(model, buffer)
        content = buffer.getvalue()
        metadata = {
            "model_name": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "versions": self.libraries,
            "training_span": None if card is None else card.span,
            "accuracy": None if card is None else _finite(card.accuracy),
            "settings": settings,
            "card": None if card is None else {**asdict(card), "accuracy": _finite(card.accuracy)},
        }
        _write(folder / f"{name}_model.pkl", content)
        _write(folder / f"{name}_metadata.json", _json(metadata))

    def _read_checked(self, folder: Path, name: str) -> tuple[bytes, dict[str, Any]]:
        """Bytes and metadata of a model whose digest and versions are as they must be."""
        path = folder / f"{name}_model.pkl"
        try:
            metadata = json.loads((folder / f"{name}_metadata.json").read_bytes())
            digest, versions = metadata["sha256"], metadata["versions"]
            metadata.setdefault("card", None)
            content = path.read_bytes()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelCorruptError(
                f"{path} or its metadata is missing or damaged ({type(error).__name__}); {_REMEDY}"
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise ModelCorruptError(f"{path} does not have the digest that its metadata states; {_REMEDY}")
        for library in sorted(self.libraries.keys() | versions.keys()):
            written, running = versions.get(library), self.libraries.get(library)
            if written != running:
                raise ModelVersionError(
                    f"{path} was written with {library} {written}, {running} runs; {_REMEDY}"
                )
        return content, metadata

    def _publish(self, temporary: Path, now: float) -> str:
        """Rename the finished folder to the first free id of this second."""
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        taken = set(self.versions())
        version, number = stamp, 1
        while version in taken:
            number += 1
            version = f"{stamp}-{number}"
        temporary.rename(self.directory / version)
        _sync(self.directory)
        return version

    def _prune(self) -> None:
        """Remove old versions, and what a writer left that was killed while writing."""
        kept = {*self.versions()[-self.keep :], self.current()}
        for path in self.directory.iterdir():
            if path.name.startswith(_TEMPORARY) or (_VERSION.fullmatch(path.name) and path.name not in kept):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    # ------------------------------------------------------------------ state

    def write_state(self, name: str, state: Mapping[str, Any]) -> None:
        """Replace a small JSON journal atomically; it is on the disk when this returns.

        Raises:
            StoreError: the directory cannot be written.
        """
        path = self._state(name)
        temporary = path.with_suffix(".tmp")
        try:
            self._make(self.directory)
            self._make(path.parent)
            _write(temporary, _json(state))
            temporary.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def read_state(self, name: str) -> dict[str, Any] | None:
        """The journal last written under this name, None where there is none.

        Raises:
            StateCorruptError: it is damaged.
            StoreError: it cannot be read.
        """
        path = self._state(name)
        try:
            state = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise StateCorruptError(f"{path} is not JSON ({error}); {_STATE_REMEDY}") from error
        if not isinstance(state, dict):
            raise StateCorruptError(f"{path} holds no JSON object; {_STATE_REMEDY}")
        return state

    def _state(self, name: str) -> Path:
        return self.directory / "state" / f"{name}.json"

    # ------------------------------------------------------------------ files

    def _listed(self) -> str:
        return ", ".join(self.versions()) or "none"

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.directory} cannot be written: {error.strerror}; check MODELS_DIR and its owner"
        )

    @staticmethod
    def _make(directory: Path) -> None:
        """Make a directory closed to others; one that exists keeps the permissions its owner gave it."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)


_STATE_REMEDY = "delete it, and counts start from zero"


def _age_order(version: str) -> tuple[str, int]:
    stamp, _, number = version.partition("-")
    return stamp, int(number or 1)


def _unpickle(path: Path, content: bytes) -> object:
    try:
        return joblib.load(io.BytesIO(content))
    except Exception as error:  # a pickle may raise anything; its digest was right, so the code is another
        raise ModelVersionError(
            f"{path} was written by other code of the same version ({type(error).__name__}: {error}); {_REMEDY}"
        ) from error


def _finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def _card(stored: Mapping[str, Any]) -> ModelCard:
    accuracy = math.nan if stored["accuracy"] is None else stored["accuracy"]
    return ModelCard(**{**stored, "span": tuple(stored["span"]), "accuracy": accuracy})


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make renames in the directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
