"""Small files that would become large ones, and files that are something else."""

from __future__ import annotations

import ast
import bz2
import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

import muscgen.admission.principals
from tests.api.conftest import assert_problem


def packed(kind: str) -> bytes:
    zeros = bytes(20_000_000)
    if kind == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("song.wav", zeros)
        return out.getvalue()
    return gzip.compress(zeros) if kind == "gzip" else bz2.compress(zeros)


@pytest.mark.parametrize("kind", ["zip", "gzip", "bzip2"])
async def test_an_archive_that_calls_itself_sound_is_no_sound(service, kind):
    answer = await service.http.post(
        "/artifacts", content=packed(kind), headers={"Content-Type": "audio/wav"}
    )
    assert_problem(answer, 422, "unreadable_audio", "file")


async def test_an_hour_of_silence_in_a_small_file_is_refused_by_its_length(service):
    out = io.BytesIO()
    soundfile.write(out, np.zeros(8_000 * 3_600, np.int16), 8_000, format="FLAC")
    assert len(out.getvalue()) < 1_000_000
    answer = await service.http.post(
        "/artifacts", content=out.getvalue(), headers={"Content-Type": "audio/flac"}
    )
    assert "longer than 600 s" in assert_problem(answer, 422, "unreadable_audio", "file")["detail"]


async def test_nothing_of_a_refused_file_stays(service, tmp_path):
    await service.http.post("/artifacts", content=packed("zip"), headers={"Content-Type": "audio/wav"})
    kept = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file() and path.stat().st_size]
    assert kept == []


def test_keys_are_compared_in_constant_time():
    tree = ast.parse(Path(muscgen.admission.principals.__file__).read_text())
    checking = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "authenticate"
    )
    called = {
        node.func.attr
        for node in ast.walk(checking)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert "compare_digest" in called
    assert not [node for node in ast.walk(checking) if isinstance(node, ast.Compare)]  # no == or in
