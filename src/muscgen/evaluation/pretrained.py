"""Judges of other people's making, through transformers: nothing is downloaded, and no foreign code is run.

    clap        ClapModel: an embedding, and the CLAP score against the prompt
    mert        HubertModel, whose names MERT's weights have (m-a-p/MERT-v1-95M); its own code is not run
    vggish      torchvggish's weights in the layout of Hershey et al. 2017 (vggish.py)
    classifier  any audio classifier of transformers (AST on AudioSet), for KL

Each is a folder with weights that are already here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError  # nosec B403  (its name; torch reads weights alone)
from typing import Any

import numpy as np

from muscgen.audio import Audio
from muscgen.errors import ConfigurationError
from muscgen.evaluation.embeddings import Embedding, Plain
from muscgen.evaluation.spectra import Floats
from muscgen.intake import fitted
from muscgen.models.folder import digest

KINDS = ("clap", "mert", "vggish")
_PIECE_S = 10.0  # what CLAP hears at once
_NUMBERS = (".safetensors", ".bin", ".pth", ".pt")
_OF_TRAINING = {"masked_spec_embed"}  # HubertModel's, which nobody uses who listens
_TOLD = 3  # names of weights that are missing
_WORDS = (".json", ".txt")  # configurations and vocabularies


@dataclass(frozen=True, slots=True, eq=False)
class Clap:
    """ClapModel with what prepares its inputs."""

    model: Any
    processor: Any

    def heard(self, audio: Audio) -> Floats:
        """Unit vectors of pieces of ten seconds [W, D]."""
        import torch

        rate = int(self.processor.feature_extractor.sampling_rate)
        vectors = []
        for piece in _pieces(audio, rate, _PIECE_S):
            inputs = self.processor.feature_extractor(piece, sampling_rate=rate, return_tensors="pt")
            with torch.inference_mode():
                vectors.append(_vector(self.model.get_audio_features(**inputs)))
        return _unit(np.concatenate(vectors))

    def read(self, prompt: str) -> Floats:
        """[D], of length one."""
        import torch

        inputs = self.processor.tokenizer([prompt], return_tensors="pt", truncation=True)
        with torch.inference_mode():
            return np.asarray(_unit(_vector(self.model.get_text_features(**inputs)))[0])

    def score(self, audio: Audio, prompt: str) -> float:
        """The cosine between a song and its prompt, -1 to 1."""
        mean = _unit(self.heard(audio).mean(axis=0, keepdims=True))[0]
        return float(mean @ self.read(prompt))


def clap(folder: Path) -> Clap:
    """Raises ConfigurationError where its weights are not there."""
    _check(folder, "clap", "clap")
    from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

    model = _model(ClapModel, folder, "clap")
    extractor = _loaded(ClapFeatureExtractor, folder, "clap")
    tokenizer = _loaded(AutoTokenizer, folder, "clap")
    return Clap(model, _Processor(extractor, tokenizer))


def mert(folder: Path) -> Embedding:
    """The mean over layers and over a second of MERT's states [W, D]. Raises ConfigurationError."""
    _check(folder, "mert", "mert_model", "hubert")
    import torch
    from transformers import HubertConfig, HubertModel

    fields = json.loads((folder / "config.json").read_text("utf-8"))
    if fields.get("feature_extractor_cqt"):
        raise ConfigurationError(
            f"{folder} also hears a constant-Q transform, which HubertModel does not",
            param="embedding",
            suggestion="MERT-v1-95M",
        )
    plain = {name: value for name, value in fields.items() if name not in ("auto_map", "model_type")}
    model = _model(HubertModel, folder, "mert", config=HubertConfig.from_dict(plain))
    rate = 24_000 if fields.get("model_type") == "mert_model" else 16_000

    def made(audio: Audio) -> Floats:
        rows = []
        for piece in _pieces(audio, rate, 5.0):
            normed = (piece - piece.mean()) / (piece.std() + 1e-7)
            with torch.inference_mode():
                states = model(torch.from_numpy(normed[None]), output_hidden_states=True).hidden_states
            frames = torch.stack(states).mean(dim=(0, 1)).double().numpy()
            rows += [part.mean(axis=0) for part in np.array_split(frames, max(1, round(len(piece) / rate)))]
        return np.stack(rows)

    return Plain("mert", made)


