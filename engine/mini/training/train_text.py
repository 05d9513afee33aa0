"""Second stage: the tokenizer and the small T5, trained to encode what a sentence states.

Every token of the encoded sentence must tell every attribute. Then whatever the transformer attends to is already the
whole request, and its steps go into pictures instead of into reading. The encoder is frozen afterwards: later stages
read it, none changes it.

Where the work folder holds an encoder already, the stage continues that one with the words it lacks (`adapt_encoder`)
and keeps its output for the words it knew, so that a transformer trained with it remains valid.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast, T5EncoderModel

from engine.mini.dataset import captions
from engine.mini.dataset.scenes import random_scene
from engine.mini.training.components import TEXT_WIDTH, new_text_encoder
from engine.mini.training.config import TrainingConfig
from engine.mini.training.muon import Muon
from engine.mini.training.progress import TrainingLog, save_checkpoint
from engine.mini.training.tokenizer import CHATTER, LETTERS, new_tokenizer, tokenize_texts

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

BATCH: Final = 64
PAIRS: Final = 0.4  # share of sentences about two things: telling them apart is the hardest to learn
RATE: Final = 0.01  # Muon's at its highest
RATE_CONTINUED: Final = 0.003  # the same, of an encoder that is trained further
ANCHOR_BATCH: Final = 32
ANCHOR_WEIGHT: Final = 20.0
ANCHOR: Final = "text-anchor"  # folder of the encoder whose output is kept
NEGATIVE: Final = "worst quality, inconsistent motion, blurry, jittery, distorted"


class AttributeProbe(nn.Module):
    """The encoder with a linear head per attribute, applied to every token."""

    def __init__(self, encoder: T5EncoderModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, len(v) + 1) for v in captions.ATTRIBUTES.values())

    def forward(self, ids: Tensor, mask: Tensor | None) -> list[Tensor]:
        hidden = self.encoder(input_ids=ids, attention_mask=mask)[0]
        return [head(hidden) for head in self.heads]


def labelled_captions(
    rng: np.random.Generator, count: int, grammar: captions.Grammar = captions.PLAIN
) -> tuple[list[str], Tensor]:
    """Captions with some chatter, and their labels [count, attributes] with `UNSAID` as the last class."""
    texts, labels = [], []
    for _ in range(count):
        scene = random_scene(rng, pair=bool(rng.random() < PAIRS))
        text, stated = captions.write_caption(scene, rng, grammar=grammar)
        words = text.split()
        for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.4 else 0):
            words.insert(int(rng.integers(len(words) + 1)), _random_chatter(rng))
        texts.append(" ".join(words))
        labels.append(_class_indices(stated))
    return texts, torch.tensor(labels)


def _class_indices(stated: tuple[int, ...]) -> list[int]:
    """The class of each attribute; the last one is `UNSAID`."""
    return [label % (len(values) + 1) for label, values in zip(stated, captions.ATTRIBUTES.values(), strict=True)]


def _random_chatter(rng: np.random.Generator) -> str:
    if rng.random() < 0.7:
        return str(rng.choice(CHATTER))
    return "".join(rng.choice(list(LETTERS), size=int(rng.integers(2, 7))))


def train_text_encoder(work: Path, minutes: float) -> None:
    """Train for `minutes` in all, going on from `work/text.pt` or else from the encoder in `work/text` where there is
    one, and write `work/text` (tokenizer and encoder).
    """
    torch.manual_seed(0)
    grammar = captions.GRAMMARS[TrainingConfig.read(work).grammar]
    tokenizer, anchor = new_tokenizer(grammar), load_anchor(work)
    reader = AttributeProbe(_initial_encoder(work, tokenizer))
    optimiser = Muon(reader.named_parameters(), names_adam=("shared", "embed", "bias", "heads"))
    spent = _resume_checkpoint(work / "text.pt", optimiser)
    rng = np.random.default_rng(optimiser.steps)
    rate = RATE_CONTINUED if anchor else RATE
    with TrainingLog("text", minutes, spent) as log:
        while log.has_time_left():
            losses = {"loss": _reading_loss(tokenizer, reader, rng, grammar)}
            if anchor:
                losses["anchor"] = ANCHOR_WEIGHT * anchor.deviation(tokenizer, reader.encoder, rng)
            torch.stack([*losses.values()]).sum().backward()
            optimiser.step(rate * (1 - log.time_fraction) + 1e-5)
            log.add_values(**{name: float(value.detach()) for name, value in losses.items()})
            if log.write_when_due(optimiser.steps):
                save_checkpoint(work / "text.pt", {"optimiser": optimiser.state_dict(), "spent": log.seconds_spent})
        save_checkpoint(work / "text.pt", {"optimiser": optimiser.state_dict(), "spent": log.seconds_spent})
    reader.load_state_dict(optimiser.average, strict=False)
    for name, share in probe_accuracy(tokenizer, reader, grammar=grammar).items():
        print(f"text reads the {name} right in {share:.1%}")
    tokenizer.save_pretrained(work / "text")
    reader.encoder.save_pretrained(work / "text")


def _reading_loss(
    tokenizer: PreTrainedTokenizerBase, reader: AttributeProbe, rng: np.random.Generator, grammar: captions.Grammar
) -> Tensor:
    """The mean cross entropy of all attributes in a batch of captions."""
    texts, labels = labelled_captions(rng, BATCH, grammar)
    ids, mask = tokenize_texts(tokenizer, texts, pad="max_length" if rng.random() < 0.1 else True)
    outputs = reader(ids, mask if rng.random() < 0.6 else None)
    return torch.stack([_token_loss(out, labels[:, i], mask) for i, out in enumerate(outputs)]).mean()


def _resume_checkpoint(file: Path, optimiser: Muon) -> float:
    """Load a checkpoint if it exists. Returns the seconds spent."""
    if not file.exists():
        return 0.0
    state = torch.load(file, map_location="cpu")
    if "master" in state["optimiser"]:  # else the encoder of a packed checkpoint, which is read from its folder
        optimiser.load_state_dict(state["optimiser"])
    return float(state["spent"])


# --- continuing an encoder ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextAnchor:
    """A trained encoder and its tokenizer: what captions in the words it knows must still be encoded as."""

    tokenizer: PreTrainedTokenizerBase
    encoder: T5EncoderModel

    def deviation(
        self, tokenizer: PreTrainedTokenizerBase, encoder: T5EncoderModel, rng: np.random.Generator
    ) -> Tensor:
        """The mean squared difference between the two encoders' outputs for some captions, in parts of the variance."""
        texts = [
            text
            for text in ("", NEGATIVE, *labelled_captions(rng, ANCHOR_BATCH)[0])
            if self.tokenizer.tokenize(text) == tokenizer.tokenize(text)  # random letters may spell a new word
        ]
        ids, mask = tokenize_texts(self.tokenizer, texts)
        with torch.no_grad():
            kept = self.encoder(input_ids=ids, attention_mask=mask)[0][mask.bool()]
        ids, mask = tokenize_texts(tokenizer, texts)
        encoded = encoder(input_ids=ids, attention_mask=mask)[0][mask.bool()]
        deviation: Tensor = (encoded - kept).square().mean() / kept.var()
        return deviation


