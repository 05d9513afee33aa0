"""Sentences for scenes: a small grammar with many synonyms, in English and French (vocabulary.py and
synonyms.py have the words).

Some forms of sentence are kept out of training (`held_out`) so that evaluate.py can ask for what the model
has never read. A sentence may leave things out; it never says anything untrue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from engine.mini.dataset.scenes import COLOURS, MOTIONS, PLACES, THINGS, TIMES
from engine.mini.dataset.synonyms import FOREIGN, NAMELESS_ENGLISH, NAMELESS_FRENCH, WIDE_ENGLISH, WIDE_FRENCH
from engine.mini.dataset.vocabulary import (
    DRY_PHRASES,
    ENGLISH,
    FRENCH,
    EnglishVocabulary,
    FrenchVocabulary,
    Language,
    agree_gender,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from engine.mini.dataset.scenes import Scene

T = TypeVar("T")

# Every attribute a sentence can state, in the order of the labels. UNSAID marks those that it leaves out, and defaults:
# dry weather, a thing of medium size, no second thing.
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


@dataclass(frozen=True, slots=True)
class Grammar:
    """The words of both languages, how often a sentence leaves an attribute out, and the share of sentences with
    `FOREIGN` words in them.
    """

    english: EnglishVocabulary
    french: FrenchVocabulary
    left_out: Mapping[str, float]
    foreign: float = 0.0


_LEFT_OUT: Final = {"motion": 0.04, "place": 0.06, "time": 0.06}
PLAIN: Final = Grammar(ENGLISH, FRENCH, _LEFT_OUT)
"""What the shipped weights were trained with."""
WIDE: Final = Grammar(WIDE_ENGLISH, WIDE_FRENCH, _LEFT_OUT | {"thing": 0.06, "colour": 0.06}, foreign=0.3)
GRAMMARS: Final = {"plain": PLAIN, "wide": WIDE}


def write_caption(
    scene: Scene,
    rng: np.random.Generator,
    *,
    language: Language | None = None,
    held_out: bool = False,
    grammar: Grammar = PLAIN,
) -> tuple[str, tuple[int, ...]]:
    """A sentence for the scene, and for each of `ATTRIBUTES` the index it states or `UNSAID`.

    `held_out` takes the sentence from the forms kept for evaluation, and leaves nothing out.
    """
    language = language or ("en" if rng.random() < 0.6 else "fr")
    silent = {name for name, often in grammar.left_out.items() if rng.random() < often and not held_out}
    if scene.second:
        silent -= {"thing", "colour"}
    if language == "en":
        written = _write_english(grammar.english, scene, rng, silent, held_out=held_out)
    else:
        written = _write_french(grammar.french, scene, rng, silent, held_out=held_out)
    if not held_out and grammar.foreign and rng.random() < grammar.foreign:
        written = _insert_foreign_words(written, rng)
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


def _write_english(
    words: EnglishVocabulary, scene: Scene, rng: np.random.Generator, silent: set[str], *, held_out: bool
) -> str:
    does, doing, do = _random_choice(words.motions[scene.motion], rng) if "motion" not in silent else ("", "", "")
    size = _random_choice(words.sizes[scene.size], rng)
    nouns = {"thing": (*NAMELESS_ENGLISH, *FOREIGN)} if "thing" in silent else {}
    colours = {"colour": ("",)} if "colour" in silent else {}
    things = [
        f"{size} {_random_choice(colours.get('colour', words.colours[c]), rng)} "
        f"{_random_choice(nouns.get('thing', words.things[t]), rng)}"
        for t, c in _scene_things(scene)
    ]
    articles = ("a", "a", "a", "the", "one", "") if len(things) == 1 else ("a", "a", "the", "")
    article = _random_choice(articles, rng)
    subject = _random_choice((" and ", " and ", " with "), rng).join(f"{article} {thing}" for thing in things)
    if len(things) == 1 and rng.random() < 0.1 and not silent & {"thing", "colour"}:
        noun, colour = (
            _random_choice(phrases, rng) for phrases in (words.things[scene.thing], words.colours[scene.colour])
        )
        subject = f"a {size} {noun} that is {colour}"
    return _random_choice(words.held_out if held_out else words.sentences, rng).format(
        s=subject,
        does=do if scene.second else does,
        doing=doing,
        be="are" if scene.second else "is",
        p=_random_choice(words.places[scene.place], rng) if "place" not in silent else "",
        n=_time_and_weather(words, scene, rng, silent),
    )


def _write_french(
    words: FrenchVocabulary, scene: Scene, rng: np.random.Generator, silent: set[str], *, held_out: bool
) -> str:
    does, do = _random_choice(words.motions[scene.motion], rng) if "motion" not in silent else ("est là", "sont là")
    nouns = {"thing": (*NAMELESS_FRENCH, *((word, False) for word in FOREIGN))} if "thing" in silent else {}
    colours = {"colour": (("", ""),)} if "colour" in silent else {}
    things, all_feminine = [], True
    for thing, colour in _scene_things(scene):
        noun, feminine = _random_choice(nouns.get("thing", words.things[thing]), rng)
        size, shade = (
            _random_choice(words.sizes[scene.size], rng)[feminine],
            _random_choice(colours.get("colour", words.colours[colour]), rng)[feminine],
        )
        all_feminine &= feminine
        things.append(f"{'une' if feminine else 'un'} {size} {noun} {shade}")
    return _random_choice(words.held_out if held_out else words.sentences, rng).format(
        s=" et ".join(things),
        does=agree_gender(do if scene.second else does, feminine=all_feminine),
        p=_random_choice(words.places[scene.place], rng) if "place" not in silent else "",
        n=_time_and_weather(words, scene, rng, silent),
    )


def _scene_things(scene: Scene) -> list[tuple[str, str]]:
    return [(scene.thing, scene.colour)] + ([scene.second] if scene.second else [])


def _time_and_weather(
    words: EnglishVocabulary | FrenchVocabulary, scene: Scene, rng: np.random.Generator, silent: set[str]
) -> str:
    """The time of day and the rain, in either order, sometimes in one expression."""
    if scene.rain and "time" not in silent and rng.random() < 0.3:
        return _random_choice(words.rainy_times[scene.time], rng)
    times = (
        words.times[scene.time] if not scene.rain else tuple(t for t in words.times[scene.time] if t not in DRY_PHRASES)
    )
    parts = [_random_choice(times, rng)] if "time" not in silent else []
    if scene.rain:
        parts.insert(int(rng.integers(len(parts) + 1)), _random_choice(words.rain, rng))
    return " ".join(parts)


def _insert_foreign_words(sentence: str, rng: np.random.Generator) -> str:
    """One to three words that name nothing, anywhere in the sentence."""
    words = sentence.split()
    for _ in range(int(rng.integers(1, 4))):
        words.insert(int(rng.integers(len(words) + 1)), _random_choice(FOREIGN, rng))
    return " ".join(words)


def _vary_punctuation(sentence: str, rng: np.random.Generator) -> str:
    """The sentence with or without a capital and a full stop."""
    if rng.random() < 0.5:
        sentence = sentence[:1].upper() + sentence[1:]
    return sentence + "." if rng.random() < 0.3 else sentence


def _random_choice(options: tuple[T, ...], rng: np.random.Generator) -> T:
    return options[int(rng.integers(len(options)))]
