"""The words of captions.py: what each thing, colour, motion, place and hour may be called in either language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Language = Literal["en", "fr"]
Phrases = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnglishVocabulary:
    """`motions` gives what one thing does, doing it, and what several do."""

    things: Mapping[str, Phrases]
    colours: Mapping[str, Phrases]
    sizes: Mapping[str, Phrases]
    motions: Mapping[str, tuple[tuple[str, str, str], ...]]
    places: Mapping[str, Phrases]
    times: Mapping[str, Phrases]
    rain: Phrases
    rainy_times: Mapping[str, Phrases]
    sentences: Phrases
    held_out: Phrases


@dataclass(frozen=True, slots=True)
class FrenchVocabulary:
    """`things` says whether a noun is feminine; adjectives come as (masculine, feminine), `motions` as what one
    thing does and what several do, with `(e)` where it agrees with a feminine noun.
    """

    things: Mapping[str, tuple[tuple[str, bool], ...]]
    colours: Mapping[str, tuple[tuple[str, str], ...]]
    sizes: Mapping[str, tuple[tuple[str, str], ...]]
    motions: Mapping[str, tuple[tuple[str, str], ...]]
    places: Mapping[str, Phrases]
    times: Mapping[str, Phrases]
    rain: Phrases
    rainy_times: Mapping[str, Phrases]
    sentences: Phrases
    held_out: Phrases


def _plural_verb(third: str) -> str:
    """The form for several: "move" of "moves", "go" of "goes", "fly" of "flies"."""
    if third.endswith("ies"):
        return third.removesuffix("ies") + "y"
    return third.removesuffix("es") if third == "goes" else third.removesuffix("s")


def verb_forms(third: str, gerund: str, rest: str = "") -> tuple[str, str, str]:
    """("moves", "moving", "left") to the three forms with what follows behind each."""
    return f"{third} {rest}".strip(), f"{gerund} {rest}".strip(), f"{_plural_verb(third)} {rest}".strip()


def _sideways_motions(side: str, across: str) -> tuple[tuple[str, str, str], ...]:
    """Ways to say that things move to one side; `across` names both."""
    verbs = (
        ("slides", "sliding"),
        ("flies", "flying"),
        ("sails", "sailing"),
        ("rolls", "rolling"),
        ("heads", "heading"),
    )
    return (
        verb_forms("moves", "moving", side),
        verb_forms("moves", "moving", f"to the {side}"),
        verb_forms("goes", "going", side),
        verb_forms("drives", "driving", side),
        verb_forms("travels", "travelling", across),
        *(verb_forms(third, gerund, f"to the {side}") for third, gerund in verbs),
    )


def agree_gender(words: str, *, feminine: bool) -> str:
    """French words with their `(e)` written out or dropped."""
    return words.replace("(e)", "e" if feminine else "")


DRY_PHRASES: Final = ("on a sunny day", "par une journée ensoleillée")  # not said while it rains

ENGLISH: Final = EnglishVocabulary(
    things={
        "ball": ("ball", "ball", "ball", "sphere", "round ball", "disc", "circle"),
        "square": ("square", "square", "box", "block", "cube"),
        "star": ("star", "star", "five-pointed star"),
        "triangle": ("triangle", "triangle", "pyramid"),
        "ring": ("ring", "ring", "hoop", "donut"),
        "bird": ("bird", "bird", "songbird", "sparrow"),
        "car": ("car", "car", "automobile", "vehicle"),
        "boat": ("boat", "boat", "sailboat", "ship", "sailing boat"),
    },
    colours={
        "red": ("red", "red", "bright red", "scarlet", "crimson"),
        "orange": ("orange", "orange", "bright orange"),
        "yellow": ("yellow", "yellow", "bright yellow", "golden"),
        "green": ("green", "green", "bright green", "emerald"),
        "blue": ("blue", "blue", "deep blue", "dark blue"),
        "purple": ("purple", "purple", "violet"),
        "pink": ("pink", "pink", "bright pink", "rose"),
        "white": ("white", "white", "pure white"),
        "turquoise": ("turquoise", "turquoise", "cyan", "aqua"),
    },
    sizes={"small": ("small", "little", "tiny"), "medium": ("",), "big": ("big", "large", "huge")},
    motions={
        "left": _sideways_motions("left", "from right to left"),
        "right": _sideways_motions("right", "from left to right"),
        "up": (
            verb_forms("rises", "rising"),
            verb_forms("rises", "rising", "into the sky"),
            verb_forms("moves", "moving", "up"),
            verb_forms("goes", "going", "up"),
            verb_forms("floats", "floating", "upwards"),
            verb_forms("flies", "flying", "up"),
            verb_forms("climbs", "climbing", "into the sky"),
        ),
        "down": (
            verb_forms("falls", "falling"),
            verb_forms("falls", "falling", "from the sky"),
            verb_forms("moves", "moving", "down"),
            verb_forms("goes", "going", "down"),
            verb_forms("sinks", "sinking", "slowly"),
            verb_forms("drops", "dropping"),
            verb_forms("descends", "descending"),
        ),
        "bouncing": (
            verb_forms("bounces", "bouncing"),
            verb_forms("bounces", "bouncing"),
            verb_forms("bounces", "bouncing", "up and down"),
            verb_forms("jumps", "jumping", "up and down"),
            verb_forms("hops", "hopping"),
            ("keeps bouncing", "that keeps bouncing", "keep bouncing"),
        ),
        "circling": (
            verb_forms("circles", "circling"),
            verb_forms("moves", "moving", "in a circle"),
            verb_forms("goes", "going", "round and round"),
            verb_forms("goes", "going", "around in circles"),
            verb_forms("flies", "flying", "in circles"),
            verb_forms("turns", "turning", "in a loop"),
        ),
        "growing": (
            verb_forms("grows", "growing"),
            verb_forms("gets", "getting", "bigger"),
            verb_forms("becomes", "becoming", "larger"),
            verb_forms("grows", "growing", "bigger and bigger"),
            verb_forms("swells", "swelling"),
            verb_forms("comes", "coming", "closer"),
        ),
        "still": (
            verb_forms("stays", "staying", "still"),
            ("does not move", "that does not move", "do not move"),
            verb_forms("stands", "standing", "still"),
            verb_forms("rests", "resting"),
            ("is at rest", "at rest", "are at rest"),
            verb_forms("stays", "staying", "in place"),
            ("is motionless", "motionless", "are motionless"),
        ),
    },
    places={
        "hills": (
            "over green hills",
            "over the hills",
            "in the hills",
            "above rolling hills",
            "in front of green hills",
        ),
        "sea": (
            "over the sea",
            "on the sea",
            "at sea",
            "above the ocean",
            "on the water",
            "over the waves",
            "by the sea",
        ),
        "desert": ("in the desert", "over the desert", "over sand dunes", "above the sand", "in a sandy desert"),
        "city": (
            "in the city",
            "over the city",
            "in a town",
            "in front of buildings",
            "before a skyline",
            "over the rooftops",
        ),
        "plain": (
            "on the plain",
            "over the plain",
            "over a flat field",
            "in a meadow",
            "on the prairie",
            "over the fields",
        ),
        "snow": ("in the snow", "over the snow", "in a snowy landscape", "in front of a snowy mountain", "in winter"),
    },
    times={
        "day": (
            "by day",
            "during the day",
            "in daylight",
            "on a sunny day",
            "at noon",
            "under a blue sky",
            "in the daytime",
        ),
        "sunset": ("at sunset", "at sunset", "at dusk", "in the evening", "as the sun sets", "under a warm sky"),
        "night": ("at night", "at night", "by night", "under the stars", "in the dark", "in the moonlight"),
    },
    rain=("in the rain", "in the rain", "while it rains", "while it is raining", "in rainy weather", "under the rain"),
    rainy_times={
        "day": ("on a rainy day", "in the daytime rain"),
        "sunset": ("on a rainy evening", "in the evening rain", "at a rainy sunset"),
        "night": ("on a rainy night", "in the night rain"),
    },
    sentences=(  # {does} follows a finite verb, {doing} a gerund
        "{s} {does} {p} {n}",
        "{s} {does} {p} {n}",
        "{s} {doing} {p} {n}",
        "{s} {doing} {p} {n}",
        "{n}, {s} {does} {p}",
        "{p}, {s} {does} {n}",
        "a video of {s} {doing} {p} {n}",
        "an animation of {s} {doing} {p} {n}",
        "{s}, {doing}, {p}, {n}",
        "{s} {p} {n} {does}",
    ),
    held_out=(
        "{n} {p} there {be} {s} {doing}",
        "show me {s} {doing} {n} {p}",
        "a short clip where {s} {does} {n} {p}",
    ),
)

FRENCH: Final = FrenchVocabulary(
    things={
        "ball": (("balle", True), ("balle", True), ("boule", True), ("ballon", False), ("bille", True)),
        "square": (("carré", False), ("carré", False), ("cube", False), ("bloc", False), ("boîte", True)),
        "star": (("étoile", True), ("étoile", True)),
        "triangle": (("triangle", False), ("triangle", False), ("pyramide", True)),
        "ring": (("anneau", False), ("anneau", False), ("cerceau", False), ("bague", True)),
        "bird": (("oiseau", False), ("oiseau", False), ("moineau", False)),
        "car": (("voiture", True), ("voiture", True), ("auto", True), ("automobile", True)),
        "boat": (("bateau", False), ("bateau", False), ("voilier", False), ("navire", False)),
    },
    colours={
        "red": (("rouge", "rouge"), ("rouge vif", "rouge vif"), ("écarlate", "écarlate")),
        "orange": (("orange", "orange"), ("orangé", "orangée")),
        "yellow": (("jaune", "jaune"), ("jaune vif", "jaune vif"), ("doré", "dorée")),
        "green": (("vert", "verte"), ("vert", "verte"), ("vert émeraude", "vert émeraude")),
        "blue": (("bleu", "bleue"), ("bleu", "bleue"), ("bleu foncé", "bleu foncé")),
        "purple": (("violet", "violette"), ("violet", "violette"), ("mauve", "mauve")),
        "pink": (("rose", "rose"), ("rose vif", "rose vif")),
        "white": (("blanc", "blanche"), ("blanc", "blanche")),
        "turquoise": (("turquoise", "turquoise"), ("cyan", "cyan")),
    },
    sizes={
        "small": (("petit", "petite"), ("tout petit", "toute petite"), ("minuscule", "minuscule")),
        "medium": (("", ""),),
        "big": (("grand", "grande"), ("gros", "grosse"), ("énorme", "énorme")),
    },
    motions={
        "left": (
            ("va à gauche", "vont à gauche"),
            ("va vers la gauche", "vont vers la gauche"),
            ("se déplace vers la gauche", "se déplacent vers la gauche"),
            ("glisse vers la gauche", "glissent vers la gauche"),
            ("roule vers la gauche", "roulent vers la gauche"),
            ("vole vers la gauche", "volent vers la gauche"),
            ("avance de droite à gauche", "avancent de droite à gauche"),
        ),
        "right": (
            ("va à droite", "vont à droite"),
            ("va vers la droite", "vont vers la droite"),
            ("se déplace vers la droite", "se déplacent vers la droite"),
            ("glisse vers la droite", "glissent vers la droite"),
            ("roule vers la droite", "roulent vers la droite"),
            ("vole vers la droite", "volent vers la droite"),
            ("avance de gauche à droite", "avancent de gauche à droite"),
        ),
        "up": (
            ("monte", "montent"),
            ("s'élève", "s'élèvent"),
            ("monte dans le ciel", "montent dans le ciel"),
            ("va vers le haut", "vont vers le haut"),
            ("s'envole", "s'envolent"),
            ("monte lentement", "montent lentement"),
        ),
        "down": (
            ("descend", "descendent"),
            ("tombe", "tombent"),
            ("va vers le bas", "vont vers le bas"),
            ("tombe du ciel", "tombent du ciel"),
            ("descend lentement", "descendent lentement"),
            ("chute", "chutent"),
        ),
        "bouncing": (
            ("rebondit", "rebondissent"),
            ("rebondit", "rebondissent"),
            ("bondit", "bondissent"),
            ("saute", "sautent"),
            ("saute de haut en bas", "sautent de haut en bas"),
            ("rebondit sans cesse", "rebondissent sans cesse"),
        ),
        "circling": (
            ("tourne en rond", "tournent en rond"),
            ("tourne", "tournent"),
            ("décrit un cercle", "décrivent un cercle"),
            ("fait des cercles", "font des cercles"),
            ("tourne en boucle", "tournent en boucle"),
        ),
        "growing": (
            ("grandit", "grandissent"),
            ("grossit", "grossissent"),
            ("devient plus grand(e)", "deviennent plus grand(e)s"),
            ("s'agrandit", "s'agrandissent"),
            ("gonfle", "gonflent"),
            ("se rapproche", "se rapprochent"),
        ),
        "still": (
            ("reste immobile", "restent immobiles"),
            ("ne bouge pas", "ne bougent pas"),
            ("est immobile", "sont immobiles"),
            ("reste sur place", "restent sur place"),
            ("se repose", "se reposent"),
            ("demeure immobile", "demeurent immobiles"),
        ),
    },
    places={
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
        "snow": (
            "dans la neige",
            "sur la neige",
            "devant une montagne enneigée",
            "dans un paysage enneigé",
            "en hiver",
        ),
    },
    times={
        "day": ("de jour", "en plein jour", "le jour", "à midi", "sous un ciel bleu", "par une journée ensoleillée"),
        "sunset": ("au coucher du soleil", "au crépuscule", "le soir", "au soleil couchant", "à la tombée du jour"),
        "night": ("la nuit", "de nuit", "sous les étoiles", "dans le noir", "au clair de lune", "pendant la nuit"),
    },
    rain=("sous la pluie", "sous la pluie", "quand il pleut", "pendant qu'il pleut", "par temps de pluie"),
    rainy_times={
        "day": ("par un jour de pluie", "par une journée pluvieuse"),
        "sunset": ("par un soir de pluie", "un soir pluvieux", "par un crépuscule pluvieux"),
        "night": ("par une nuit de pluie", "par une nuit pluvieuse"),
    },
    sentences=(
        "{s} {does} {p} {n}",
        "{s} {does} {p} {n}",
        "{s} qui {does} {p} {n}",
        "{n}, {s} {does} {p}",
        "{p}, {s} {does} {n}",
        "une vidéo d'{s} qui {does} {p} {n}",
        "une animation avec {s} qui {does} {p} {n}",
        "{s} {p} {n} {does}",
    ),
    held_out=(
        "{n} {p} il y a {s} qui {does}",
        "montre-moi {s} qui {does} {n} {p}",
        "un film court où {s} {does} {n} {p}",
    ),
)


def all_phrases(*vocabularies: EnglishVocabulary | FrenchVocabulary) -> Iterator[str]:
    """Every phrase of these vocabularies, held-out forms included: what the tokenizer's pieces are made of."""
    for words in vocabularies:
        for table in (words.things, words.colours, words.sizes, words.motions):
            for options in table.values():
                for option in options:
                    forms = (option,) if isinstance(option, str) else option
                    for form in forms:
                        if isinstance(form, str):
                            yield from {agree_gender(form, feminine=False), agree_gender(form, feminine=True)}
        for phrases in (*words.places.values(), *words.times.values(), *words.rainy_times.values()):
            yield from phrases
        yield from words.rain
        for form in (*words.sentences, *words.held_out):
            yield form.format_map(dict.fromkeys(("s", "p", "n", "does", "doing", "be"), " "))
    yield from ("and with that is are a the one one", "et est sont là un une qui")
