import hashlib
import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from tests.models.loopback import Site
from whispercpp_ws.errors import ChecksumMismatch, DownloadFailed, NoSpace
from whispercpp_ws.models import download
from whispercpp_ws.models.atomic import Digest, no_progress
from whispercpp_ws.models.download import Downloader


BODY = bytes(range(256)) * 4000
DIGEST = Digest(
    len(BODY), hashlib.sha256(BODY).hexdigest(), hashlib.sha1(BODY).hexdigest()
)


def fetch(url: str, target: Path, digest: Digest = DIGEST) -> None:
    Downloader(no_progress).file(url, target, digest, timeout_s=5.0)


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_a_file_is_downloaded(site: Site, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int | None]] = []
    downloader = Downloader(lambda *call: calls.append(call))
    url = site.serve("/m.bin", BODY)
    downloader.file(url, tmp_path / "m", DIGEST, timeout_s=5.0)
    assert (tmp_path / "m").read_bytes() == BODY
    assert calls[-1] == ("m.bin", len(BODY), len(BODY))
    assert not part_of(tmp_path / "m").exists()


def test_a_partial_download_is_taken_up(site: Site, tmp_path: Path) -> None:
    part_of(tmp_path / "m").write_bytes(BODY[:1000])
    fetch(site.serve("/m.bin", BODY), tmp_path / "m")
    assert site.ranges_asked == ["bytes=1000-"]
    assert (tmp_path / "m").read_bytes() == BODY


