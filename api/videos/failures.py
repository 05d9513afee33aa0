"""Why a video can fail: a closed list, each with a sentence for the person who waits, in English and French."""

from __future__ import annotations

from typing import NamedTuple

from engine.types import FAILURES


class Reason(NamedTuple):
    """`retryable`: the same request may well succeed if sent again. Credits come back for every one of them."""

    retryable: bool
    en: str
    fr: str

    def message(self, locale: str) -> str:
        """The sentence in the reader's language."""
        return self.fr if locale == "fr" else self.en


SORRY_EN = "Your credits are back."
SORRY_FR = "Vos crédits vous ont été rendus."


def _engine(code: str, en: str, fr: str) -> tuple[str, Reason]:
    return code, Reason(dict(FAILURES)[code], f"{en} {SORRY_EN}", f"{fr} {SORRY_FR}")  # type: ignore[index]


def _ours(code: str, en: str, fr: str) -> tuple[str, Reason]:
    return code, Reason(retryable=True, en=f"{en} {SORRY_EN}", fr=f"{fr} {SORRY_FR}")


REASONS: dict[str, Reason] = dict(
    [
        _engine("bad_request", "This model cannot make such a clip.", "Ce modèle ne sait pas faire un tel clip."),
        _engine("bad_condition", "An image could not be read.", "Une image n'a pas pu être lue."),
        _engine("model_unknown", "This model is not known here.", "Ce modèle n'est pas connu ici."),
        _engine("model_missing", "This model is not installed here.", "Ce modèle n'est pas installé ici."),
        _engine("model_broken", "This model is damaged.", "Ce modèle est endommagé."),
        _engine("device_missing", "The server's graphics card is missing.", "La carte graphique du serveur manque."),
        _engine("bad_setting", "This server is set up wrongly.", "Ce serveur est mal réglé."),
        _engine("lora_missing", "A LoRA is not installed here.", "Un LoRA n'est pas installé ici."),
        _engine("out_of_memory", "The clip was too large for the server.", "Le clip était trop grand pour le serveur."),
        _engine(
            "bad_frames",
            "The frames came out damaged. Another seed may work.",
            "Les images sont abîmées. Une autre graine peut réussir.",
        ),
        _engine(
            "refused_frames",
            "What came out may not be shown here. Ask for something else.",
            "Le résultat ne peut pas être montré ici. Demandez autre chose.",
        ),
        _engine("encode_failed", "The clip could not be written.", "Le clip n'a pas pu être écrit."),
        _engine("disk_full", "The server has run out of space.", "Le serveur n'a plus de place."),
        _ours("timed_out", "This took far too long and was stopped.", "C'était bien trop long ; arrêté."),
        _ours("engine_died", "The server stopped several times.", "Le serveur s'est arrêté plusieurs fois."),
        _ours("worker_lost", "The servers were lost again and again.", "Les serveurs ont été perdus à répétition."),
        _ours("internal", "Something went wrong on our side.", "Une erreur s'est produite chez nous."),
    ]
)
