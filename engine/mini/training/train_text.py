"""Second stage: the vocabulary and the little T5, taught to read what a sentence states.

Every token of the encoded sentence must tell every attribute. Then whatever the transformer attends to is
already the whole request, and its steps go into pictures instead of into reading. The encoder is frozen
afterwards: later stages read it, none changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast, T5EncoderModel

from engine.mini.dataset import captions, vocabulary
from engine.mini.dataset.scenes import random_scene
from engine.mini.training.components import TEXT_LENGTH, TEXT_WIDTH, new_text_encoder
from engine.mini.training.muon import Muon
from engine.mini.training.progress import TrainingLog

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

BATCH: Final = 64
PAIRS: Final = 0.4  # share of sentences about two things: telling them apart is the hardest to learn
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
# Words people put around a request: they must not disturb the reading, nor be taken for anything.
CHATTER: Final = (
    *("please", "make", "create", "draw", "generate", "show", "me", "want", "would", "like", "there", "short", "clip"),
    *("where", "nice", "beautiful", "flat", "style", "cartoon", "simple", "smoothly", "slowly", "quickly", "gently"),
    *("happy", "alone", "camera", "scene", "film", "movie", "picture", "shot", "cinematic", "very", "low", "quality"),
    *("worst", "blurry", "jittery", "distorted", "inconsistent", "motion", "joli", "jolie", "belle", "beau", "tres"),
    *("lentement", "doucement", "vite", "fais", "cree", "dessine", "je", "veux", "montre", "moi", "il", "y", "ou"),
)


def new_tokenizer() -> PreTrainedTokenizerBase:
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
    words = {w for phrase in (*vocabulary.all_phrases(), *CHATTER) for w in normalise.normalize_str(phrase).split()}
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


class AttributeProbe(nn.Module):
    """The encoder with one small head per attribute: what it must know, checked at every token."""

    def __init__(self, encoder: T5EncoderModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, len(v) + 1) for v in captions.ATTRIBUTES.values())

    def forward(self, ids: Tensor, mask: Tensor | None) -> list[Tensor]:
        hidden = self.encoder(input_ids=ids, attention_mask=mask)[0]
        return [head(hidden) for head in self.heads]


def labelled_captions(rng: np.random.Generator, count: int) -> tuple[list[str], Tensor]:
    """Captions with chatter here and there, and their labels (count, attributes), `UNSAID` as the last class."""
    texts, labels = [], []
    for _ in range(count):
        text, stated = captions.write_caption(random_scene(rng, pair=bool(rng.random() < PAIRS)), rng)
        words = text.split()
        for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.4 else 0):
            words.insert(int(rng.integers(len(words) + 1)), _random_chatter(rng))
        texts.append(" ".join(words))
        labels.append(_class_indices(stated))
    return texts, torch.tensor(labels)


def _class_indices(stated: tuple[int, ...]) -> list[int]:
    """The class of each attribute, what is unsaid being the last."""
    return [label % (len(values) + 1) for label, values in zip(stated, captions.ATTRIBUTES.values(), strict=True)]


def _random_chatter(rng: np.random.Generator) -> str:
    if rng.random() < 0.7:
        return str(rng.choice(CHATTER))
    return "".join(rng.choice(list(LETTERS), size=int(rng.integers(2, 7))))


def tokenize_texts(
    tokenizer: PreTrainedTokenizerBase, texts: list[str], *, pad: bool | str = True
) -> tuple[Tensor, Tensor]:
    read = tokenizer(texts, padding=pad, truncation=True, max_length=TEXT_LENGTH, return_tensors="pt")
    return read.input_ids, read.attention_mask


def train_text_encoder(work: Path, minutes: float, *, rate: float = 0.01) -> None:
    """Train the reader from nothing for `minutes` and write `work/text` (tokenizer and encoder)."""
    torch.manual_seed(0)
    tokenizer = new_tokenizer()
    reader = AttributeProbe(new_text_encoder(len(tokenizer)))
    optimiser = Muon(reader.named_parameters(), names_adam=("shared", "embed", "bias", "heads"))
    rng = np.random.default_rng(0)
    with TrainingLog("text", minutes) as log:
        while log.has_time_left():
            texts, labels = labelled_captions(rng, BATCH)
            ids, mask = tokenize_texts(tokenizer, texts, pad="max_length" if rng.random() < 0.1 else True)
            outputs = reader(ids, mask if rng.random() < 0.6 else None)
            value = torch.stack([_token_loss(out, labels[:, i], mask) for i, out in enumerate(outputs)]).mean()
            value.backward()
            optimiser.step(rate * (1 - log.time_fraction) + 1e-5)
            log.add_values(loss=float(value.detach()))
            log.write_when_due(optimiser.steps)
    reader.load_state_dict(optimiser.average, strict=False)
    for name, share in probe_accuracy(tokenizer, reader).items():
        print(f"text reads the {name} right in {share:.1%}")
    tokenizer.save_pretrained(work / "text")
    reader.encoder.save_pretrained(work / "text")


def _token_loss(output: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy averaged over the real tokens of each sentence; the last one counts as the rest."""
    each = F.cross_entropy(output.transpose(1, 2), labels[:, None].expand(-1, output.shape[1]), reduction="none")
    return (each * mask).sum() / mask.sum()


@torch.no_grad()
def probe_accuracy(tokenizer: PreTrainedTokenizerBase, reader: AttributeProbe, count: int = 500) -> dict[str, float]:
    """For each attribute, the share of sentences in held-out forms that tell it rightly at nine tokens in ten."""
    rng = np.random.default_rng(99)
    right = np.zeros(len(captions.ATTRIBUTES))
    for _ in range(count):
        text, labels = captions.write_caption(random_scene(rng, held_out=True), rng, held_out=True)
        ids, mask = tokenize_texts(tokenizer, [text])
        guesses = torch.stack([out[0].argmax(-1) for out in reader(ids, mask)])
        right += ((guesses == torch.tensor(_class_indices(labels))[:, None]).float().mean(1) > 0.9).numpy()
    return dict(zip(captions.ATTRIBUTES, (right / count).tolist(), strict=True))


def load_text_encoder(work: Path) -> tuple[PreTrainedTokenizerBase, T5EncoderModel]:
    """The tokenizer and the frozen encoder that `train` wrote."""
    encoder = T5EncoderModel.from_pretrained(work / "text").eval().requires_grad_(requires_grad=False)
    return PreTrainedTokenizerFast.from_pretrained(work / "text"), encoder
