"""More words for what vocabulary.py names, and words that name nothing: what people type who do not know the world.

The shipped weights were trained without them; `captions.WIDE` has both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from engine.mini.dataset.vocabulary import ENGLISH, FRENCH, EnglishVocabulary, FrenchVocabulary, verb_forms

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

NAMELESS_ENGLISH: Final = ("thing", "object", "shape", "something", "item")
NAMELESS_FRENCH: Final = (("chose", True), ("objet", False), ("forme", True), ("truc", False))
"""What stands for a thing that a sentence leaves unsaid."""

FOREIGN: Final = (
    *(
        "cat",
        "dog",
        "horse",
        "dragon",
        "robot",
        "rocket",
        "house",
        "tree",
        "flower",
        "person",
        "woman",
        "child",
        "king",
    ),
    *("elephant", "fish", "shark", "rabbit", "lion", "train", "plane", "bicycle", "castle", "bridge", "cloud", "river"),
    *(
        "pizza",
        "guitar",
        "piano",
        "lamp",
        "chair",
        "table",
        "clock",
        "phone",
        "candle",
        "umbrella",
        "balloon",
        "monster",
    ),
    *("dancing", "singing", "eating", "smiling", "burning", "glowing", "sleeping", "reading"),
    *("old", "young", "shiny", "wooden", "metal", "furry", "realistic", "ancient", "modern", "cute", "scary"),
    *("chat", "chien", "cheval", "fusee", "maison", "arbre", "fleur", "homme", "femme", "enfant", "poisson", "lapin"),
    *("nuage", "riviere", "montgolfiere", "velo", "avion", "chateau", "pont", "lampe", "chaise", "horloge", "bougie"),
    *("danse", "chante", "marche", "mange", "sourit", "brule", "dort", "lit", "vieux", "jeune", "brillant"),
)
"""Words of no meaning here: as nouns of what the world does not hold, or anywhere in a sentence."""


def _sideways(side: str, across: str) -> tuple[tuple[str, str, str], ...]:
    return (
        verb_forms("drifts", "drifting", f"to the {side}"),
        verb_forms("glides", "gliding", side),
        verb_forms("moves", "moving", f"{side}wards"),
        verb_forms("floats", "floating", f"towards the {side}"),
        verb_forms("runs", "running", f"to the {side}"),
        verb_forms("crosses", "crossing", across),
        verb_forms("passes", "passing", across),
        verb_forms("walks", "walking", f"to the {side}"),
    )


def _sideways_french(side: str, across: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"file vers la {side}", f"filent vers la {side}"),
        (f"part à {side}", f"partent à {side}"),
        (f"dérive vers la {side}", f"dérivent vers la {side}"),
        (f"avance vers la {side}", f"avancent vers la {side}"),
        (f"traverse {across}", f"traversent {across}"),
        (f"passe {across}", f"passent {across}"),
    )


def _merge(table: Mapping[str, tuple[T, ...]], more: Mapping[str, tuple[T, ...]]) -> dict[str, tuple[T, ...]]:
    return {name: (*options, *more.get(name, ())) for name, options in table.items()}


def _widen_english(words: EnglishVocabulary) -> EnglishVocabulary:
    return replace(
        words,
        things=_merge(words.things, _ENGLISH_THINGS),
        colours=_merge(words.colours, _ENGLISH_COLOURS),
        sizes=_merge(
            words.sizes, {"small": ("mini", "wee", "miniature"), "big": ("giant", "enormous", "massive", "gigantic")}
        ),
        motions=_merge(words.motions, _ENGLISH_MOTIONS),
        places=_merge(words.places, _ENGLISH_PLACES),
        times=_merge(words.times, _ENGLISH_TIMES),
        rain=(*words.rain, "in a downpour", "in pouring rain", "in a drizzle", "as rain falls", "in a rain shower"),
    )


def _widen_french(words: FrenchVocabulary) -> FrenchVocabulary:
    return replace(
        words,
        things=_merge(words.things, _FRENCH_THINGS),
        colours=_merge(words.colours, {name: tuple(map(_agreeing, forms)) for name, forms in _FRENCH_COLOURS.items()}),
        sizes=_merge(words.sizes, {"small": (("mini", "mini"),), "big": (("géant", "géante"), ("immense", "immense"))}),
        motions=_merge(words.motions, _FRENCH_MOTIONS),
        places=_merge(words.places, _FRENCH_PLACES),
        times=_merge(words.times, _FRENCH_TIMES),
        rain=(*words.rain, "sous l'averse", "sous une pluie battante", "sous la bruine", "avec de la pluie"),
    )


def _agreeing(colour: str) -> tuple[str, str]:
    """(masculine, feminine) of "doré(e)"; most colours named after things do not change."""
    return colour.replace("(e)", ""), colour.replace("(e)", "e")


_ENGLISH_THINGS: Final[dict[str, tuple[str, ...]]] = {
    "ball": ("orb", "globe", "bubble", "marble", "football", "beach ball", "bowling ball"),
    "square": ("crate", "tile", "brick", "parcel", "cardboard box", "dice", "square block"),
    "star": ("pointed star", "star shape", "pentagram", "starfish", "christmas star"),
    "triangle": ("cone", "wedge", "delta", "triangular shape", "arrowhead"),
    "ring": ("torus", "doughnut", "tyre", "tire", "bagel", "lifebuoy", "bracelet"),
    "bird": ("seagull", "gull", "pigeon", "dove", "robin", "swallow", "parrot", "duck", "crow"),
    "car": ("taxi", "cab", "sedan", "race car", "racing car", "jeep", "van", "auto"),
    "boat": ("yacht", "sailing ship", "vessel", "dinghy", "schooner", "ferry", "canoe"),
}
_ENGLISH_COLOURS: Final[dict[str, tuple[str, ...]]] = {
    "red": ("ruby", "cherry", "cherry red", "vermilion", "blood red", "ruby red"),
    "orange": ("tangerine", "amber", "apricot", "pumpkin orange", "carrot"),
    "yellow": ("lemon", "lemon yellow", "gold", "canary", "sunny yellow", "mustard"),
    "green": ("lime", "lime green", "olive", "jade", "grass green", "forest green"),
    "blue": ("azure", "navy", "navy blue", "cobalt", "sapphire", "royal blue", "ultramarine"),
    "purple": ("lilac", "mauve", "lavender", "plum", "amethyst", "indigo"),
    "pink": ("fuchsia", "magenta", "salmon", "hot pink", "rosy"),
    "white": ("snow white", "ivory", "chalk white", "milky white", "snowy white"),
    "turquoise": ("teal", "aquamarine", "turquoise blue", "turquoise green"),
}
_ENGLISH_MOTIONS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "left": _sideways("left", "from the right to the left"),
    "right": _sideways("right", "from the left to the right"),
    "up": (
        verb_forms("ascends", "ascending"),
        verb_forms("soars", "soaring"),
        verb_forms("takes", "taking", "off"),
        verb_forms("floats", "floating", "up"),
        verb_forms("lifts", "lifting", "off"),
        verb_forms("shoots", "shooting", "up"),
    ),
    "down": (
        verb_forms("plunges", "plunging"),
        verb_forms("comes", "coming", "down"),
        verb_forms("floats", "floating", "down"),
        verb_forms("plummets", "plummeting"),
        verb_forms("tumbles", "tumbling", "down"),
        verb_forms("lands", "landing"),
    ),
    "bouncing": (
        verb_forms("leaps", "leaping", "up and down"),
        verb_forms("springs", "springing", "up and down"),
        verb_forms("bounds", "bounding"),
        ("keeps jumping", "that keeps jumping", "keep jumping"),
        ("keeps hopping", "that keeps hopping", "keep hopping"),
    ),
    "circling": (
        verb_forms("orbits", "orbiting"),
        verb_forms("revolves", "revolving"),
        verb_forms("loops", "looping"),
        verb_forms("runs", "running", "in circles"),
        verb_forms("swirls", "swirling", "around"),
        verb_forms("whirls", "whirling", "around"),
    ),
    "growing": (
        verb_forms("expands", "expanding"),
        verb_forms("inflates", "inflating"),
        verb_forms("gets", "getting", "larger"),
        verb_forms("grows", "growing", "larger"),
        ("approaches", "approaching", "approach"),
        verb_forms("becomes", "becoming", "huge"),
    ),
    "still": (
        verb_forms("remains", "remaining", "still"),
        verb_forms("waits", "waiting"),
        verb_forms("hovers", "hovering", "in place"),
        verb_forms("sits", "sitting", "still"),
        verb_forms("stays", "staying", "put"),
        verb_forms("stands", "standing", "there"),
    ),
}
_ENGLISH_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "hills": ("over grassy hills", "in the highlands", "among the hills", "above green slopes", "on a hillside"),
    "sea": ("on the lake", "across the ocean", "on the open sea", "at the seaside", "over the bay", "on the waves"),
    "desert": ("in the sahara", "over the dunes", "across the sand", "in a dry desert", "among sand dunes"),
    "city": (
        "downtown",
        "on the street",
        "among skyscrapers",
        "in front of a skyline",
        "in new york",
        "above the town",
    ),
    "plain": ("on the grassland", "over farmland", "across the steppe", "on a field", "over the savanna"),
    "snow": ("on a snowy field", "in the arctic", "on ice", "in the snowy mountains", "in a winter landscape"),
}
_ENGLISH_TIMES: Final[dict[str, tuple[str, ...]]] = {
    "day": ("at midday", "in broad daylight", "in the afternoon", "in the morning", "around noon"),
    "sunset": ("at twilight", "at dawn", "at sunrise", "at sundown", "in the golden hour", "at daybreak"),
    "night": ("at midnight", "in the middle of the night", "under the moon", "late at night", "after dark"),
}
_FRENCH_THINGS: Final[dict[str, tuple[tuple[str, bool], ...]]] = {
    "ball": (("sphère", True), ("bulle", True), ("ballon de foot", False), ("disque", False), ("globe", False)),
    "square": (("caisse", True), ("dé", False), ("brique", True), ("pavé", False), ("colis", False)),
    "star": (("étoile à cinq branches", True), ("étoile de mer", True), ("astre", False)),
    "triangle": (("cône", False), ("delta", False), ("forme triangulaire", True)),
    "ring": (("beignet", False), ("bouée", True), ("bracelet", False), ("pneu", False), ("couronne", True)),
    "bird": (("mouette", True), ("pigeon", False), ("colombe", True), ("hirondelle", True), ("canard", False)),
    "car": (("taxi", False), ("bagnole", True), ("berline", True), ("voiture de course", True), ("jeep", True)),
    "boat": (("barque", True), ("yacht", False), ("goélette", True), ("ferry", False), ("bateau à voile", False)),
}
_FRENCH_COLOURS: Final[dict[str, tuple[str, ...]]] = {
    "red": ("rubis", "cerise", "vermillon", "rouge sang", "cramoisi(e)"),
    "orange": ("mandarine", "abricot", "ambré(e)", "carotte"),
    "yellow": ("citron", "jaune citron", "jaune d'or", "moutarde"),
    "green": ("vert pomme", "émeraude", "olive", "vert clair", "vert foncé"),
    "blue": ("azur", "bleu marine", "bleu roi", "saphir", "bleu vif"),
    "purple": ("lilas", "pourpre", "lavande", "prune", "aubergine"),
    "pink": ("fuchsia", "magenta", "saumon", "rose bonbon"),
    "white": ("ivoire", "blanc neige", "blanc pur", "d'un blanc éclatant"),
    "turquoise": ("bleu turquoise", "aigue-marine", "sarcelle"),
}
_FRENCH_MOTIONS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "left": _sideways_french("gauche", "de la droite vers la gauche"),
    "right": _sideways_french("droite", "de la gauche vers la droite"),
    "up": (("grimpe", "grimpent"), ("décolle", "décollent"), ("s'élève dans les airs", "s'élèvent dans les airs")),
    "down": (
        ("dégringole", "dégringolent"),
        ("plonge", "plongent"),
        ("retombe", "retombent"),
        ("atterrit", "atterrissent"),
    ),
    "bouncing": (
        ("fait des bonds", "font des bonds"),
        ("sautille", "sautillent"),
        ("saute sur place", "sautent sur place"),
    ),
    "circling": (
        ("tournoie", "tournoient"),
        ("fait des boucles", "font des boucles"),
        ("tourne en cercle", "tournent en cercle"),
    ),
    "growing": (
        ("enfle", "enflent"),
        ("s'élargit", "s'élargissent"),
        ("s'approche", "s'approchent"),
        ("devient énorme", "deviennent énormes"),
    ),
    "still": (
        ("ne bouge plus", "ne bougent plus"),
        ("attend", "attendent"),
        ("reste là", "restent là"),
        ("se tient immobile", "se tiennent immobiles"),
    ),
}
_FRENCH_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "hills": ("à flanc de colline", "au-dessus des coteaux", "parmi les collines", "dans un paysage de collines"),
    "sea": ("sur le lac", "en pleine mer", "au bord de la mer", "sur les vagues", "dans la baie"),
    "desert": ("dans le sahara", "au milieu des dunes", "sur du sable", "dans un désert aride"),
    "city": ("dans la rue", "en centre-ville", "parmi les gratte-ciel", "à paris", "devant des tours"),
    "plain": ("dans la steppe", "dans la savane", "sur un pré", "à travers champs"),
    "snow": ("sur la glace", "dans l'arctique", "à la montagne enneigée", "sur un champ de neige"),
}
_FRENCH_TIMES: Final[dict[str, tuple[str, ...]]] = {
    "day": ("en pleine journée", "l'après-midi", "le matin", "à la lumière du jour", "vers midi"),
    "sunset": ("à l'aube", "à l'aurore", "au lever du soleil", "à la brune", "au crépuscule du soir"),
    "night": ("à minuit", "sous la lune", "au milieu de la nuit", "tard dans la nuit", "dans l'obscurité"),
}

WIDE_ENGLISH: Final = _widen_english(ENGLISH)
WIDE_FRENCH: Final = _widen_french(FRENCH)
