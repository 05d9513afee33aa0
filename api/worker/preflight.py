"""Checks of a worker's settings before it starts; each problem is one sentence.

Looks at files and at an operator's frame rule. Loads no model, and does not check what is on the hub.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from api.settings import Settings
from engine.catalog import registry
from engine.catalog.model import ModelEntry
from engine.safety import rules
from engine.types import LoraSource

INDEX = "model_index.json"
HUB = re.compile(r"\w[\w.-]*/\w[\w.-]*")  # owner/name


def list_missing_sources(settings: Settings) -> list[str]:
    """Weights and LoRAs that are not where the settings say, and what to do about each."""
    weights = (_missing_weights(registry.find_model(name), settings.weights.get(name, "")) for name in settings.models)
    loras = (_missing_lora(lora) for lora in settings.named_loras)
    return [sentence for sentence in (*weights, *loras) if sentence]


def list_hub_sources(settings: Settings) -> list[str]:
    """The hub ids that weights and LoRAs are taken from."""
    models = [registry.find_model(name) for name in settings.models]
    weights = [settings.weights.get(model.name) or ("" if model.bundled else model.repo) for model in models]
    return [source for source in (*weights, *(lora.source for lora in settings.named_loras)) if _is_hub_id(source)]


def frame_rule_error(setting: str) -> str | None:
    """The problem with the operator's frame rule, or None. The rule is imported, with all side effects."""
    try:
        rules.load_operator_rules(setting)
    except rules.BadRuleError as error:
        return str(error)
    return None


def _missing_weights(model: ModelEntry, source: str) -> str | None:
    if not source and (model.bundled or model.repo):
        return None
    if not source:
        return (
            f"Nobody offers the weights of {model.name} as Kinora reads them: name a folder for it in KINORA_WEIGHTS."
        )
    if _is_readable(Path(source) / INDEX) or _is_hub_id(source):
        return None
    return (
        f"KINORA_WEIGHTS has the weights of {model.name} in {source}, where there is no {INDEX} that can be read:"
        " name a folder in diffusers' layout, or a hub id as owner/name."
    )


def _missing_lora(lora: LoraSource) -> str | None:
    path = Path(lora.source)
    files = [path] if path.suffix == ".safetensors" else path.glob("*.safetensors")
    if any(_is_readable(file) for file in files) or _is_hub_id(lora.source):
        return None
    return (
        f"KINORA_LORAS has the LoRA {lora.name!r} in {lora.source}, where there is no .safetensors file that can be"
        " read: name one, a folder that holds one, or a hub id as owner/name."
    )


def _is_hub_id(source: str) -> bool:
    """Whether a source is a hub repository, or a file in one, and names nothing on this disk."""
    repository = source.rpartition("/")[0] if source.endswith(".safetensors") else source
    return bool(HUB.fullmatch(repository)) and not Path(source).exists()


def _is_readable(file: Path) -> bool:
    return os.access(file, os.R_OK)
