"""The owners of what clients bring: their names say whose it is, and until when."""

from __future__ import annotations

import pytest

from muscgen.artifacts import is_upload, is_upload_of, upload_expires_at, upload_owner


@pytest.mark.parametrize("tenant", ["", "t1", "with_line", "anyone_else"])
def test_an_owners_name_says_whose_and_until_when(tenant):
    owner = upload_owner(tenant, 1_800_000_000.123)
    assert upload_expires_at(owner) == 1_800_000_000.123
    assert is_upload_of(owner, tenant)
    assert not is_upload_of(owner, tenant + "x")
    assert owner != upload_owner(tenant, 1_800_000_000.123)


def test_a_job_is_no_upload():
    assert not is_upload("01J-some-job")
    with pytest.raises(ValueError, match="no upload"):
        upload_expires_at("upload_x")