def embedding(kind: str, folder: Path) -> Embedding:
    """Raises ConfigurationError for a kind that nobody knows, and for weights that are not there."""
    from muscgen.evaluation import vggish

    makers: dict[str, Callable[[Path], Embedding]] = {
        "clap": lambda path: Plain("clap", clap(path).heard),
        "mert": mert,
        "vggish": vggish.embedding,
    }
    if kind not in makers:
        raise ConfigurationError(
            f"there is no embedding {kind!r}", param="embedding", suggestion=f"{', '.join(KINDS)}=FOLDER"
        )
    return makers[kind](folder)


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Labels of a sound, as an audio classifier of transformers gives them."""

    model: Any
    extractor: Any

    def labels(self, audio: Audio) -> Floats:
        """Probabilities, together 1 [L]: the mean over pieces of ten seconds."""
        import torch

        rate = int(self.extractor.sampling_rate)
        found = []
        for piece in _pieces(audio, rate, _PIECE_S):
            inputs = self.extractor(piece, sampling_rate=rate, return_tensors="pt")
            with torch.inference_mode():
                found.append(torch.softmax(self.model(**inputs).logits[0].double(), 0).numpy())
        return np.asarray(np.mean(found, axis=0))


def classifier(folder: Path) -> Classifier:
    """Raises ConfigurationError."""
    _check(folder, "classifier")
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    model = _model(AutoModelForAudioClassification, folder, "classifier", trust_remote_code=False)
    return Classifier(model, _loaded(AutoFeatureExtractor, folder, "classifier"))


def revision(folder: Path) -> str:
    """Hex: of the weights in a folder, and of what says how they are used. Raises OSError."""
    return digest(sorted(path for path in folder.iterdir() if path.suffix in (*_NUMBERS, *_WORDS)))


def kl(reference: Floats, found: Floats) -> float:
    """Of label distributions [L], in nats: how surprised who expects `found` is by the reference."""
    one, other = reference + 1e-9, found + 1e-9
    one, other = one / one.sum(), other / other.sum()
    return float((one * np.log(one / other)).sum())


@dataclass(frozen=True, slots=True)
class _Processor:
    feature_extractor: Any
    tokenizer: Any


def check_installed(param: str) -> None:
    """Raises ConfigurationError where torch or transformers is not there."""
    if missing := [name for name in ("torch", "transformers") if find_spec(name) is None]:
        raise ConfigurationError(
            f"{param} needs {', '.join(missing)}", param=param, suggestion="pip install 'muscgen[train]'"
        )


def _check(folder: Path, what: str, *kinds: str) -> None:
    """That there are weights of that kind. Raises ConfigurationError."""
    check_installed(what)
    config = folder / "config.json"
    there = folder.is_dir() and any(path.suffix in _NUMBERS for path in folder.iterdir())
    if not there or not config.is_file():
        raise ConfigurationError(
            f"{folder} holds no weights of {what}: nothing is downloaded for an evaluation",
            param=what,
            suggestion="a folder with config.json, the weights and what prepares the inputs",
        )
    try:
        kind = str(json.loads(config.read_text("utf-8")).get("model_type", ""))
    except ValueError as error:
        raise ConfigurationError(f"{what}: {config} is no JSON: {error}", param=what) from error
    if kinds and kind not in kinds:
        raise ConfigurationError(f"{folder} is a {kind or 'nameless'} model, not {what}", param=what)


def _model(kind: Any, folder: Path, what: str, **more: Any) -> Any:  # noqa: ANN401  (transformers')
    """All of its weights from the folder: transformers would draw those that are not there at random."""
    model, found = _loaded(kind, folder, what, output_loading_info=True, **more)
    if missing := sorted(
        name for name in found["missing_keys"] if name.rpartition(".")[2] not in _OF_TRAINING
    ):
        raise ConfigurationError(
            f"{what}: the weights in {folder} lack {', '.join(missing[:_TOLD])}"
            + (f" and {len(missing) - _TOLD} others" if len(missing) > _TOLD else ""),
            param=what,
            suggestion=f"a checkpoint that was trained as {what}",
        )
    return model.eval()


def _loaded(kind: Any, folder: Path, what: str, **more: Any) -> Any:  # noqa: ANN401  (transformers')
    from safetensors import SafetensorError
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        return kind.from_pretrained(folder, local_files_only=True, **more)  # nosec B615  a folder
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError, UnpicklingError) as error:
        raise ConfigurationError(f"{what}: {folder} cannot be loaded: {error}", param=what) from error


def _pieces(audio: Audio, rate: int, seconds: float) -> Sequence[np.ndarray[Any, np.dtype[np.float32]]]:
    """Mono pieces [T]; a last one that is shorter than a second is left out."""
    samples = fitted(audio, rate=rate, channels=1)[0]
    size = round(seconds * rate)
    starts = [at for at in range(0, len(samples), size) if at == 0 or len(samples) - at >= rate]
    return [samples[at : at + size] for at in starts]


def _vector(found: Any) -> Floats:  # noqa: ANN401  (a tensor, or transformers' output around one)
    tensor = getattr(found, "pooler_output", found)
    return np.asarray(tensor.double().numpy())


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
