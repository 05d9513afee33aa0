"""Lists that fetch their pages."""

from __future__ import annotations

from tests.support.api_examples import video
from tests.support.scripted_server import Reply, connect, respond, scripted_server


def test_a_list_is_fetched_page_by_page() -> None:
    def page(ids: list[str], *, more: bool) -> Reply:
        data = [video(id=one) for one in ids]
        return respond(200, {"object": "list", "data": data, "first_id": ids[0], "last_id": ids[-1], "has_more": more})

    with (
        scripted_server(page(["a", "b"], more=True), page(["c"], more=False), page(["a"], more=True)) as server,
        connect(server) as sdk,
    ):
        assert [one.id for one in sdk.videos.list(limit=2, order="asc")] == ["a", "b", "c"]
        first = sdk.videos.list().page()
    assert [request.path for request in server.requests] == [
        "/v1/videos?limit=2&order=asc",
        "/v1/videos?after=b&limit=2&order=asc",
        "/v1/videos",
    ]
    assert first.has_more
