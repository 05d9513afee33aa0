"""Images that a create names: re-encoded, turned upright, and refused where they are hostile."""

from __future__ import annotations

import base64
import io
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from api.http.state import AppState
from tests.support.users import Person
from tests.support.video_requests import PROMPT, available, create, png


async def test_an_image_is_kept_without_its_metadata(
    client: httpx.AsyncClient, account: Person, app_state: AppState
) -> None:
    drawn = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    Image.new("RGB", (4000, 1000), "red").save(drawn, "JPEG", exif=exif)
    answer = await client.post(
        "/v1/videos",
        data={"prompt": PROMPT},
        files={"input_reference": ("me.jpg", drawn.getvalue(), "image/jpeg")},
        headers=account.headers,
    )
    assert answer.status_code == 200, answer.text
    kept = app_state.storage.read_file(f"inputs/{answer.json()['id']}/0.png")
    assert b"where I live" not in kept
    assert Image.open(io.BytesIO(kept)).size == (2048, 512)
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    inline = await create(client, account, input_reference={"image_url": url})
    assert Image.open(io.BytesIO(app_state.storage.read_file(f"inputs/{inline.json()['id']}/0.png"))).size == (64, 48)


TEXT = base64.encodebytes(png()).decode()


@pytest.mark.parametrize(
    "source",
    [
        f"data:image/png;base64,{TEXT}",
        {"image_url": f"data:image/png;base64,{TEXT}"},
        {"image_url": f"data:application/octet-stream;base64,{TEXT}"},
        {"image_url": f"data:image/png,{quote(png())}"},
        {"file": TEXT},
    ],
    ids=["plain", "wrapped", "no type", "percent", "file"],
)
async def test_an_image_within_json_is_read_however_it_is_written(
    client: httpx.AsyncClient, account: Person, app_state: AppState, source: object
) -> None:
    answer = await create(client, account, first_frame=source)
    assert answer.status_code == 200, answer.text
    kept = app_state.storage.read_file(f"inputs/{answer.json()['id']}/0.png")
    assert Image.open(io.BytesIO(kept)).size == (64, 48)


@pytest.mark.parametrize(
    ("source", "param", "says"),
    [
        ("https://example.org/a.png", "first_frame", "other addresses are not fetched"),
        ({"image_url": "https://example.org/a.png"}, "first_frame.image_url", "other addresses are not fetched"),
        ("data:video/mp4;base64,AAAA", "first_frame", "type image/…, and this one is video/mp4"),
        ("data:image/png;base64,?", "first_frame", "not valid base64"),
        ({"file": "?"}, "first_frame.file", "not valid base64"),
    ],
)
async def test_an_address_that_cannot_be_read_is_named(
    client: httpx.AsyncClient, account: Person, source: object, param: str, says: str
) -> None:
    answer = await create(client, account, first_frame=source)
    assert (answer.status_code, answer.json()["param"]) == (422, param), answer.text
    assert says in answer.json()["detail"]


PART = '--B\r\nContent-Disposition: form-data; name="{}"{}\r\n{}\r\n'


@pytest.mark.parametrize(
    ("disposition", "content_type"),
    [("", "Content-Type: image/png\r\n"), ("", ""), ("", "Content-Type: application/octet-stream\r\n")],
    ids=["typed", "bare", "octets"],
)
async def test_a_part_without_a_file_name_is_a_file(
    client: httpx.AsyncClient, account: Person, app_state: AppState, disposition: str, content_type: str
) -> None:
    head = PART.format("prompt", "", "") + PROMPT + "\r\n" + PART.format("first_frame", disposition, content_type)
    form = head.encode() + png() + b"\r\n--B--\r\n"
    headers = account.headers | {"content-type": "multipart/form-data; boundary=B"}
    answer = await client.post("/v1/videos", content=form, headers=headers)
    assert answer.status_code == 200, answer.text
    kept = app_state.storage.read_file(f"inputs/{answer.json()['id']}/0.png")
    assert Image.open(io.BytesIO(kept)).size == (64, 48)


async def test_a_photo_is_turned_as_the_camera_was_held(
    client: httpx.AsyncClient, account: Person, app_state: AppState
) -> None:
    sideways, broken = io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), "red").save(sideways, "JPEG", exif=exif)
    # An orientation whose type is text: cameras do write such things.
    odd = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0ABC\0\0\0\0\0"
    Image.new("RGB", (40, 20), "red").save(broken, "JPEG", exif=odd)
    for photo, size in ((sideways, (20, 40)), (broken, (40, 20))):
        answer = await client.post(
            "/v1/videos",
            data={"prompt": PROMPT},
            files={"input_reference": ("me.jpg", photo.getvalue(), "image/jpeg")},
            headers=account.headers,
        )
        assert answer.status_code == 200, answer.text
        kept = app_state.storage.read_file(f"inputs/{answer.json()['id']}/0.png")
        assert Image.open(io.BytesIO(kept)).size == size


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 415),
        (b"not a picture", 415),
        (b"GIF89a" + bytes(40), 415),
        (png()[:60], 422),
        (png(5001, 5000), 422),
        (bytes(50 * 1024 * 1024 + 1), 413),
    ],
    ids=["empty", "text", "gif", "cut short", "too many pixels", "too many bytes"],
)
async def test_a_hostile_image_is_refused(
    client: httpx.AsyncClient, account: Person, content: bytes, status: int
) -> None:
    answer = await client.post(
        "/v1/videos",
        data={"prompt": PROMPT},
        files={"input_reference": ("a.png", content, "image/png")},
        headers=account.headers,
    )
    assert (answer.status_code, answer.json()["param"]) == (status, "input_reference"), answer.text
    assert await available(client, account) == 300
