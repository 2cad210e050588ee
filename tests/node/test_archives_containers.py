"""Archives made to do harm are refused when they are opened, with the name of what is wrong."""

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import mastodon_exports as made
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.errors import Refused
from node.archives import containers
from node.archives.containers import Folder, check_name
from node.archives.reading import open_archive
from node.archives.tars import Tar
from node.archives.zips import Zip

GOOD = made.export(made.create(made.note()))
WRITERS = {"a.zip": made.as_zip, "a.tar": made.as_tar, "a.tar.gz": made.as_tar}
EVIL_NAMES = ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "a\\..\\evil", "..", "x" * 2_000]
a_scratch_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def tar_with(path: Path, *members: tarfile.TarInfo) -> Path:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    path.write_bytes(gzip.compress(content.getvalue()))
    return path


@pytest.mark.parametrize("kind", WRITERS)
def test_a_good_archive_gives_its_files_whole_and_in_any_order(tmp_path: Path, kind: str) -> None:
    path = WRITERS[kind](tmp_path / kind, GOOD)
    container = Zip(path) if kind == "a.zip" else Tar(path, is_gzipped=kind.endswith("gz"))

    found = {name: container.load(name, 10_000) for name in sorted(container.names(), reverse=True)}
    file = container.open("outbox.json")
    streamed = b"".join(iter(lambda: file.read(7), b""))
    file.close()
    container.close()

    assert found == GOOD
    assert streamed == GOOD["outbox.json"]
    assert container.size_of("outbox.json") == len(GOOD["outbox.json"])
    assert container.size_of("missing") is None


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_larger_than_asked_for_is_not_read(tmp_path: Path, kind: str) -> None:
    path = WRITERS[kind](tmp_path / kind, GOOD)
    container = Zip(path) if kind == "a.zip" else Tar(path, is_gzipped=kind.endswith("gz"))

    with pytest.raises(Refused, match="at most 3 are taken"):
        container.load(made.PICTURE_NAME, 3)
    with pytest.raises(Refused, match="there is no missing"):
        container.load("missing", 3)
    with pytest.raises(Refused, match="there is no missing"):
        container.open("missing")
    container.close()


@pytest.mark.parametrize("name", EVIL_NAMES)
@pytest.mark.parametrize("kind", WRITERS)
def test_a_name_that_leads_outside_refuses_the_archive(tmp_path: Path, kind: str, name: str) -> None:
    path = WRITERS[kind](tmp_path / kind, {**GOOD, name: b"x"})

    with pytest.raises(Refused, match="outside of it"):
        open_archive(path)


@given(st.text(max_size=50))
def test_a_checked_name_never_leads_outside(name: str) -> None:
    try:
        plain = check_name(name, "a.zip")
    except Refused:
        return

    assert not plain.startswith("/")
    assert ".." not in plain.split("/")
    assert "\\" not in plain


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_stands_there_twice_refuses_the_archive(tmp_path: Path, kind: str) -> None:
    path = WRITERS[kind](tmp_path / kind, {**GOOD, "./outbox.json": made.outbox()})

    with pytest.raises(Refused, match=r"outbox\.json twice"):
        open_archive(path)