def test_a_server_without_ranges_sends_it_all_again(site: Site, tmp_path: Path) -> None:
    part_of(tmp_path / "m").write_bytes(b"x" * 1000)
    fetch(site.serve("/m.bin", BODY, ranges=False), tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == BODY


def test_a_whole_part_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    part_of(tmp_path / "m").write_bytes(BODY)
    fetch(site.url + "/m.bin", tmp_path / "m")
    assert site.ranges_asked == []


def test_a_wrong_first_half_is_downloaded_anew(site: Site, tmp_path: Path) -> None:
    part_of(tmp_path / "m").write_bytes(b"x" * 1000)
    fetch(site.serve("/m.bin", BODY), tmp_path / "m")
    assert site.ranges_asked == ["bytes=1000-", ""]
    assert (tmp_path / "m").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_thrown_away(site: Site, tmp_path: Path) -> None:
    part_of(tmp_path / "m").write_bytes(BODY + b"more")
    fetch(site.serve("/m.bin", BODY), tmp_path / "m")
    assert site.ranges_asked == [""]


def test_a_refused_range_starts_from_zero(site: Site, tmp_path: Path) -> None:
    part_of(tmp_path / "m").write_bytes(b"x" * 1000)
    site.serve("/m.bin", b"short")
    digest = Digest(2000)
    with pytest.raises(DownloadFailed, match="expected 2000 bytes, got 5"):
        fetch(site.url + "/m.bin", tmp_path / "m", digest)
    assert site.ranges_asked == ["bytes=1000-", ""]


def test_a_transfer_that_breaks_is_taken_up(site: Site, tmp_path: Path) -> None:
    url = site.serve("/m.bin", BODY, send_most=len(BODY) // 3)
    fetch(url, tmp_path / "m")
    assert len(site.ranges_asked) == 4
    assert (tmp_path / "m").read_bytes() == BODY


def test_a_transfer_that_keeps_breaking_fails_and_keeps_what_came(
    site: Site, tmp_path: Path
) -> None:
    url = site.serve("/m.bin", BODY, send_most=1000)
    with pytest.raises(DownloadFailed, match="broke 6 times at 6000 of 1024000"):
        fetch(url, tmp_path / "m")
    assert part_of(tmp_path / "m").read_bytes() == BODY[:6000]
    assert not (tmp_path / "m").exists()


def test_a_transfer_that_brings_nothing_fails_at_once(
    site: Site, tmp_path: Path
) -> None:
    url = site.serve("/m.bin", BODY, send_most=0)
    with pytest.raises(DownloadFailed, match="the transfer ended at 0"):
        fetch(url, tmp_path / "m")
    assert len(site.ranges_asked) == 1


def test_a_corrupt_file_is_refused(site: Site, tmp_path: Path) -> None:
    url = site.serve("/m.bin", BODY[:-1] + b"x")
    with pytest.raises(ChecksumMismatch, match="expected sha256"):
        fetch(url, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_page_instead_of_the_file_is_refused_before_it_is_read(
    site: Site, tmp_path: Path
) -> None:
    url = site.serve("/m.bin", b"<html>", content_type="text/html")
    with pytest.raises(DownloadFailed, match="expected 1024000 bytes, got 6"):
        fetch(url, tmp_path / "m")


def test_more_bytes_than_promised_are_refused(site: Site, tmp_path: Path) -> None:
    url = site.serve("/m.bin", BODY + b"more", says_length=False)
    with pytest.raises(DownloadFailed, match="expected 1024000 bytes, got more"):
        fetch(url, tmp_path / "m")


def test_a_missing_file_says_so(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="answered 404 Not Found"):
        fetch(site.url + "/none", tmp_path / "m")


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    there = site.serve("/there", BODY)
    fetch(site.serve("/here", b"", status=302, location=there), tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == BODY


def test_a_host_that_is_away_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/m.bin"
    downloader = Downloader(no_progress)
    for _ in range(2):
        with pytest.raises(DownloadFailed, match="cannot be reached"):
            downloader.file(url, tmp_path / "m", DIGEST, timeout_s=1.0)


def test_silence_of_a_server_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/m.bin"
        with pytest.raises(DownloadFailed, match="timed out"):
            Downloader(no_progress).file(url, tmp_path / "m", DIGEST, timeout_s=0.05)


def test_a_server_that_falls_silent_breaks_the_transfer(
    site: Site, tmp_path: Path
) -> None:
    url = site.serve("/m.bin", BODY, send_most=1000, then_silent=True)
    with pytest.raises(DownloadFailed, match="broke 6 times at 6000"):
        Downloader(no_progress).file(url, tmp_path / "m", DIGEST, timeout_s=0.05)


def test_a_page_that_never_ends_fails(site: Site) -> None:
    url = site.serve("/page", BODY, send_most=1000, then_silent=True)
    with pytest.raises(DownloadFailed, match="the transfer broke"):
        Downloader(no_progress).page(url, accept="text/html", timeout_s=0.05)


def test_a_login_is_sent_and_not_shown(site: Site, tmp_path: Path) -> None:
    url = site.serve("/m.bin", BODY[:5]).replace("http://", "http://me:s%40cret@")
    with pytest.raises(DownloadFailed) as caught:
        fetch(url, tmp_path / "m")
    assert site.headers_seen[0]["Authorization"] == "Basic bWU6c0BjcmV0"
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "http://", "http://x:port/", "http://["]
)
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadFailed, match="expected an http or https address"):
        fetch(url, tmp_path / "m")


def test_a_full_disk_is_found_before_the_download(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1_000_000))
    with pytest.raises(NoSpace, match="got 1 MB"):
        fetch(site.serve("/m.bin", BODY), tmp_path / "m")
    assert site.ranges_asked == []


def test_a_page_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_PAGE_BYTES", 10)
    url = site.serve("/page", b"x" * 11)
    with pytest.raises(DownloadFailed, match="expected at most 10 bytes"):
        Downloader(no_progress).page(url, accept="text/html", timeout_s=5.0)


def test_a_certificate_bundle_of_pip_is_honoured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("not a certificate")
    monkeypatch.setenv("PIP_CERT", str(bundle))
    with pytest.raises(DownloadFailed, match="PIP_CERT"):
        Downloader(no_progress)
