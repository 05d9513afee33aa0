"""Style presets: request and response bodies."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.schemas.video_requests import ImageSource


class Preset(Struct, frozen=True, kw_only=True):
    """A style: text that is added to prompts and, optionally, a reference image for the look of a video."""

    id: Annotated[str, Meta(description="Id of the preset, sent as `preset` in requests.")]
    object: Literal["preset"] = "preset"
    name: Annotated[str, Meta(description="Name of the style.")]
    prompt: Annotated[str, Meta(description="Text added to the prompt.")]
    negative_prompt: Annotated[str, Meta(description="Text added to the negative prompt.")]
    image: Annotated[str | None, Meta(description="Path of the reference image, a PNG; null if there is none.")]
    built_in: Annotated[bool, Meta(description="Whether the preset is part of Kinora.")]
    own: Annotated[bool, Meta(description="Whether the preset belongs to the caller.")]
    shared: Annotated[bool, Meta(description="Whether other users may use the preset by its id.")]
    created_at: Annotated[int, Meta(description="Time of creation, in Unix seconds; 0 for a built-in preset.")]
    updated_at: Annotated[int, Meta(description="Time of the last change, in Unix seconds; 0 for a built-in preset.")]


PresetName = Annotated[str, Meta(min_length=1, max_length=100, description="Name of the style.")]
PresetPrompt = Annotated[str, Meta(min_length=1, max_length=4_000, description="Text added to the prompt.")]
PresetNegative = Annotated[str, Meta(max_length=2_000, description="Text added to the negative prompt.")]


class PresetCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Preset to create."""

    name: PresetName
    prompt: PresetPrompt
    negative_prompt: PresetNegative = ""
    image: Annotated[ImageSource | None, Meta(description="Reference image for the look of videos.")] = None
    shared: Annotated[bool, Meta(description="Whether other users may use the preset by its id.")] = False


class PresetChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a preset. Fields that are left out keep their value."""

    name: PresetName | None = None
    prompt: PresetPrompt | None = None
    negative_prompt: PresetNegative | None = None
    shared: Annotated[bool | None, Meta(description="Whether other users may use the preset by its id.")] = None