def load_anchor(work: Path) -> TextAnchor | None:
    """The encoder to keep to: the one that the work folder held before the stage ran for the first time."""
    if (work / "text").exists() and not (work / ANCHOR).exists() and not (work / "text.pt").exists():
        shutil.copytree(work / "text", work / ANCHOR)
    return TextAnchor(*_read_encoder(work / ANCHOR)) if (work / ANCHOR).exists() else None


def adapt_encoder(
    encoder: T5EncoderModel, known: PreTrainedTokenizerBase, tokenizer: PreTrainedTokenizerBase
) -> T5EncoderModel:
    """The encoder with a row for each piece of `tokenizer`: its own row for a piece it knows, for another one the mean
    of the rows that it read the word by.
    """
    adapted = new_text_encoder(len(tokenizer))
    weights, rows = encoder.state_dict(), encoder.shared.weight.detach()
    pieces = known.get_vocab()
    table = torch.stack(
        [
            rows[pieces[piece]] if piece in pieces else rows[_read_word(known, piece)].mean(dim=0)
            for piece in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
        ]
    )
    weights |= {name: table for name in weights if name in {"shared.weight", "encoder.embed_tokens.weight"}}
    adapted.load_state_dict(weights)
    return adapted


def _read_word(tokenizer: PreTrainedTokenizerBase, piece: str) -> list[int]:
    ids: list[int] = tokenizer(piece.removeprefix("▁"), add_special_tokens=False).input_ids
    return ids


