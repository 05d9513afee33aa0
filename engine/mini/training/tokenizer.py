"""The tokenizer of the bundled model's text encoder: one piece for each word of the grammar and each letter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast

from engine.mini.dataset import captions, vocabulary
from engine.mini.training.components import TEXT_LENGTH

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
# Words that people put around a request: they must not change the labels.
CHATTER: Final = (
    *("please", "make", "create", "draw", "generate", "show", "me", "want", "would", "like", "there", "short", "clip"),
    *("where", "nice", "beautiful", "flat", "style", "cartoon", "simple", "smoothly", "slowly", "quickly", "gently"),
    *("happy", "alone", "camera", "scene", "film", "movie", "picture", "shot", "cinematic", "very", "low", "quality"),
    *("worst", "blurry", "jittery", "distorted", "inconsistent", "motion", "joli", "jolie", "belle", "beau", "tres"),
    *("lentement", "doucement", "vite", "fais", "cree", "dessine", "je", "veux", "montre", "moi", "il", "y", "ou"),
)


def new_tokenizer(grammar: captions.Grammar = captions.PLAIN) -> PreTrainedTokenizerBase:
    """One piece for each word of the grammar and each letter. Case, accents and punctuation do not count."""
    tokenizer = Tokenizer(Unigram([("<pad>", 0.0)], unk_id=0))
    normalise = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace("œ", "oe"),
            normalizers.Replace(Regex(r"[^a-z0-9]+"), " "),
            normalizers.Strip(),
        ]
    )
    phrases = (*vocabulary.all_phrases(grammar.english, grammar.french), *CHATTER)
    words = {word for phrase in phrases for word in normalise.normalize_str(phrase).split()}
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0), ("▁", -3.0)]
    pieces += [(f"▁{word}", -1.0) for word in sorted(words) if len(word) > 1]
    pieces += [(f"{mark}{letter}", -6.0) for mark in ("", "▁") for letter in LETTERS]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalise
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    # Not T5's own class: when read back it would put its own rules in place of these.
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106 - a mark in the text, no secret
        eos_token="</s>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        model_max_length=TEXT_LENGTH,
    )


def tokenize_texts(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], *, pad: bool | str = True
) -> tuple[Tensor, Tensor]:
    read = tokenizer(texts, padding=pad, truncation=True, max_length=TEXT_LENGTH, return_tensors="pt")
    return read.input_ids, read.attention_mask
