"""What we prepare, as audiocraft reads it: by its own reader where it is installed, else by one like it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from data.runs import prepare
from data.tunes import write

# audiocraft 1.3's own: MusicDataset over a folder with data.jsonl, every field of MusicInfo required.
OWN_READER = """
import json, sys
from audiocraft.data.music_dataset import MusicDataset
whole = {"segment_duration": None, "sample_rate": 32000, "channels": 1, "return_info": True}
dataset = MusicDataset.from_meta(sys.argv[1], **whole)
for index in range(len(dataset)):
    wav, info = dataset[index]
    text = info.to_condition_attributes().text
    print(json.dumps({"samples": wav.shape[-1], **text}, default=str))
"""
ENVIRONMENT = "default:\n  dora_dir: /tmp\n  reference_dir: /tmp\n"  # what the installed package leaves out
FIELDS = ["title", "artist", "key", "bpm", "genre", "moods", "keywords", "description", "name", "instrument"]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """egs/train of two songs, one with everything said of it, one with nothing."""
    folder = tmp_path_factory.mktemp("audiocraft")
    root = folder / "songs"
    write(root / "one.wav", 1, 2.0, 44_100, 2)
    write(root / "two.flac", 2, 3.0, 32_000)
    said = {
        "title": 'One, "two" & three', "artist": "Löwe", "license": "CC0-1.0", "bpm": 97.5, "key": "Eb minor",
        "genre": ["jazz", "bossa nova"], "moods": ["calm"], "keywords": "vinyl, rain", "instrument": "Piano",
        "description": "calm jazz, at night", "split": "train",
    }  # fmt: skip
    (root / "one.json").write_text(json.dumps(said))
    (root / "two.json").write_text(json.dumps({"license": "CC0-1.0", "split": "train"}))
    prepare("folder", root, folder / "out")
    return folder / "out" / "egs" / "train"


def check(found: list[dict]) -> None:
    """What either reader hands on."""
    one, two = sorted(found, key=lambda info: info["samples"])
    assert (one["samples"], two["samples"]) == (64_000, 96_000)
    assert one["title"] == 'One, "two" & three'
    assert one["artist"] == "Löwe"
    assert (one["bpm"], one["key"]) == (97.5, "eb minor")
    assert (one["genre"], one["instrument"]) == ("jazz, bossa nova", "piano")
    assert one["moods"] in (["calm"], "calm")
    assert one["keywords"] in (["vinyl", "rain"], "vinyl rain")
    assert one["description"] == "calm jazz, at night"
    assert two["description"] == "Music"
    assert (two["bpm"], two["moods"], two["artist"]) == (None, None, None)


def test_audiocrafts_own_reader(train, tmp_path):
    tried = subprocess.run(
        [sys.executable, "-c", "import audiocraft.data.music_dataset"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("audiocraft is not installed")
    environment = tmp_path / "default.yaml"
    environment.write_text(ENVIRONMENT)
    done = subprocess.run(
        [sys.executable, "-c", OWN_READER, str(train)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"AUDIOCRAFT_CONFIG": str(environment), "AUDIOCRAFT_CLUSTER": "default"},
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    check([json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")])


def test_a_reader_like_audiocrafts(train):
    """AudioMeta.from_dict, and MusicInfo.from_dict with all fields required, as its source has them."""
    found = []
    for line in (train / "data.jsonl").read_text().splitlines():
        meta = json.loads(line)
        path = Path(meta["path"])
        assert path.is_absolute()
        assert {"amplitude", "weight", "info_path"} <= set(meta)
        sound = soundfile.info(path)
        assert (sound.samplerate, sound.channels) == (meta["sample_rate"], 1)
        assert sound.frames / sound.samplerate == pytest.approx(meta["duration"], abs=1e-3)
        info = json.loads(path.with_suffix(".json").read_text())
        found.append({"samples": sound.frames} | {name: read(name, info[name]) for name in FIELDS})
    check(found)


def read(name, value):
    """audiocraft's attribute_getter."""
    if name == "bpm":
        return float(value) if value != "" else None
    if name == "key":
        return None if not value or "," in value else value.strip().lower()
    if name in ("moods", "keywords"):
        words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
        return [word.lower() for word in words if word] or None
    text = value.strip() if isinstance(value, str) and value else None
    return text.lower() if text and name in ("genre", "name", "instrument") else text
