"""The published layouts, as readers see them."""

from __future__ import annotations

import csv
import json

import pytest

from data import layouts
from data.tunes import write
from muscgen.data.licence import licence_of
from muscgen.data.readers import reader_of
from muscgen.data.track import Flaw, Track
from muscgen.errors import InvalidRequest


def read(name, root):
    return list(reader_of(name, root).read(root))


def tracks(name, root):
    found = read(name, root)
    assert all(isinstance(track, Track) for track in found), found
    assert len({track.id for track in found}) == len(found)
    return found


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_maestro(tmp_path, ending):
    found = tracks("maestro", layouts.maestro(tmp_path / "set", 9, ending=ending))
    assert len(found) == 9
    first, second = found[:2]
    assert (first.artist, first.title) == ("Alban Berg", 'Sonata No. 0, "Grande", Op. 0')
    assert first.group == second.group != found[2].group  # two performances of a piece
    assert [track.split for track in found[::2]] == ["train", "train", "valid", "test", "train"]
    assert first.expected.duration_s == 2.0
    assert (tmp_path / "set" / first.path).is_file()
    assert licence_of(first.claims).spdx == "CC-BY-NC-SA-4.0"
    assert first.claims[0].source == "LICENSE"


def test_maestros_json_is_its_csv(tmp_path):
    one = tracks("maestro", layouts.maestro(tmp_path / "csv", 5, audio=False))
    assert one == tracks("maestro", layouts.maestro(tmp_path / "json", 5, ending="json", audio=False))


def test_maestro_without_its_licence_file_is_under_the_published_one(tmp_path):
    found = tracks("maestro", layouts.maestro(tmp_path, 1, audio=False, licence=False))
    assert licence_of(found[0].claims).spdx == "CC-BY-NC-SA-4.0"


def test_fma(tmp_path):
    found = tracks("fma", layouts.fma(tmp_path, 12))
    assert [track.id for track in found][:3] == [
        "fma-000002",
        "fma-000003",
        "fma-000008",
    ]  # of the small subset
    first, second = found[:2]
    assert first.path == "fma_small/000/000002.mp3"
    assert (first.group, first.artist) == ("1", 'Artist 1, the "Great"')
    assert first.url == "http://freemusicarchive.org/music/A1/Album/Song_0"
    assert first.music.genres == ("Hip-Hop", "Pop")
    assert second.music.keywords == ("lo-fi", "don't")
    assert len(first.expected.sha1) == 40
    assert [licence_of(track.claims).spdx for track in found] == [
        "CC-BY-NC-SA-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "", "CC-BY-4.0", "CC-BY-NC-ND-3.0",
    ]  # fmt: skip


def test_a_larger_fma_has_the_smaller_ones_in_it(tmp_path):
    for size, count in (("small", 6), ("medium", 9), ("large", 12)):
        assert len(tracks("fma", layouts.fma(tmp_path / size, 12, size=size, audio=False))) == count


def test_fmas_known_bad_clips_are_known(tmp_path):
    layouts.fma(tmp_path, 6, size="large", audio=False, first=98_564)
    flaws = {track.id: track.expected.flaw for track in tracks("fma", tmp_path)}
    assert flaws["fma-098564"] == ""
    assert flaws["fma-098565"] == flaws["fma-098567"] == "lasts some 1.5 s in the published archive"


def test_fma_without_raw_tracks_has_the_titles_only(tmp_path):
    layouts.fma(tmp_path, 4, audio=False)
    (tmp_path / "fma_metadata" / "raw_tracks.csv").unlink()
    first, second = tracks("fma", tmp_path)[:2]
    assert licence_of(first.claims).spdx == "CC-BY-NC-SA-3.0"
    assert (
        licence_of(second.claims).why_not
        == "fma_metadata/tracks.csv track.license: 'Attribution' names no version"
    )


def test_tables_of_fma_that_were_sorted_otherwise_are_refused(tmp_path):
    layouts.fma(tmp_path, 8, audio=False)
    path = tmp_path / "fma_metadata" / "raw_tracks.csv"
    head, *rest = path.read_text().splitlines(keepends=True)
    path.write_text(head + "".join(reversed(rest)))
    with pytest.raises(InvalidRequest, match="ascend"):
        read("fma", tmp_path)