def test_a_link_in_a_zip_refuses_it(tmp_path: Path) -> None:
    path = made.as_zip(tmp_path / "a.zip", GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("media_attachments/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hosts")

    with pytest.raises(Refused, match="a link or a device: media_attachments/link"):
        open_archive(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_in_a_tar_refuses_it(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("outbox.json")
    member.type, member.linkname = kind, "/etc/hosts"

    with pytest.raises(Refused, match="a link or a device"):
        open_archive(tar_with(tmp_path / "a.tar.gz", member))


def test_a_sparse_file_in_a_tar_refuses_it(tmp_path: Path) -> None:
    member = tarfile.TarInfo("outbox.json")
    member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1"}
    member.pax_headers |= {"GNU.sparse.size": str(2**50)}
    member.size = 1

    with pytest.raises(Refused):
        open_archive(tar_with(tmp_path / "a.tar.gz", member))


def test_a_zip_that_would_swell_beyond_all_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "FREE_SWELLING_BYTES", 100_000)
    path = made.as_zip(tmp_path / "a.zip", {**GOOD, "outbox.json": bytes(3_000_000)})

    with pytest.raises(Refused, match=r"outbox\.json, which would swell to 3,000,000 bytes"):
        open_archive(path)


def test_a_zip_that_lies_about_its_sizes_gives_no_more_than_it_said(tmp_path: Path) -> None:
    path = made.as_zip(tmp_path / "a.zip", {**GOOD, made.PICTURE_NAME: bytes(5_000_000)})
    raw = path.read_bytes()
    at = raw.index(made.PICTURE_NAME.encode(), raw.index(b"PK\x01\x02")) - 46
    lie = raw[: at + 24] + struct.pack("<L", 100) + raw[at + 28 :]
    path.write_bytes(lie)
    archive = Zip(path)

    with pytest.raises(Refused, match="damaged"):
        archive.load(made.PICTURE_NAME, 1_000)
    archive.close()


def test_a_tar_that_would_swell_beyond_all_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "FREE_SWELLING_BYTES", 100_000)
    path = made.as_tar(tmp_path / "a.tar.gz", {"outbox.json": bytes(30_000_000)})

    with pytest.raises(Refused, match="would swell"):
        open_archive(path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_tar_whose_header_claims_gigabytes_is_refused(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("outbox.json")
    header.type, header.size = kind, 2**33
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(10_000)))

    with pytest.raises(Refused, match="no honest archive"):
        open_archive(path)


@pytest.mark.parametrize("kind", WRITERS)
def test_an_archive_cut_short_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    whole = WRITERS[kind](tmp_path / kind, GOOD)
    raw = whole.read_bytes()
    content = len(raw) if kind != "a.tar" else len(raw.rstrip(b"\0")) - 1

    for size in range(1, content, max(1, content // 40)):
        cut = tmp_path / kind
        cut.write_bytes(raw[:size])
        with pytest.raises(Refused):
            open_archive(cut)


def test_a_tar_with_a_damaged_header_in_its_middle_is_refused(tmp_path: Path) -> None:
    path = made.as_tar(tmp_path / "a.tar", {"outbox.json": made.outbox(), "b": b"x", "c": b"y"})
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"b\0\0\0") + 148] ^= 1
    path.write_bytes(raw)

    with pytest.raises(Refused, match="damaged"):
        open_archive(path)


@a_scratch_folder
@given(st.data())
def test_an_archive_with_bytes_changed_gives_its_posts_or_our_own_error(tmp_path: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(WRITERS)))
    raw = bytearray(WRITERS[kind](tmp_path / kind, GOOD).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / kind).write_bytes(raw)

    try:
        with open_archive(tmp_path / kind) as archive:
            for post in archive.posts():
                for media in post.media:
                    media.read(1_000)
    except Refused:
        return


def test_a_zip_with_a_password_says_what_to_do(tmp_path: Path) -> None:
    path = made.as_zip(tmp_path / "a.zip", GOOD)
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)

    with pytest.raises(Refused, match="encrypted: unpack it"):
        open_archive(path)


def test_a_zip_packed_in_a_way_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("outbox.json", made.outbox())

    with pytest.raises(Refused, match="in a way that is not read here"):
        open_archive(path)


def test_a_zip_whose_table_of_contents_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = made.as_zip(tmp_path / "a.zip", GOOD)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<L", raw, raw.rindex(b"PK\x05\x06") + 12, 2**31)
    path.write_bytes(raw)

    with pytest.raises(Refused, match="too many files"):
        open_archive(path)


def test_a_zip_of_64_bits_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(66_000):
            archive.writestr(zipfile.ZipInfo(f"m/{number}"), b"")
        archive.writestr("outbox.json", made.outbox(made.create(made.note())))

    with open_archive(path) as opened:
        assert opened.summary.count == 1


def test_more_files_than_an_export_can_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.archives.zips.MAX_ENTRIES", 3)
    monkeypatch.setattr("node.archives.tars.MAX_ENTRIES", 3)

    for kind, write in WRITERS.items():
        with pytest.raises(Refused, match="files"):
            open_archive(write(tmp_path / kind, GOOD))


def test_an_archive_within_an_archive_is_named(tmp_path: Path) -> None:
    inner = made.as_tar(tmp_path / "archive.tar.gz", GOOD).read_bytes()

    with pytest.raises(Refused, match=r"another archive: unpack it and choose archive\.tar\.gz"):
        open_archive(made.as_zip(tmp_path / "a.zip", {"archive.tar.gz": inner}))


def test_no_link_is_followed_within_a_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"private")
    folder = made.as_folder(tmp_path / "export", GOOD)
    (folder / "link").symlink_to(secret)
    (folder / "around").symlink_to(tmp_path)
    container = Folder(folder)

    assert container.size_of("link") is None
    assert container.size_of("around/secret") is None
    assert container.size_of("../secret") is None
    assert container.size_of("avatar.png") == 6
    assert container.size_of("x\0y") is None
    with pytest.raises(Refused, match="there is no link"):
        container.open("link")


@pytest.mark.skipif(os.name != "posix", reason="a pipe is POSIX")
def test_a_pipe_in_a_folder_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "outbox.json")

    with pytest.raises(Refused, match=r"holds no outbox\.json"):
        open_archive(tmp_path)


def test_gzip_of_anything_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    for raw in (gzip.compress(b"hello"), gzip.compress(b""), b"\x1f\x8b", b"\x1f\x8b" + zlib.compress(b"x")):
        path.write_bytes(raw)
        with pytest.raises(Refused):
            open_archive(path)
