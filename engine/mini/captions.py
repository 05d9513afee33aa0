"""Sentences for scenes: a small grammar with many synonyms, in English and French.

Some wordings are kept out of training (`HELD_OUT_*`) so that evaluate.py can ask for what the model has
never read. A sentence may leave out the place, the time or the motion; it never says anything untrue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeVar

from engine.mini.world import COLOURS, MOTIONS, PLACES, THINGS, TIMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from engine.mini.world import Scene

Language = Literal["en", "fr"]
T = TypeVar("T")

# Every attribute a sentence can state, in the order of `labels`. UNSAID marks what it leaves out.
ATTRIBUTES: Final = {"thing": THINGS, "colour": COLOURS, "motion": MOTIONS, "place": PLACES, "time": TIMES}
UNSAID: Final = -1

# --- English ----------------------------------------------------------------------------------------------

EN_THINGS: Final = {
    "ball": ("ball", "ball", "ball", "sphere", "round ball", "disc", "circle"),
    "square": ("square", "square", "box", "block", "cube"),
    "star": ("star", "star", "five-pointed star"),
    "triangle": ("triangle", "triangle", "pyramid"),
    "ring": ("ring", "ring", "hoop", "donut"),
    "heart": ("heart", "heart", "love heart"),
    "car": ("car", "car", "automobile", "vehicle"),
    "boat": ("boat", "boat", "sailboat", "ship", "sailing boat"),
}
EN_COLOURS: Final = {
    "red": ("red", "red", "bright red", "scarlet", "crimson"),
    "orange": ("orange", "orange", "bright orange"),
    "yellow": ("yellow", "yellow", "bright yellow", "golden"),
    "green": ("green", "green", "bright green", "emerald"),
    "blue": ("blue", "blue", "deep blue", "dark blue"),
    "purple": ("purple", "purple", "violet"),
    "pink": ("pink", "pink", "bright pink", "rose"),
    "white": ("white", "white", "pure white"),
    "turquoise": ("turquoise", "turquoise", "cyan", "aqua"),
}
# (what it does, doing it)
EN_MOTIONS: Final = {
    "left": (
        ("moves left", "moving left"),
        ("moves to the left", "moving to the left"),
        ("goes left", "going left"),
        ("slides to the left", "sliding to the left"),
        ("drives left", "driving left"),
        ("travels from right to left", "travelling from right to left"),
        ("heads to the left", "heading to the left"),
    ),
    "right": (
        ("moves right", "moving right"),
        ("moves to the right", "moving to the right"),
        ("goes right", "going right"),
        ("slides to the right", "sliding to the right"),
        ("drives right", "driving right"),
        ("travels from left to right", "travelling from left to right"),
        ("heads to the right", "heading to the right"),
    ),
    "up": (
        ("rises", "rising"),
        ("moves up", "moving up"),
        ("goes up", "going up"),
        ("floats upwards", "floating upwards"),
        ("flies up", "flying up"),
        ("climbs into the sky", "climbing into the sky"),
    ),
    "down": (
        ("falls", "falling"),
        ("moves down", "moving down"),
        ("goes down", "going down"),
        ("sinks slowly", "sinking slowly"),
        ("drops", "dropping"),
        ("descends", "descending"),
    ),
    "bouncing": (
        ("bounces", "bouncing"),
        ("bounces", "bouncing"),
        ("bounces up and down", "bouncing up and down"),
        ("jumps up and down", "jumping up and down"),
        ("hops", "hopping"),
        ("keeps bouncing", "that keeps bouncing"),
    ),
    "circling": (
        ("circles", "circling"),
        ("moves in a circle", "moving in a circle"),
        ("goes round and round", "going round and round"),
        ("goes around in circles", "going around in circles"),
        ("flies in circles", "flying in circles"),
        ("turns in a loop", "turning in a loop"),
    ),
    "growing": (
        ("grows", "growing"),
        ("gets bigger", "getting bigger"),
        ("becomes larger", "becoming larger"),
        ("grows bigger and bigger", "growing bigger and bigger"),
        ("swells", "swelling"),
        ("comes closer", "coming closer"),
    ),
    "still": (
        ("stays still", "staying still"),
        ("does not move", "that does not move"),
        ("stands still", "standing still"),
        ("rests", "resting"),
        ("is at rest", "at rest"),
        ("stays in place", "staying in place"),
    ),
}
EN_PLACES: Final = {
    "hills": ("over green hills", "over the hills", "in the hills", "above rolling hills", "in front of green hills"),
    "sea": ("over the sea", "on the sea", "at sea", "above the ocean", "on the water", "over the waves"),
    "desert": ("in the desert", "over the desert", "over sand dunes", "above the sand", "in a sandy desert"),
    "city": ("in the city", "over the city", "in a town", "in front of buildings", "before a skyline"),
    "plain": ("on the plain", "over a flat field", "in a meadow", "on the prairie", "over the fields"),
    "snow": ("in the snow", "over the snow", "in a snowy landscape", "in front of a snowy mountain", "in winter"),
}
EN_TIMES: Final = {
    "day": ("by day", "during the day", "in daylight", "on a sunny day", "at noon", "under a blue sky"),
    "sunset": ("at sunset", "at sunset", "at dusk", "in the evening", "as the sun sets", "under a warm sky"),
    "night": ("at night", "at night", "by night", "under the stars", "in the dark", "in the moonlight"),
}
EN_SUBJECTS: Final = ("a {c} {t}", "a {c} {t}", "the {c} {t}", "one {c} {t}", "{c} {t}", "a {t} that is {c}")
EN_SENTENCES: Final = (  # {does} follows a finite verb, {doing} a gerund
    "{s} {does} {p} {n}",
    "{s} {does} {p} {n}",
    "{s} {doing} {p} {n}",
    "{n}, {s} {does} {p}",
    "{p}, {s} {does} {n}",
    "a video of {s} {doing} {p} {n}",
    "an animation of {s} {doing} {p} {n}",
    "{s}, {doing}, {p}, {n}",
    "{s} {p} {n} {does}",
)
HELD_OUT_EN: Final = (
    "{n} {p} there is {s} {doing}",
    "show me {s} {doing} {n} {p}",
    "a short clip where {s} {does} {n} {p}",
)

# --- French -----------------------------------------------------------------------------------------------

# (noun, feminine)
FR_THINGS: Final = {
    "ball": (("balle", True), ("balle", True), ("boule", True), ("ballon", False), ("bille", True)),
    "square": (("carré", False), ("carré", False), ("cube", False), ("bloc", False), ("boîte", True)),
    "star": (("étoile", True), ("étoile", True)),
    "triangle": (("triangle", False), ("triangle", False), ("pyramide", True)),
    "ring": (("anneau", False), ("anneau", False), ("cerceau", False), ("bague", True)),
    "heart": (("cœur", False), ("coeur", False)),
    "car": (("voiture", True), ("voiture", True), ("auto", True), ("automobile", True)),
    "boat": (("bateau", False), ("bateau", False), ("voilier", False), ("navire", False)),
}
# (masculine, feminine)
FR_COLOURS: Final = {
    "red": (("rouge", "rouge"), ("rouge vif", "rouge vif"), ("écarlate", "écarlate")),
    "orange": (("orange", "orange"), ("orangé", "orangée")),
    "yellow": (("jaune", "jaune"), ("jaune vif", "jaune vif"), ("doré", "dorée")),
    "green": (("vert", "verte"), ("vert", "verte"), ("vert émeraude", "vert émeraude")),
    "blue": (("bleu", "bleue"), ("bleu", "bleue"), ("bleu foncé", "bleu foncé")),
    "purple": (("violet", "violette"), ("violet", "violette"), ("mauve", "mauve")),
    "pink": (("rose", "rose"), ("rose vif", "rose vif")),
    "white": (("blanc", "blanche"), ("blanc", "blanche")),
    "turquoise": (("turquoise", "turquoise"), ("cyan", "cyan")),
}
FR_MOTIONS: Final = {
    "left": (
        "va à gauche",
        "va vers la gauche",
        "se déplace vers la gauche",
        "glisse vers la gauche",
        "roule vers la gauche",
        "avance de droite à gauche",
    ),
    "right": (
        "va à droite",
        "va vers la droite",
        "se déplace vers la droite",
        "glisse vers la droite",
        "roule vers la droite",
        "avance de gauche à droite",
    ),
    "up": ("monte", "s'élève", "monte dans le ciel", "va vers le haut", "s'envole", "monte lentement"),
    "down": ("descend", "tombe", "va vers le bas", "tombe lentement", "descend lentement", "chute"),
    "bouncing": ("rebondit", "rebondit", "bondit", "saute", "saute de haut en bas", "rebondit sans cesse"),
    "circling": ("tourne en rond", "tourne", "décrit un cercle", "fait des cercles", "tourne en boucle"),
    "growing": ("grandit", "grossit", "devient plus grand", "s'agrandit", "gonfle", "se rapproche"),
    "still": ("reste immobile", "ne bouge pas", "est immobile", "reste sur place", "se repose", "demeure immobile"),
}
FR_PLACES: Final = {
    "hills": (
        "sur les collines",
        "au-dessus des collines",
        "sur des collines vertes",
        "dans les collines",
        "devant des collines vertes",
    ),
    "sea": ("sur la mer", "au-dessus de la mer", "en mer", "sur l'océan", "sur l'eau", "au-dessus des vagues"),
    "desert": ("dans le désert", "au-dessus du désert", "sur les dunes", "sur le sable", "dans un désert de sable"),
    "city": ("dans la ville", "en ville", "au-dessus de la ville", "devant des immeubles", "devant les bâtiments"),
    "plain": ("dans la plaine", "sur la plaine", "dans un champ", "dans la prairie", "au-dessus des champs"),
    "snow": ("dans la neige", "sur la neige", "devant une montagne enneigée", "dans un paysage enneigé", "en hiver"),
}
FR_TIMES: Final = {
    "day": ("de jour", "en plein jour", "le jour", "à midi", "sous un ciel bleu", "par une journée ensoleillée"),
    "sunset": ("au coucher du soleil", "au crépuscule", "le soir", "au soleil couchant", "à la tombée du jour"),
    "night": ("la nuit", "de nuit", "sous les étoiles", "dans le noir", "au clair de lune", "pendant la nuit"),
}
FR_SENTENCES: Final = (
    "{s} {does} {p} {n}",
    "{s} {does} {p} {n}",
    "{s} qui {does} {p} {n}",
    "{n}, {s} {does} {p}",
    "{p}, {s} {does} {n}",
    "une vidéo d'{s} qui {does} {p} {n}",
    "une animation avec {s} qui {does} {p} {n}",
    "{s} {p} {n} {does}",
)
HELD_OUT_FR: Final = (
    "{n} {p} il y a {s} qui {does}",
    "montre-moi {s} qui {does} {n} {p}",
    "un petit film où {s} {does} {n} {p}",
)


def caption(
    scene: Scene, rng: np.random.Generator, *, language: Language | None = None, held_out: bool = False
) -> tuple[str, tuple[int, ...]]:
    """A sentence for the scene, and for each of `ATTRIBUTES` the index it states or `UNSAID`.

    `held_out` takes the sentence from the forms kept for evaluation, and leaves nothing out.
    """
    language = language or ("en" if rng.random() < 0.65 else "fr")
    said = {
        name: held_out or rng.random() > left_out
        for name, left_out in (("thing", 0), ("colour", 0.02), ("motion", 0.04), ("place", 0.06), ("time", 0.06))
    }
    write = _english if language == "en" else _french
    sentence = " ".join(write(scene, rng, said, held_out=held_out).split()).replace(" ,", ",").strip(", ")
    labels = tuple(values.index(getattr(scene, name)) if said[name] else UNSAID for name, values in ATTRIBUTES.items())
    return _finish(sentence, rng), labels


def _english(scene: Scene, rng: np.random.Generator, said: dict[str, bool], *, held_out: bool) -> str:
    does, doing = _pick(EN_MOTIONS[scene.motion], rng) if said["motion"] else ("", "")
    colour = _pick(EN_COLOURS[scene.colour], rng) if said["colour"] else ""
    subject = _pick(EN_SUBJECTS if colour else EN_SUBJECTS[:4], rng)
    return _pick(HELD_OUT_EN if held_out else EN_SENTENCES, rng).format(
        s=subject.format(c=colour, t=_pick(EN_THINGS[scene.thing], rng)),
        does=does,
        doing=doing,
        p=_pick(EN_PLACES[scene.place], rng) if said["place"] else "",
        n=_pick(EN_TIMES[scene.time], rng) if said["time"] else "",
    )


def _french(scene: Scene, rng: np.random.Generator, said: dict[str, bool], *, held_out: bool) -> str:
    noun, feminine = _pick(FR_THINGS[scene.thing], rng)
    colour = _pick(FR_COLOURS[scene.colour], rng)[feminine] if said["colour"] else ""
    return _pick(HELD_OUT_FR if held_out else FR_SENTENCES, rng).format(
        s=f"{'une' if feminine else 'un'} {noun} {colour}",
        does=_pick(FR_MOTIONS[scene.motion], rng) if said["motion"] else "est là",
        p=_pick(FR_PLACES[scene.place], rng) if said["place"] else "",
        n=_pick(FR_TIMES[scene.time], rng) if said["time"] else "",
    )


def _finish(sentence: str, rng: np.random.Generator) -> str:
    """People write capitals and full stops, or neither."""
    if rng.random() < 0.5:
        sentence = sentence[:1].upper() + sentence[1:]
    return sentence + "." if rng.random() < 0.3 else sentence


def _pick(options: tuple[T, ...], rng: np.random.Generator) -> T:
    return options[int(rng.integers(len(options)))]


def wordings() -> Iterator[str]:
    """Every phrase of the grammar, held-out forms included: what the vocabulary is made of."""
    for table in (EN_THINGS, EN_COLOURS, EN_PLACES, EN_TIMES, FR_MOTIONS, FR_PLACES, FR_TIMES):
        for phrases in table.values():
            yield from phrases
    for pairs in (*EN_MOTIONS.values(), *FR_COLOURS.values()):
        for pair in pairs:
            yield from pair
    for nouns in FR_THINGS.values():
        yield from (noun for noun, _ in nouns)
    for form in (*EN_SUBJECTS, *EN_SENTENCES, *FR_SENTENCES, *HELD_OUT_EN, *HELD_OUT_FR):
        yield form.format_map(dict.fromkeys(("s", "p", "n", "c", "t", "does", "doing"), " "))
