"""The reasons why a video can fail: a closed list, each with a sentence for its user in English and French."""

from __future__ import annotations

from typing import NamedTuple

from engine.types import FAILURES


class FailureReason(NamedTuple):
    """A failure; `retryable` if the same request may succeed when sent again. Credits are refunded for all of them."""

    retryable: bool
    en: str
    fr: str

    def localized_message(self, locale: str) -> str:
        """The sentence in the reader's language."""
        return self.fr if locale == "fr" else self.en


REFUNDED_EN = "Your credits are back."
REFUNDED_FR = "Vos crédits vous ont été rendus."


def _engine_failure(code: str, en: str, fr: str) -> tuple[str, FailureReason]:
    return code, FailureReason(dict(FAILURES)[code], f"{en} {REFUNDED_EN}", f"{fr} {REFUNDED_FR}")  # type: ignore[index]


def _server_failure(code: str, en: str, fr: str) -> tuple[str, FailureReason]:
    return code, FailureReason(retryable=True, en=f"{en} {REFUNDED_EN}", fr=f"{fr} {REFUNDED_FR}")


FAILURE_REASONS: dict[str, FailureReason] = dict(
    [
        _engine_failure(
            "bad_request", "This model cannot make such a video.", "Ce modèle ne sait pas faire une telle vidéo."
        ),
        _engine_failure("bad_condition", "An image could not be read.", "Une image n'a pas pu être lue."),
        _engine_failure("model_unknown", "This model is not known here.", "Ce modèle n'est pas connu ici."),
        _engine_failure("model_missing", "This model is not installed here.", "Ce modèle n'est pas installé ici."),
        _engine_failure("model_broken", "This model is damaged.", "Ce modèle est endommagé."),
        _engine_failure(
            "device_missing", "The server's graphics card is missing.", "La carte graphique du serveur manque."
        ),
        _engine_failure("bad_setting", "This server is misconfigured.", "Ce serveur est mal réglé."),
        _engine_failure("lora_missing", "A LoRA cannot be used here.", "Un LoRA ne peut pas être utilisé ici."),
        _engine_failure(
            "out_of_memory", "The video was too large for the server.", "La vidéo était trop grande pour le serveur."
        ),
        _engine_failure(
            "bad_frames",
            "The frames came out damaged. Another seed may work.",
            "Les images sont abîmées. Une autre graine peut réussir.",
        ),
        _engine_failure(
            "refused_frames",
            "The result may not be shown here. Try a different prompt.",
            "Le résultat ne peut pas être montré ici. Essayez une autre description.",
        ),
        _engine_failure(
            "encode_failed", "The video file could not be written.", "Le fichier vidéo n'a pas pu être écrit."
        ),
        _engine_failure("disk_full", "The server has run out of disk space.", "Le serveur n'a plus d'espace disque."),
        _server_failure(
            "timed_out", "This took too long and was stopped.", "Le traitement a duré trop longtemps et a été arrêté."
        ),
        _server_failure(
            "engine_died", "The video engine stopped several times.", "Le moteur vidéo s'est arrêté plusieurs fois."
        ),
        _server_failure(
            "worker_lost",
            "The servers working on this video were lost repeatedly.",
            "Les serveurs chargés de cette vidéo ont été perdus à plusieurs reprises.",
        ),
        _server_failure("internal", "Something went wrong on our side.", "Une erreur s'est produite chez nous."),
    ]
)
