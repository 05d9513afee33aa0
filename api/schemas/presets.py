"""Style presets: answers and bodies."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.schemas.video_requests import PictureSource


class Preset(Struct, frozen=True, kw_only=True):
    """A style: words that are added to a prompt and, if it has one, a picture whose look clips start from."""

    id: Annotated[str, Meta(description="Its id, which requests name as `preset`.")]
    object: Annotated[Literal["preset"], Meta(description="What kind of object this is.")] = "preset"
    name: Annotated[str, Meta(description="What a person calls it.")]
    prompt: Annotated[str, Meta(description="Words that are added to a prompt.")]
    negative_prompt: Annotated[str, Meta(description="Words that are added to a negative prompt.")]
    picture: Annotated[str | None, Meta(description="The path of its reference picture, a PNG; null if it has none.")]
    built_in: Annotated[bool, Meta(description="Whether it comes with Kinora.")]
    own: Annotated[bool, Meta(description="Whether it is the caller's own.")]
    shared: Annotated[bool, Meta(description="Whether whoever has its id may use it.")]
    created_at: Annotated[int, Meta(description="When it was made, in Unix seconds; 0 if it is built in.")]
    updated_at: Annotated[int, Meta(description="When it last changed, in Unix seconds; 0 if it is built in.")]


PresetName = Annotated[str, Meta(min_length=1, max_length=100, description="What a person calls it.")]
PresetPrompt = Annotated[str, Meta(min_length=1, max_length=4_000, description="Words that are added to a prompt.")]
PresetNegative = Annotated[str, Meta(max_length=2_000, description="Words that are added to a negative prompt.")]


class PresetCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A style to be kept. One that is `shared` may be used by whoever has its id."""

    name: PresetName
    prompt: PresetPrompt
    negative_prompt: PresetNegative = ""
    picture: Annotated[PictureSource | None, Meta(description="A picture whose look clips start from.")] = None
    shared: Annotated[bool, Meta(description="Whether whoever has its id may use it.")] = False


class PresetChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a preset; what is left out stays."""

    name: PresetName | None = None
    prompt: PresetPrompt | None = None
    negative_prompt: PresetNegative | None = None
    shared: Annotated[bool | None, Meta(description="Whether whoever has its id may use it.")] = None
