"""Captions say what their labels say, in sentences that a person would write, and keep some for evaluation."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from engine.mini.dataset import captions
from engine.mini.dataset.captions import ATTRIBUTES, UNSAID
from engine.mini.dataset.scenes import Scene, random_scene
from engine.mini.dataset.synonyms import FOREIGN
from engine.mini.dataset.vocabulary import ENGLISH, FRENCH, Language, all_phrases
from engine.mini.training.tokenizer import new_tokenizer

GRAMMARS = pytest.mark.parametrize("grammar", [captions.PLAIN, captions.WIDE], ids=["plain", "wide"])
LANGUAGES = pytest.mark.parametrize("language", ["en", "fr"])


def written(
    seed: int,
    language: Language,
    count: int,
    *,
    held_out: bool = False,
    grammar: captions.Grammar = captions.PLAIN,
) -> list[tuple[Scene, str]]:
    """Scenes and what is said of them, without capitals and full stops."""
    rng = np.random.default_rng(seed)
    scenes = [random_scene(rng, held_out=held_out) for _ in range(count)]
    return [
        (
            scene,
            captions.write_caption(scene, rng, language=language, held_out=held_out, grammar=grammar)[0]
            .lower()
            .rstrip("."),
        )
        for scene in scenes
    ]


@LANGUAGES
def test_labels_state_the_scene_and_nothing_else(language: Language) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        scene = random_scene(rng)
        _, labels = captions.write_caption(scene, rng, language=language)
        stated = {
            name: values[label] if label != UNSAID else None
            for label, (name, values) in zip(labels, ATTRIBUTES.items(), strict=True)
        }
        assert stated["thing"] == scene.thing
        assert stated["colour"] == scene.colour
        assert (stated["second thing"], stated["second colour"]) == (scene.second or (None, None))
        assert stated["weather"] == ("rain" if scene.rain else None)
        assert stated["size"] == (scene.size if scene.size != "medium" else None)
        for name in ("motion", "place", "time"):
            assert stated[name] in {getattr(scene, name), None}


@LANGUAGES
def test_sentences_say_what_the_scene_is(language: Language) -> None:
    words = ENGLISH if language == "en" else FRENCH
    for scene, sentence in written(2, language, 200, held_out=True):
        assert any(phrase.lower() in sentence for phrase in words.places[scene.place])
        times = (*words.times[scene.time], *(words.rainy_times[scene.time] if scene.rain else ()))
        assert any(phrase in sentence for phrase in times)
        rain = (*words.rain, *words.rainy_times[scene.time])
        assert any(phrase in sentence for phrase in rain) == scene.rain


@LANGUAGES
def test_the_wide_grammar_leaves_out_things_and_colours_and_labels_say_so(language: Language) -> None:
    rng = np.random.default_rng(10)
    thing, colour = (list(ATTRIBUTES).index(name) for name in ("thing", "colour"))
    unsaid = np.zeros(2)
    for scene in (random_scene(rng, pair=number % 4 == 0) for number in range(600)):
        _, labels = captions.write_caption(scene, rng, language=language, grammar=captions.WIDE)
        unsaid += [labels[thing] == UNSAID, labels[colour] == UNSAID]
        assert scene.second is None or UNSAID not in (labels[thing], labels[colour])
    assert (unsaid > 10).all()
    assert (unsaid < 60).all()


def test_foreign_words_are_none_of_the_grammars() -> None:
    known = {word for phrase in all_phrases(captions.WIDE.english, captions.WIDE.french) for word in phrase.split()}
    assert not set(FOREIGN) & known


def test_no_phrase_of_the_wide_grammar_names_two_classes() -> None:
    for words in (captions.WIDE.english, captions.WIDE.french):
        for table in (words.things, words.colours, words.motions, words.places, words.times):
            owners: dict[object, str] = {}
            for name, phrases in table.items():
                assert all(owners.setdefault(phrase, name) == name for phrase in phrases)


@GRAMMARS
@LANGUAGES
def test_sentences_are_whole(language: Language, grammar: captions.Grammar) -> None:
    for held_out in (False, True):
        for _, sentence in written(3, language, 200, held_out=held_out, grammar=grammar):
            assert not re.search(r"[{}()]|  | ,|,,|, ,|^,|,$", sentence)


def test_english_articles_fit_the_next_word() -> None:
    for _, sentence in written(4, "en", 400):
        assert not re.search(r"\ba [aeiou]", sentence)
        assert not re.search(r"\ban [^aeiou]", sentence)


def test_french_articles_and_colours_agree_with_the_noun() -> None:
    feminine = {noun for nouns in FRENCH.things.values() for noun, is_feminine in nouns if is_feminine}
    told = {forms[0]: forms[1] for shades in FRENCH.colours.values() for forms in shades if forms[0] != forms[1]}
    shades = "|".join((*told, *told.values()))
    sizes = "|".join(size for pairs in FRENCH.sizes.values() for forms in pairs for size in forms if size)
    pattern = re.compile(rf"\b(une?) (?:(?:{sizes}) )?({'|'.join(_nouns())}) ({shades})\b(?! (?:vif|foncé|émeraude))")
    found = [match for _, sentence in written(5, "fr", 400) for match in pattern.findall(sentence)]
    assert len(found) > 50
    for article, noun, shade in found:
        assert (article == "une") == (noun in feminine)
        assert shade in (told.values() if noun in feminine else told)


def test_french_growth_agrees_with_all_that_grows() -> None:
    rng = np.random.default_rng(9)
    growing = Scene("ball", "red", "growing", "sea", "day")
    agreed = {
        ("star", None): r"\bdevient plus grande\b",
        ("boat", None): r"\bdevient plus grand\b",
        ("star", "car"): r"\bdeviennent plus grandes\b",
        ("star", "boat"): r"\bdeviennent plus grands\b",
    }
    for (thing, second), form in agreed.items():
        scene = replace(growing, thing=thing, second=(second, "blue") if second else None)
        texts = [captions.write_caption(scene, rng, language="fr")[0] for _ in range(60)]
        found = [text for text in texts if "plus grand" in text]
        assert found
        assert all(re.search(form, text) for text in found)


def _nouns() -> list[str]:
    return sorted({noun for nouns in FRENCH.things.values() for noun, _ in nouns}, key=len, reverse=True)


@LANGUAGES
def test_held_out_sentences_leave_nothing_out_and_training_never_has_them(language: Language) -> None:
    words = ENGLISH if language == "en" else FRENCH
    forms = [
        form.format(s="(.+)", does="(.+)", doing="(.+)", be="(is|are)", p="(.+)", n="(.+)") for form in words.held_out
    ]
    openings = ("show me ", "a short clip where ", "montre-moi ", "un film court où ")
    rng = np.random.default_rng(6)
    for _ in range(50):
        scene = random_scene(rng, held_out=True)
        sentence, labels = captions.write_caption(scene, rng, language=language, held_out=True)
        assert labels[list(ATTRIBUTES).index("motion")] != UNSAID
        assert any(re.fullmatch(form, sentence.lower().rstrip(".")) for form in forms)
    for _, sentence in written(7, language, 400):
        assert not sentence.startswith(openings)
        assert not re.search(r"\bthere (is|are)\b|\bil y a\b", sentence)


@GRAMMARS
@LANGUAGES
def test_the_vocabulary_has_every_word(language: Language, grammar: captions.Grammar) -> None:
    tokenizer = new_tokenizer(grammar)
    for held_out in (False, True):
        for _, sentence in written(
            8, language, 200, held_out=held_out, grammar=replace(grammar, left_out={}, foreign=0)
        ):
            pieces = tokenizer.convert_ids_to_tokens(tokenizer(sentence).input_ids)
            assert "<unk>" not in pieces
            words = re.split(r"[^a-z0-9]+", tokenizer.backend_tokenizer.normalizer.normalize_str(sentence))
            assert len(pieces) - 1 == len([word for word in words if word])
            assert len(pieces) <= 64
