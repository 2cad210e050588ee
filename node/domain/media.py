"""What a picture or file is, told from its own first bytes: what it claims to be counts for nothing.

Only types that a browser shows or plays without running anything are known: no SVG, no HTML, no PDF.
"""

MAX_MEDIA_BYTES = 16 * 1024 * 1024
_SNIFFED_BYTES = 4096
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
)
_RIFFS = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}
_VIDEO_BRANDS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash", b"MSNV")
_ENDINGS = {
    "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "image/avif": "avif",
    "video/mp4": "mp4", "video/webm": "webm", "video/ogg": "ogv", "audio/mpeg": "mp3", "audio/ogg": "ogg",
    "audio/mp4": "m4a", "audio/wav": "wav", "audio/flac": "flac",
}  # fmt: skip
MEDIA_TYPES = tuple(_ENDINGS)


def media_type_of(data: bytes) -> str | None:
    """Return the media type that a file's first bytes show, or None if it is none of `MEDIA_TYPES`."""
    for start, media_type in _STARTS:
        if data.startswith(start):
            return media_type
    if data[:4] == b"RIFF":
        return _RIFFS.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _brand(data[8:12])
    if data[:4] == b"OggS":
        return "video/ogg" if b"theora" in data[:_SNIFFED_BYTES] else "audio/ogg"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in data[:_SNIFFED_BYTES] else None
    return "audio/mpeg" if _is_mpeg_audio(data[:4]) else None


def ending_of(media_type: str) -> str:
    """Return the usual ending of a file's name for a media type; `bin` for one not known."""
    return _ENDINGS.get(media_type, "bin")


def _brand(brand: bytes) -> str | None:
    return _BRANDS.get(brand) or ("video/mp4" if brand in _VIDEO_BRANDS else None)


def _is_mpeg_audio(head: bytes) -> bool:
    """Tell a frame of layer III: eleven set bits, then a version, a layer, a bit rate and a sampling rate there are."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    is_layer_3 = head[1] & 0x06 == 0x02 and head[1] & 0x18 != 0x08
    return is_layer_3 and head[2] & 0xF0 not in (0x00, 0xF0) and head[2] & 0x0C != 0x0C