def test_a_row_that_does_not_fit_is_told_with_its_line_and_the_others_follow(tmp_path):
    layouts.fma(tmp_path, 8, audio=False)
    path = tmp_path / "fma_metadata" / "tracks.csv"
    with path.open("a", newline="") as file:
        file.write("77,too,short\n")
        csv.writer(file).writerow(["x", *["0"] * 31, "small", *["0"] * 20])
    flaws = [item for item in read("fma", tmp_path) if isinstance(item, Flaw)]
    assert "3 fields, not 53" in flaws[0].reason
    assert "fma_metadata/tracks.csv line" in flaws[0].place
    assert "no track's number" in flaws[1].reason


def test_nsynth_as_json_and_as_records_are_the_same_notes(tmp_path):
    layouts.nsynth(tmp_path / "json", 6, audio=False)
    layouts.nsynth_records(tmp_path / "records", 6)
    ours = tracks("nsynth", tmp_path / "json")
    twins = tracks("nsynth", tmp_path / "records")
    for one, twin in zip(ours, twins, strict=True):
        assert (one.id, one.group, one.music, one.claims) == (twin.id, twin.group, twin.music, twin.claims)
        assert twin.span is not None
        assert twin.path == "nsynth-train.tfrecord"
    assert ours[1].music.description == (
        "A single note of an acoustic bass, F2, played softly; dark, reverb."
    )
    assert ours[1].split == "train"


def test_a_note_without_its_fields_is_told(tmp_path):
    layouts.nsynth(tmp_path, 2, audio=False)
    table = tmp_path / "nsynth-train" / "examples.json"
    found = json.loads(table.read_text())
    note = next(iter(found.values()))
    other = note["note_str"].replace("guitar", "bass")
    flawed = {other: {"note_str": other}, "../../x": note | {"note_str": "../../x"}, other + "0": note}
    table.write_text(json.dumps(flawed | found)[:-1])  # and cut
    items = read("nsynth", tmp_path)
    flaws = [item for item in items if isinstance(item, Flaw)]
    assert len(flaws) == 4
    assert "fields are missing: instrument_str" in flaws[0].reason
    assert "it is no note" in flaws[1].reason
    assert "it is no note" in flaws[2].reason
    assert "cannot be read any further" in flaws[3].reason


def test_audioset_over_the_users_own_sound(tmp_path):
    found = tracks("audioset", layouts.audioset(tmp_path, 6))
    (tmp_path / "audio" / f"{layouts.videos(6)[2]}_30.wav").unlink()
    assert len(found) == 6
    assert len(tracks("audioset", tmp_path)) == 5  # no sound, no track
    first, speech, sad = found[:3]
    assert first.music.description == "A calm piano\nplays slowly."
    assert first.music.keywords == ("slow", "pianist's touch", "calm")
    assert (first.music.instruments, first.music.genres) == (("piano",), ("ambient music",))
    assert "no label" in speech.expected.flaw
    assert not first.expected.flaw
    assert (sad.music.moods, sad.music.genres) == (("sad",), ("pop music",))
    assert first.claims == ()


def test_musiccaps_alone(tmp_path):
    layouts.audioset(tmp_path, 3)
    (tmp_path / "balanced_train_segments.csv").unlink()
    [only] = tracks("audioset", tmp_path)
    assert only.split == "test"
    assert only.music.description.startswith("A calm piano")


