"""No page takes a file: one that is sent all the same is written nowhere."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from accounts.forms import SignInForm


@pytest.mark.parametrize("length", [10, 64 * 1024, 3 * 1024 * 1024])
def test_no_file_reaches_the_disk(length: int) -> None:
    sent = SimpleUploadedFile("a.bin", b"x" * length)
    request = RequestFactory().post("/login/", {"username": "alice", "password": "x", "file": sent})
    assert SignInForm(request.POST).is_valid()
    assert not [kept for kept in request.FILES.values() if hasattr(kept, "temporary_file_path")]
