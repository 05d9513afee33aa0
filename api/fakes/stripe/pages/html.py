"""HTML of the pages: the frame and its elements. Everything from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from litestar import Response

from api.fakes.stripe.simulation import cards, periods

STYLESHEET = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6b7d; --paper: #fff; --page: #f2f4f7; --line: #d9dfe7;
  --accent: #3550c4; --warn: #8a5300; --warn-paper: #fff3dc; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --soft: #9aa7b8; --paper: #1a212b; --page: #10151c;
  --line: #2f3946; --accent: #8aa0ff; --warn: #ffd792; --warn-paper: #3a2d12; --bad: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
.notice { background: var(--warn-paper); color: var(--warn); padding: .6rem 1rem; text-align: center;
  font-size: .9rem; }
main { max-width: 34rem; margin: 2rem auto; padding: 0 1rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem 1.5rem;
  margin-bottom: 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; } h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
table { width: 100%; border-collapse: collapse; } th { text-align: left; font-weight: 500; }
td, th { padding: .35rem 0; border-bottom: 1px solid var(--line); } tr:last-child > * { border-bottom: 0; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; } .soft { color: var(--soft); }
label { display: block; padding: .3rem 0; } fieldset { border: 0; padding: 0; margin: 0 0 1rem; }
legend { font-weight: 600; margin-bottom: .25rem; padding: 0; } code { font-size: .9em; }
input[type=text], input[type=email] { width: 100%; padding: .5rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--page); color: inherit; font: inherit; }
button { background: var(--accent); color: var(--paper); border: 0; border-radius: .5rem; padding: .6rem 1.1rem;
  font: inherit; font-weight: 600; cursor: pointer; } button.wide { width: 100%; }
button.quiet { background: none; color: var(--accent); padding: .3rem 0; } a { color: var(--accent); }
.error { color: var(--bad); font-weight: 600; } form.inline { display: inline; }
"""
NOTICE = "Fake Stripe: nothing here is real, and no money moves. Never type a real card number."


def html_page(title: str, *sections: str, status: int = 200) -> Response[str]:
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLESHEET}</style></head>'
        f'<body><div class="notice" role="note">{NOTICE}</div><main><h1>{escape(title)}</h1>{"".join(sections)}</main>'
        "</body></html>"
    )
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(body, media_type="text/html", status_code=status, headers=headers)


def html_section(heading: str, *parts: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, *, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>'


def error_alert(message: str | None) -> str:
    """An alert with the message; empty for None."""
    return "" if message is None else f'<p class="error" role="alert">{escape(message)}</p>'


def html_table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of name and value; the values are HTML."""
    return "<table>" + "".join(f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in rows) + "</table>"


def html_form(action: str, button: str, *fields: str, quiet: bool = False) -> str:
    """A form with one button."""
    kind = "quiet" if quiet else "wide"
    return (
        f'<form method="post" action="{escape(action)}">{"".join(fields)}'
        f'<button class="{kind}">{escape(button)}</button></form>'
    )


def html_link(url: str, text: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>'


def email_field(value: str | None) -> str:
    return f'<label>E-mail <input type="email" name="email" required value="{escape(value or "")}"></label>'


def card_fieldset() -> str:
    """The test cards as radio buttons, and a field for the number of another one."""
    rows = "".join(
        f'<label><input type="radio" name="card" value="{card.number}"{" checked" if position == 0 else ""}> '
        f"<code>{group_digits(card.number)}</code> <span class='soft'>{escape(card.description)}</span></label>"
        for position, card in enumerate(cards.CARDS)
    )
    other = '<label>Or type a test card’s number <input type="text" name="number" inputmode="numeric"></label>'
    return f"<fieldset><legend>Test card</legend>{rows}{other}</fieldset>"


def group_digits(number: str) -> str:
    """A card number in groups of four digits."""
    return " ".join(number[position : position + 4] for position in range(0, len(number), 4))


def format_amount(amount: int, currency: str) -> str:
    """An amount in minor units as decimal text with its currency."""
    return f"{amount / 100:,.2f} {escape(currency.upper())}"


def format_date(moment: int) -> str:
    return periods.format_date(moment)