def test_a_folder_with_everything_beside(tmp_path):
    for n, name in enumerate(["ada/one.wav", "ada/two.wav", "bob/three.flac", "four.wav", ".hidden/no.wav"]):
        write(tmp_path / name, n)
    (tmp_path / "ada" / "LICENSE").write_text("CC BY 4.0\nhttps://creativecommons.org/licenses/by/4.0/\n")
    (tmp_path / "ada" / "one.txt").write_text("a calm\npiano\n")
    said = {
        "artist": "Ada  Löwe",
        "license": "CC0-1.0",
        "bpm": 120,
        "key": "A minor",
        "moods": ["sad", "slow"],
    }
    (tmp_path / "ada" / "two.json").write_text(json.dumps(said))
    (tmp_path / "metadata.csv").write_text(
        "file_name,title,artist,license,genre,split,Caption\n"
        "bob/three.flac,Three,Bob,https://creativecommons.org/licenses/by-nc/4.0/,"
        '"jazz, swing",validation,"swing, fast"\n'
        "gone.wav,Gone,,,,,\n"
        "../out.wav,Out,,,,,\n"
    )
    items = read("folder", tmp_path)
    [flaw] = [item for item in items if isinstance(item, Flaw)]
    assert "../out.wav" in flaw.reason
    found = {item.path: item for item in items if isinstance(item, Track)}
    assert list(found) == ["bob/three.flac", "gone.wav", "four.wav", "ada/one.wav", "ada/two.wav"]
    three, one, two = found["bob/three.flac"], found["ada/one.wav"], found["ada/two.wav"]
    assert (three.split, three.music.genres, three.music.description) == (
        "valid",
        ("jazz", "swing"),
        "swing, fast",
    )
    assert licence_of(three.claims).spdx == "CC-BY-NC-4.0"
    assert licence_of(one.claims).spdx == "CC-BY-4.0"
    assert (one.music.description, one.group) == ("a calm piano", "ada")
    assert licence_of(two.claims).spdx == "CC0-1.0"
    assert (two.group, two.music.tempo_bpm, two.music.key) == ("ada löwe", 120.0, "A minor")
    assert two.music.moods == ("sad", "slow")
    assert licence_of(found["four.wav"].claims).spdx == ""


def claimed(root) -> dict[str, str]:
    """The licences of a folder's files; empty where they are not known."""
    return {
        item.path: licence_of(item.claims).spdx for item in read("folder", root) if isinstance(item, Track)
    }


def free(root, *names):
    """Sounds under a LICENSE of the whole folder."""
    for n, name in enumerate(names):
        write(root / name, n)
    (root / "LICENSE").write_text("https://creativecommons.org/licenses/by/4.0/")
    return root


@pytest.mark.parametrize(
    "rows",
    [
        "bob/x.wav,Hello, World,All rights reserved\n",  # whose comma?
        'ada/a.wav,One,"CC0-1.0\nbob/x.wav,Two,All rights reserved\n',  # no end of a quote
        'ada/a.wav,"One,CC0-1.0\nbob/x.wav,"Two",All rights reserved\n',
        ",Hello,All rights reserved\n",
        "C:\\songs\\bob\\x.wav,Hello,All rights reserved\n",
        "BOB/x.wav,Hello,All rights reserved\n",
        "bob/ x.wav,Hello,All rights reserved\n",
    ],
)
def test_a_row_that_may_be_of_another_file_keeps_those_out_that_no_row_names(tmp_path, rows):
    root = free(tmp_path, "ada/a.wav", "bob/x.wav")
    (root / "metadata.csv").write_text("path,title,license\nada/a.wav,One,CC0-1.0\n" * ("ada" not in rows))
    with (root / "metadata.csv").open("a") as file:
        file.write(("path,title,license\n" if "ada" in rows else "") + rows)
    found = claimed(root)
    assert found["bob/x.wav"] == ""
    assert "ada" in rows or found["ada/a.wav"] == "CC0-1.0"


@pytest.mark.parametrize("row", [",,\n", " , ,\n", "\n", "7:30.wav,Half past,CC0-1.0\n"])
def test_a_row_that_is_empty_or_looks_like_a_drive_keeps_none_out(tmp_path, row):
    root = free(tmp_path, "7:30.wav", "bob/x.wav")
    (root / "metadata.csv").write_text(f"path,title,license\n{row}")
    assert claimed(root)["bob/x.wav"] == "CC-BY-4.0"


def test_rows_after_one_that_cannot_be_read_are_read(tmp_path):
    root = free(tmp_path, "a.wav", "b.wav", "c.wav")
    rows = 'a.wav,"The "Best" Song",CC0-1.0\nb.wav,Two,CC0-1.0\n'
    (root / "metadata.csv").write_text(f"path,title,license\n{rows}")
    assert claimed(root) == {"a.wav": "", "b.wav": "CC0-1.0", "c.wav": ""}


def test_a_row_is_of_a_file_by_any_of_its_names(tmp_path):
    root = free(tmp_path / "set", "bob/w.wav", "bob/x.wav", "bob/y.wav", "bob/z.wav")
    names = ["bob\\w.wav", " bob/x.wav ", "../set/bob/y.wav", str(root / "bob" / "z.wav")]
    (root / "metadata.csv").write_text("path,license\n" + "".join(f"{name},CC0-1.0\n" for name in names))
    assert claimed(root) == {f"bob/{name}.wav": "CC0-1.0" for name in "wxyz"}


