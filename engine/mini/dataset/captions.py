"""Sentences for scenes: a small grammar with many synonyms, in English and French (vocabulary.py has the words).

Some forms of sentence are kept out of training (`held_out`) so that evaluate.py can ask for what the model
has never read. A sentence may leave out the place, the time or the motion; it never says anything untrue.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from engine.mini.dataset.scenes import COLOURS, MOTIONS, PLACES, THINGS, TIMES
from engine.mini.dataset.vocabulary import DRY_PHRASES, ENGLISH, FRENCH, Language, agree_gender

if TYPE_CHECKING:
    import numpy as np

    from engine.mini.dataset.scenes import Scene

T = TypeVar("T")

# Every attribute a sentence can state, in the order of `labels`. UNSAID marks what it leaves out, and what
# goes without saying: dry weather, a thing of middling size, no second thing.
ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "thing": THINGS,
    "colour": COLOURS,
    "motion": MOTIONS,
    "place": PLACES,
    "time": TIMES,
    "weather": ("rain",),
    "size": ("small", "big"),
    "second thing": THINGS,
    "second colour": COLOURS,
}
UNSAID: Final = -1
LEFT_OUT: Final = {"motion": 0.04, "place": 0.06, "time": 0.06}  # how often a sentence is silent about it


def write_caption(
    scene: Scene, rng: np.random.Generator, *, language: Language | None = None, held_out: bool = False
) -> tuple[str, tuple[int, ...]]:
    """A sentence for the scene, and for each of `ATTRIBUTES` the index it states or `UNSAID`.

    `held_out` takes the sentence from the forms kept for evaluation, and leaves nothing out.
    """
    language = language or ("en" if rng.random() < 0.6 else "fr")
    silent = {name for name, often in LEFT_OUT.items() if rng.random() < often and not held_out}
    write = _write_english if language == "en" else _write_french
    written = write(scene, rng, silent, held_out=held_out)
    sentence = ", ".join(" ".join(part.split()) for part in written.split(",") if part.strip())
    if language == "en":
        sentence = re.sub(r"\b(a) (?=[aeiou])", "an ", sentence)
    return _vary_punctuation(sentence, rng), _stated_labels(scene, silent)


def _stated_labels(scene: Scene, silent: set[str]) -> tuple[int, ...]:
    stated = {name: getattr(scene, name) for name in ("thing", "colour", "motion", "place", "time", "size")}
    stated["weather"] = "rain" if scene.rain else None
    stated["second thing"], stated["second colour"] = scene.second or (None, None)
    return tuple(
        values.index(stated[name]) if stated[name] in values and name not in silent else UNSAID
        for name, values in ATTRIBUTES.items()
    )


def _write_english(scene: Scene, rng: np.random.Generator, silent: set[str], *, held_out: bool) -> str:
    does, doing, do = _random_choice(ENGLISH.motions[scene.motion], rng) if "motion" not in silent else ("", "", "")
    size = _random_choice(ENGLISH.sizes[scene.size], rng)
    things = [
        f"{size} {_random_choice(ENGLISH.colours[c], rng)} {_random_choice(ENGLISH.things[t], rng)}"
        for t, c in _scene_things(scene)
    ]
    articles = ("a", "a", "a", "the", "one", "") if len(things) == 1 else ("a", "a", "the", "")
    article = _random_choice(articles, rng)
    subject = _random_choice((" and ", " and ", " with "), rng).join(f"{article} {thing}" for thing in things)
    if len(things) == 1 and rng.random() < 0.1:
        noun, colour = (
            _random_choice(phrases, rng) for phrases in (ENGLISH.things[scene.thing], ENGLISH.colours[scene.colour])
        )
        subject = f"a {size} {noun} that is {colour}"
    return _random_choice(ENGLISH.held_out if held_out else ENGLISH.sentences, rng).format(
        s=subject,
        does=do if scene.second else does,
        doing=doing,
        be="are" if scene.second else "is",
        p=_random_choice(ENGLISH.places[scene.place], rng) if "place" not in silent else "",
        n=_time_and_weather(scene, rng, silent, "en"),
    )


def _write_french(scene: Scene, rng: np.random.Generator, silent: set[str], *, held_out: bool) -> str:
    does, do = _random_choice(FRENCH.motions[scene.motion], rng) if "motion" not in silent else ("est là", "sont là")
    things, all_feminine = [], True
    for thing, colour in _scene_things(scene):
        noun, feminine = _random_choice(FRENCH.things[thing], rng)
        size, shade = (
            _random_choice(FRENCH.sizes[scene.size], rng)[feminine],
            _random_choice(FRENCH.colours[colour], rng)[feminine],
        )
        all_feminine &= feminine
        things.append(f"{'une' if feminine else 'un'} {size} {noun} {shade}")
    return _random_choice(FRENCH.held_out if held_out else FRENCH.sentences, rng).format(
        s=" et ".join(things),
        does=agree_gender(do if scene.second else does, feminine=all_feminine),
        p=_random_choice(FRENCH.places[scene.place], rng) if "place" not in silent else "",
        n=_time_and_weather(scene, rng, silent, "fr"),
    )


def _scene_things(scene: Scene) -> list[tuple[str, str]]:
    return [(scene.thing, scene.colour)] + ([scene.second] if scene.second else [])


def _time_and_weather(scene: Scene, rng: np.random.Generator, silent: set[str], language: Language) -> str:
    """The hour and the rain, in either order, sometimes in one expression."""
    words = ENGLISH if language == "en" else FRENCH
    if scene.rain and "time" not in silent and rng.random() < 0.3:
        return _random_choice(words.rainy_times[scene.time], rng)
    times = (
        words.times[scene.time] if not scene.rain else tuple(t for t in words.times[scene.time] if t not in DRY_PHRASES)
    )
    parts = [_random_choice(times, rng)] if "time" not in silent else []
    if scene.rain:
        parts.insert(int(rng.integers(len(parts) + 1)), _random_choice(words.rain, rng))
    return " ".join(parts)


def _vary_punctuation(sentence: str, rng: np.random.Generator) -> str:
    """People write capitals and full stops, or neither."""
    if rng.random() < 0.5:
        sentence = sentence[:1].upper() + sentence[1:]
    return sentence + "." if rng.random() < 0.3 else sentence


def _random_choice(options: tuple[T, ...], rng: np.random.Generator) -> T:
    return options[int(rng.integers(len(options)))]
