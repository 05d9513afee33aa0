"""Reads and submits the forms of HTML pages, as a browser would."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from tests.support.fake_stripe import FakeStripe


class FormParser(HTMLParser):
    """The forms of a page: action, initial values of the fields, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], list[str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((attributes["action"], {}, [""]))
        if tag == "input" and (attributes.get("type") != "radio" or "checked" in attributes):
            self.forms[-1][1][attributes["name"]] = attributes.get("value", "")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.forms:
            self.forms[-1][2][0] += data

    def find_form(self, button: str) -> tuple[str, dict[str, str]]:
        """Action and fields of the form whose button has this text."""
        for action, fields, words in self.forms:
            if button in words[0]:
                return action, dict(fields)
        raise AssertionError(f"no form says {button}: {self.text}")


async def submit_form(fake_stripe: FakeStripe, url: str, button: str, **filled: str) -> httpx.Response:
    """Open a page, fill in a form and submit it."""
    page = await fake_stripe.http.get(url)
    assert page.status_code == 200
    assert "nothing here is real" in page.text
    action, fields = FormParser(page.text).find_form(button)
    return await fake_stripe.http.post(urljoin(str(page.url), action), data={**fields, **filled})


async def follow_redirect(fake_stripe: FakeStripe, answer: httpx.Response) -> str:
    """The text of the page that the response redirects to."""
    assert answer.status_code == 303, answer.text
    return (await fake_stripe.http.get(urljoin(str(answer.url), answer.headers["location"]))).text