def test_a_file_of_which_two_rows_speak_is_told_of_and_not_taken(tmp_path):
    root = free(tmp_path, "x.wav", "y.wav")
    (root / "metadata.csv").write_text("path,license\nx.wav,CC0-1.0\n./x.wav,All rights reserved\n")
    items = read("folder", root)
    assert [item.place for item in items if isinstance(item, Flaw)] == [
        "metadata.csv line 2",
        "metadata.csv line 3",
    ]
    assert claimed(root) == {"y.wav": "CC-BY-4.0"}


def test_a_table_that_has_a_column_twice_is_refused(tmp_path):
    free(tmp_path, "x.wav")
    (tmp_path / "metadata.csv").write_text("path,license,License\nx.wav,All rights reserved,CC0-1.0\n")
    with pytest.raises(InvalidRequest, match="has the column 'license' twice"):
        read("folder", tmp_path)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"license": ["CC-BY-NC-4.0"]}, "CC-BY-NC-4.0"),
        ({"license": ["CC-BY-4.0", "CC-BY-NC-4.0", "Mine"]}, ""),
        ({"license": {"name": "All rights reserved"}}, ""),
        ({"license": False}, ""),
        ({"License": "All rights reserved"}, ""),
        ({"licence": "CC-BY-NC-4.0"}, "CC-BY-NC-4.0"),
        ({"Licence URL": "https://creativecommons.org/licenses/by-nc/4.0/"}, "CC-BY-NC-4.0"),
        ({"License": "All rights reserved", "license": "CC0-1.0"}, ""),
        ({"license": None}, "CC-BY-4.0"),
        ({"license": []}, "CC-BY-4.0"),
        ({"Artist": "Ada"}, "CC-BY-4.0"),
    ],
)
def test_whatever_a_sidecar_says_of_a_licence_is_heard(tmp_path, said, found):
    free(tmp_path, "x.wav")
    (tmp_path / "x.json").write_text(json.dumps(said))
    assert claimed(tmp_path) == {"x.wav": found}


@pytest.mark.parametrize("name", ["License.txt", "license", "LICENCE.md", "licence.TXT"])
def test_a_licence_file_is_one_in_any_case(tmp_path, name):
    free(tmp_path, "ada/one.wav", "bob/two.wav")
    (tmp_path / "bob" / name).write_text("All rights reserved")
    assert claimed(tmp_path) == {"ada/one.wav": "CC-BY-4.0", "bob/two.wav": ""}


def test_two_licence_files_of_a_folder_are_both_heard(tmp_path):
    free(tmp_path, "one.wav")
    (tmp_path / "License.md").write_text("CC BY-NC 4.0")
    assert claimed(tmp_path) == {"one.wav": ""}


@pytest.mark.parametrize("content", [b"path,titr\xe9\nx.wav,One\n", b"path,title\nx.wav,\xe9t\xe9\n"])
def test_a_table_that_is_no_utf_8_is_refused_by_its_name(tmp_path, content):
    free(tmp_path, "x.wav")
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"metadata\.csv is not UTF-8"):
        read("folder", tmp_path)


def test_a_sidecar_that_cannot_be_read_is_told(tmp_path):
    write(tmp_path / "one.wav", 1)
    (tmp_path / "one.json").write_text("{")
    [flaw] = read("folder", tmp_path)
    assert flaw.place == "one.wav"
    assert "one.json is no JSON" in flaw.reason


@pytest.mark.parametrize("name", ["maestro", "fma", "nsynth", "audioset"])
def test_another_folder_is_refused_and_what_should_lie_there_is_named(tmp_path, name):
    with pytest.raises(InvalidRequest, match="holds n") as refusal:
        read(name, tmp_path)
    assert refusal.value.suggestion


def test_a_table_without_a_column_is_refused_by_the_columns_name(tmp_path):
    (tmp_path / "maestro-v3.0.0.csv").write_text("canonical_composer,split\nBach,train\n")
    with pytest.raises(InvalidRequest, match="no column canonical_title, year") as refusal:
        read("maestro", tmp_path)
    assert "its columns are canonical_composer, split" in refusal.value.suggestion


def test_a_set_that_nobody_knows(tmp_path):
    with pytest.raises(InvalidRequest, match="no data set known here") as refusal:
        reader_of("jamendo", tmp_path)
    assert "audioset" in refusal.value.suggestion