def _initial_encoder(work: Path, tokenizer: PreTrainedTokenizerBase) -> T5EncoderModel:
    if not (work / "text").exists():
        return new_text_encoder(len(tokenizer))
    known, encoder = _read_encoder(work / "text")
    return adapt_encoder(encoder, known, tokenizer)


def _token_loss(output: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Cross entropy averaged over the tokens of each sentence, without padding."""
    each = F.cross_entropy(output.transpose(1, 2), labels[:, None].expand(-1, output.shape[1]), reduction="none")
    return (each * mask).sum() / mask.sum()


@torch.no_grad()
def probe_accuracy(
    tokenizer: PreTrainedTokenizerBase,
    reader: AttributeProbe,
    count: int = 500,
    grammar: captions.Grammar = captions.PLAIN,
) -> dict[str, float]:
    """For each attribute, the share of sentences in held-out forms that predict it at nine tokens in ten or more."""
    rng = np.random.default_rng(99)
    right = np.zeros(len(captions.ATTRIBUTES))
    for _ in range(count):
        text, labels = captions.write_caption(random_scene(rng, held_out=True), rng, held_out=True, grammar=grammar)
        ids, mask = tokenize_texts(tokenizer, [text])
        guesses = torch.stack([out[0].argmax(-1) for out in reader(ids, mask)])
        right += ((guesses == torch.tensor(_class_indices(labels))[:, None]).float().mean(1) > 0.9).numpy()
    return dict(zip(captions.ATTRIBUTES, (right / count).tolist(), strict=True))


def write_compact(work: Path, folder: Path) -> None:
    """Write the text encoder as the last checkpoint in `work` has it, in bfloat16, with its tokenizer."""
    tokenizer = new_tokenizer(captions.GRAMMARS[TrainingConfig.read(work).grammar])
    encoder = new_text_encoder(len(tokenizer))
    average = torch.load(work / "text.pt", map_location="cpu")["optimiser"]["average"]
    prefix = "encoder."
    encoder.load_state_dict(
        {n.removeprefix(prefix): v for n, v in average.items() if n.startswith(prefix)}, strict=False
    )
    tokenizer.save_pretrained(folder)
    encoder.to(torch.bfloat16).save_pretrained(folder)


def replace_encoder(work: Path, folder: Path, *, seconds: float) -> None:
    """Take the encoder in `folder` for the one in `work`, which becomes the anchor, `seconds` into the stage."""
    (work / "text").rename(work / ANCHOR)
    shutil.copytree(folder, work / "text")
    save_checkpoint(work / "text.pt", {"optimiser": {"steps": 0}, "spent": seconds})


def load_text_encoder(work: Path) -> tuple[PreTrainedTokenizerBase, T5EncoderModel]:
    """The tokenizer and the frozen encoder of a work folder."""
    return _read_encoder(work / "text")


def _read_encoder(folder: Path) -> tuple[PreTrainedTokenizerBase, T5EncoderModel]:
    encoder = T5EncoderModel.from_pretrained(folder).float().eval().requires_grad_(requires_grad=False)
    return PreTrainedTokenizerFast.from_pretrained(folder), encoder
