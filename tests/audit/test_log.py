"""What was done is written down, and no line can be changed unseen."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from hashlib import sha256

import pytest

from muscgen.artifacts import files
from muscgen.audit import Audit
from muscgen.audit.chain import verify, verify_home
from muscgen.audit.line import GENESIS
from muscgen.audit.segments import Head, key_in, segments
from muscgen.errors import AuditUnavailable


def opened(home, **more):
    return Audit(home / "audit", home / "keys" / "audit", home / "keys" / "audit.head", **more)


@pytest.fixture
def log(tmp_path):
    return opened(tmp_path)


def verified(log, **more):
    return verify_home(log._folder, log._head_path, key_in(log._key_path), **more)


def lines_of(log):
    return [json.loads(line) for path in segments(log._folder) for line in path.read_bytes().splitlines()]


def filled(log, count=5):
    for number in range(count):
        log.note("generate", "acme", job=f"job_{number}", artifacts=[sha256(b"%d" % number).hexdigest()])
    return segments(log._folder)[0]


def test_a_line_says_who_did_what_when_and_what_came_before(log):
    log.note("accept", "Ada", model="facebook/musicgen-small", text_sha256="ab")
    log.note("revoke", "", consent="consent_1")
    first, second = lines_of(log)
    assert (first["kind"], first["who"], first["what"]["model"]) == (
        "accept",
        "Ada",
        "facebook/musicgen-small",
    )
    assert first["previous"] == GENESIS
    assert second["previous"] == first["hash"]
    assert (second["who"], second["seq"]) == ("anyone", 2)


def test_whoever_has_the_file_can_check_a_hash_with_no_more_than_sha256(log):
    line = filled(log, 1).read_text().strip()
    head, _, tail = line.partition(',"hash":"')
    assert sha256(f"{head}}}".encode()).hexdigest() == tail[:64]


def test_a_log_that_nobody_touched_is_intact(log):
    filled(log)
    report = verified(log)
    assert (report.intact, report.lines, report.first, report.last.seq) == (True, 5, 1, 5)


def test_any_changed_byte_is_found(log):
    path = filled(log, 3)
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        if good[at : at + 1] == b"\n":
            continue
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert not verified(log).intact, at
    path.write_bytes(good)
    assert verified(log).intact


def test_a_change_that_makes_the_line_longer_but_not_other_is_found(log):
    path = filled(log, 2)
    path.write_bytes(path.read_bytes().replace(b'{"seq":1,', b'{"seq": 1,'))
    assert verified(log).faults == ["audit-000001.jsonl:1: line 1 was changed"]


def rearranged(log, change):
    path = segments(log._folder)[0]
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))
    return verified(log).faults


def test_a_removed_line_is_found(log):
    filled(log)
    assert rearranged(log, lambda lines: lines.pop(2)) == ["audit-000001.jsonl:3: lines 3 to 3 are missing"]


def test_lines_that_changed_places_are_found(log):
    filled(log)
    assert rearranged(log, lambda lines: lines.insert(1, lines.pop(3)))


def test_a_line_that_is_there_twice_is_found(log):
    filled(log)
    assert rearranged(log, lambda lines: lines.append(lines[-1]))


@pytest.mark.parametrize("count", [1, 3, 5])
def test_lines_cut_off_at_the_end_are_found(log, count):
    filled(log)

    def cut(lines):
        del lines[-count:]

    assert any("cut off" in fault for fault in rearranged(log, cut))


def test_a_log_that_went_away_whole_is_found(log):
    filled(log).unlink()
    assert verified(log).faults == ["the log ends with line 0, and its head knows line 5: cut off"]


def test_what_was_cut_off_stays_found_after_more_was_written(log):
    filled(log)
    rearranged(log, lambda lines: lines.pop())
    log.note("consent", "acme", consent="consent_2")
    assert [line["kind"] for line in lines_of(log)][-2:] == ["broken", "consent"]
    faults = verified(log).faults
    assert any("lines 5 to 5 are missing" in fault for fault in faults)


def test_a_chain_made_anew_without_the_key_is_found(log, tmp_path):
    filled(log)
    forger = Audit(tmp_path / "audit", tmp_path / "other" / "key", tmp_path / "other" / "head")
    segments(log._folder)[0].unlink()
    filled(forger, 5)
    faults = verified(log).faults
    assert any("not written with this log's key" in fault for fault in faults)
    assert verify(segments(log._folder)).intact  # the chain alone cannot know


def test_a_head_that_was_noted_elsewhere_finds_what_even_the_key_could_hide(log, tmp_path):
    filled(log)
    noted = verified(log).last
    for path in (*segments(log._folder), log._head_path):
        path.unlink()
    filled(log, 9)  # by whoever has everything
    assert verified(log).intact
    assert any(str(noted.seq) in fault for fault in verified(log, expect=Head(5, "0" * 64)).faults)
    assert verified(log, expect=verified(log).last).intact


def test_a_head_that_is_missing_or_of_somebody_else_is_said(log):
    filled(log)
    head = log._head_path.read_text()
    log._head_path.write_text(head.replace('"seq": 5', '"seq": 4'))
    assert any("this key" in fault for fault in verified(log).faults)
    log._head_path.unlink()
    assert any("missing" in fault for fault in verified(log).faults)


def test_rotation_keeps_the_chain_and_a_missing_file_is_found(tmp_path):
    log = opened(tmp_path, rotate_bytes=1_500)
    filled(log, 20)
    files = segments(log._folder)
    assert len(files) > 2
    assert verified(log).intact
    assert verify(files[1:]).first > 1
    assert verify(files[1:]).intact  # old files may lie elsewhere: each is checked for itself
    files[1].unlink()
    assert any("are missing" in fault for fault in verified(log).faults)


def test_a_line_half_written_by_a_crash_goes_and_a_line_says_so(log):
    path = filled(log, 2)
    with path.open("ab") as file:
        file.write(b'{"seq":3,"time":"20')
    assert not verified(log).intact
    log.note("generate", "acme", job="job_3")
    assert [line["kind"] for line in lines_of(log)] == ["generate", "generate", "torn", "generate"]
    assert lines_of(log)[2]["what"]["bytes"] == 19
    assert verified(log).intact


def test_a_crash_between_a_line_and_the_head_is_no_fault(log):
    filled(log, 2)
    head = log._head_path.read_bytes()
    log.note("generate", "acme", job="job_3")
    log._head_path.write_bytes(head)
    assert verified(log).intact
    log.note("generate", "acme", job="job_4")
    assert [line["seq"] for line in lines_of(log)] == [1, 2, 3, 4]


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_stops_what_must_be_written_down(log, monkeypatch):
    path = filled(log, 1)
    before = path.read_bytes()
    monkeypatch.setattr("muscgen.audit.log.os.fsync", full)
    with pytest.raises(AuditUnavailable, match="No space left") as refusal:
        log.note("generate", "acme", job="job_2")
    assert (refusal.value.status, refusal.value.retryable) == (503, True)
    assert path.read_bytes() == before
    monkeypatch.undo()
    log.note("generate", "acme", job="job_2")
    assert verified(log).intact


def test_a_line_whose_head_cannot_be_written_is_no_line(log, monkeypatch):
    path = filled(log, 2)
    before = path.read_bytes()
    monkeypatch.setattr("muscgen.audit.segments.files.write", full)
    with pytest.raises(AuditUnavailable, match="No space left"):
        log.note("generate", "acme", job="job_3")
    assert path.read_bytes() == before
    monkeypatch.undo()
    log.note("generate", "acme", job="job_3")
    assert verified(log).intact
    assert [line["what"]["job"] for line in lines_of(log)] == ["job_0", "job_1", "job_3"]


def test_a_head_that_is_written_before_something_fails_keeps_its_line(log, monkeypatch):
    filled(log, 1)
    write = files.write

    def written_and_failed(path, content):
        write(path, content)
        full()

    monkeypatch.setattr("muscgen.audit.segments.files.write", written_and_failed)
    assert log.note("generate", "acme", job="job_2").seq == 2
    monkeypatch.undo()
    log.note("generate", "acme", job="job_3")
    assert verified(log).intact
    assert len(lines_of(log)) == 3


def test_the_line_of_a_job_that_is_late_is_written_once_wherever_it_stands(tmp_path):
    now = [1_800_000_000.0]
    log = opened(tmp_path, rotate_bytes=2_000, clock=lambda: now[0])
    begun_at = now[0]
    first = log.note("generate", "acme", begun_at=begun_at, job="job_1")
    for number in range(20):
        now[0] += 60
        log.note("generate", "acme", job=f"job_1{number}", artifacts=["ab" * 32])
    assert log.note("generate", "acme", begun_at=begun_at, job="job_1") == first
    assert log.note("generate", "acme", begun_at=begun_at, job="job_2").seq == 22
    assert len(segments(tmp_path / "audit")) > 2


def test_a_full_disk_may_be_let_pass_and_is_counted(tmp_path, monkeypatch):
    from muscgen.telemetry import AUDIT_MISSED

    log = opened(tmp_path, policy="warn")
    before = AUDIT_MISSED.labels("generate")._value.get()
    monkeypatch.setattr("muscgen.audit.log.os.fsync", full)
    assert log.note("generate", "acme", job="job_1") is None
    assert AUDIT_MISSED.labels("generate")._value.get() == before + 1


def test_a_log_that_is_off_leaves_no_trace(tmp_path):
    log = opened(tmp_path, policy="off")
    assert log.note("generate", "acme") is None
    assert log.check() == Head()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said_at_the_start(tmp_path):
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(AuditUnavailable, match="cannot be written"):
        opened(tmp_path).check()


def test_key_head_and_lines_are_their_owners_alone(log):
    for path in (filled(log, 1), log._head_path, log._key_path):
        assert path.stat().st_mode & 0o077 == 0, path


WRITER = """
import sys
from pathlib import Path
from muscgen.audit import audit_of
from muscgen.settings import load
log = audit_of(load(home=Path(sys.argv[1]), audit_bytes=4_000))
for number in range(25):
    log.note("generate", sys.argv[2], number=number)
"""


def test_processes_that_write_at_once_make_one_chain(tmp_path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in ("a", "b", "c")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    log = opened(tmp_path)
    report = verified(log)
    assert (report.faults, report.lines) == ([], 75)
    for name in ("a", "b", "c"):
        assert [line["what"]["number"] for line in lines_of(log) if line["who"] == name] == list(range(25))
